//! httparse in its usual loop: parse the bytes that have arrived, read more.

use std::io::{Read, Write};

use httparse::{EMPTY_HEADER, Response, Status};

use crate::connections::{Client, Peer, message, on_each_connection};

const N_RESPONSES: usize = 8;

#[test]
fn interrupted_loops_of_httparse_lose_no_byte() {
    on_each_connection(
        |client: Client| {
            let mut received = Vec::new();
            for n in 0..N_RESPONSES {
                let (n_head, n_body) = loop {
                    if let Some(lengths) = lengths(&received) {
                        break lengths;
                    }
                    read_more(&client, &mut received);
                };
                while received.len() < n_head + n_body {
                    read_more(&client, &mut received);
                }
                assert_eq!(received[n_head..n_head + n_body], message(n, n * 200));
                received.drain(..n_head + n_body);
            }
            assert!(received.is_empty());
        },
        |mut peer: Peer| {
            for n in 0..N_RESPONSES {
                let body = message(n, n * 200);
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                peer.write_all(head.as_bytes()).unwrap();
                peer.write_all(&body).unwrap();
            }
        },
    );
}

fn read_more(client: &Client, received: &mut Vec<u8>) {
    let mut chunk = [0; 500];
    let n = client.until_done(|| (&client.stream).read(&mut chunk));
    assert!(n > 0, "the stream ends early");
    received.extend_from_slice(&chunk[..n]);
}

/// The lengths of a response's head and body, once the head is whole.
pub fn lengths(received: &[u8]) -> Option<(usize, usize)> {
    let mut headers = [EMPTY_HEADER; 4];
    let mut response = Response::new(&mut headers);
    match response.parse(received).expect("a head") {
        Status::Partial => None,
        Status::Complete(n_head) => {
            let length = str::from_utf8(response.headers[0].value).unwrap();
            Some((n_head, length.parse().unwrap()))
        }
    }
}
