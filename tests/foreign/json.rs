//! serde_json, with one value per line.

use std::io::{BufWriter, Write};

use selvedge::io::StreamReader;
use serde_json::{Value, json};

use crate::connections::{Client, Peer, on_each_connection};
use crate::lines::text;

const N_VALUES: usize = 10;

fn value(n: usize) -> Value {
    json!({ "n": n, "words": [text(n, n * 50), text(n + 1, 7)], "nested": { "none": null } })
}

#[test]
fn interrupted_lines_of_json_lose_no_value() {
    on_each_connection(
        |client: Client| {
            let mut lines = StreamReader::new(&client.stream);
            for n in 0..N_VALUES {
                let line = client.until_done(|| lines.read_line().map_err(std::io::Error::from));
                assert_eq!(serde_json::from_slice::<Value>(&line).unwrap(), value(n));
            }
            let rest = client.until_done(|| lines.read_line().map_err(std::io::Error::from));
            assert_eq!(rest, b"");
        },
        |peer: Peer| {
            let mut peer = BufWriter::with_capacity(512, peer);
            for n in 0..N_VALUES {
                serde_json::to_writer(&mut peer, &value(n)).unwrap();
                peer.write_all(b"\n").unwrap();
            }
            peer.flush().unwrap();
        },
    );
}
