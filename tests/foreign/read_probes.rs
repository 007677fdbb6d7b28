//! Probes of the state in which interruptions leave std's readers.

use std::io::{self, BufRead, BufReader, Read, Write};

use selvedge::net::unix::UnixStream;

use crate::probe::{Middle, Outcome, Row, reading};

const LINES: &[u8] = b"the warp\nthe weft\n";

/// A row of a probe that reads both lines and is interrupted in the first, in the second one's middle.
fn lines(operation: &'static str, probe: impl Fn(&UnixStream, &Middle<'_>) -> Outcome) -> Row {
    reading(operation, LINES, 5, LINES, probe)
}

/// The same with text, interrupted between the bytes of a character.
fn characters(operation: &'static str, probe: impl Fn(&UnixStream, &Middle<'_>) -> Outcome) -> Row {
    let text = "Kettfäden\n".as_bytes();
    reading(operation, text, 6, text, probe)
}

fn rest(mut reader: impl Read, mut received: Vec<u8>) -> Outcome {
    reader.read_to_end(&mut received).unwrap();
    Some(received)
}

fn read_line(stream: &UnixStream, middle: &Middle<'_>) -> Outcome {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    middle.of(|| reader.read_line(&mut line));
    reader.read_line(&mut line).unwrap_or_default();
    rest(reader, line.into_bytes())
}

fn read_to_string(mut stream: &UnixStream, middle: &Middle<'_>) -> Outcome {
    let mut text = String::new();
    middle.of(|| stream.read_to_string(&mut text));
    stream.read_to_string(&mut text).unwrap_or_default();
    Some(text.into_bytes())
}

pub fn rows() -> Vec<Row> {
    vec![
        lines("`Read::read`, in a loop", |mut stream, middle| {
            let (mut received, mut chunk) = (Vec::new(), [0; 4]);
            middle.of(|| -> io::Result<()> {
                loop {
                    let n = stream.read(&mut chunk)?;
                    received.extend_from_slice(&chunk[..n]);
                }
            });
            rest(stream, received)
        }),
        lines("`Read::read_exact`", |mut stream, middle| {
            let mut received = vec![0; LINES.len()];
            middle.of(|| stream.read_exact(&mut received));
            // From the beginning, because the number of received bytes is unknown.
            rest(stream, Vec::new())
        }),
        lines("`Read::read_to_end`", |mut stream, middle| {
            let mut received = Vec::new();
            middle.of(|| stream.read_to_end(&mut received));
            rest(stream, received)
        }),
        lines("`Read::read_to_string`", read_to_string),
        characters("`Read::read_to_string`, within a character", read_to_string),
        lines("`Read::bytes`", |stream, middle| {
            let mut received = Vec::new();
            let mut bytes = BufReader::with_capacity(4, stream).bytes();
            middle.of(|| -> io::Result<()> {
                for byte in &mut bytes {
                    received.push(byte?);
                }
                Ok(())
            });
            received.extend(bytes.map(Result::unwrap));
            Some(received)
        }),
        lines("`Read::take`, then `read_to_end`", |stream, middle| {
            let mut received = Vec::new();
            let mut part = stream.take(12);
            middle.of(|| part.read_to_end(&mut received));
            assert_eq!(part.limit(), 7);
            part.read_to_end(&mut received).unwrap();
            rest(stream, received)
        }),
        lines("`Read::chain`, then `read_to_end`", |stream, middle| {
            let mut received = Vec::new();
            let mut both = (&b""[..]).chain(stream);
            middle.of(|| both.read_to_end(&mut received));
            rest(both, received)
        }),
        lines("`BufReader::fill_buf` and `consume`", |stream, middle| {
            let mut reader = BufReader::with_capacity(4, stream);
            let mut received = Vec::new();
            middle.of(|| -> io::Result<()> {
                loop {
                    let bytes = reader.fill_buf()?;
                    received.extend_from_slice(bytes);
                    let n = bytes.len();
                    reader.consume(n);
                }
            });
            rest(reader, received)
        }),
        lines("`BufReader::read_until`", |stream, middle| {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            middle.of(|| reader.read_until(b'\n', &mut line));
            reader.read_until(b'\n', &mut line).unwrap();
            rest(reader, line)
        }),
        lines("`BufReader::read_line`", read_line),
        characters("`BufReader::read_line`, within a character", read_line),
        lines("`BufReader::lines`", |stream, middle| {
            let mut lines = BufReader::new(stream).lines();
            middle.of(|| lines.next().transpose());
            Some(
                lines
                    .flat_map(|line| (line.unwrap() + "\n").into_bytes())
                    .collect(),
            )
        }),
        lines("`BufReader::read_exact`", |stream, middle| {
            let mut reader = BufReader::new(stream);
            middle.of(|| reader.read_exact(&mut [0; 9]));
            rest(reader, Vec::new())
        }),
        lines("`io::copy`, in its read", |mut stream, middle| {
            let mut received = Vec::new();
            middle.of(|| io::copy(&mut stream, &mut received));
            io::copy(&mut stream, &mut received).unwrap();
            Some(received)
        }),
        lines(
            "`io::copy` from a `BufReader`, in its read",
            |stream, middle| {
                let mut reader = BufReader::new(stream);
                let mut received = Vec::new();
                middle.of(|| io::copy(&mut reader, &mut received));
                io::copy(&mut reader, &mut received).unwrap();
                received.flush().unwrap();
                Some(received)
            },
        ),
    ]
}
