//! Buffered readers and writers of std and of this crate.

use std::io::{BufRead, BufReader, BufWriter, LineWriter, Write};

use selvedge::io::StreamReader;

use crate::connections::{Client, Peer, message, on_each_connection};

const N_LINES: usize = 12;

/// A [`message`] in letters.
pub fn text(n: usize, n_bytes: usize) -> String {
    let letter = |byte: u8| char::from(b'a' + byte % 26);
    message(n, n_bytes).into_iter().map(letter).collect()
}

/// The `n`th line, without its end. Some lines are longer than the buffers of the writers.
fn line(n: usize) -> String {
    text(n, [0, 1, 100, 9000][n % 4])
}

/// Sends each line back.
fn echo(peer: Peer) {
    let mut peer = BufReader::with_capacity(256, peer);
    for n in 0..N_LINES {
        let mut received = String::new();
        peer.read_line(&mut received).unwrap();
        assert_eq!(received, line(n) + "\n");
        peer.get_mut().write_all(received.as_bytes()).unwrap();
    }
}

/// Writes all bytes, and keeps count of what was written before an interruption.
fn write_all(client: &Client, writer: &mut impl Write, bytes: &[u8]) {
    let mut n_written = 0;
    while n_written < bytes.len() {
        n_written += client.until_done(|| writer.write(&bytes[n_written..]));
    }
    client.until_done(|| writer.flush());
}

#[test]
fn interrupted_buffers_of_std_lose_no_line() {
    let client = |client: Client| {
        let mut writer = BufWriter::new(&client.stream);
        let mut reader = BufReader::new(&client.stream);
        for n in 0..N_LINES {
            let sent = line(n) + "\n";
            write_all(&client, &mut writer, sent.as_bytes());
            let mut received = Vec::new();
            client.until_done(|| reader.read_until(b'\n', &mut received));
            assert_eq!(received, sent.as_bytes());
        }
    };
    on_each_connection(client, echo);
}

#[test]
fn interrupted_stream_readers_lose_no_line() {
    let client = |client: Client| {
        let mut writer = LineWriter::new(&client.stream);
        let mut reader = StreamReader::new(&client.stream);
        for n in 0..N_LINES {
            let sent = line(n) + "\n";
            write_all(&client, &mut writer, sent.as_bytes());
            let read_line = || reader.read_line().map_err(std::io::Error::from);
            assert_eq!(client.until_done(read_line), sent.as_bytes());
        }
    };
    on_each_connection(client, echo);
}
