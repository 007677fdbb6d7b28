//! Probes of the state in which interruptions leave other crates' types.

use std::io::{self, BufReader, Cursor, Read, Write};

use flate2::Compression;
use flate2::bufread::ZlibDecoder;
use flate2::read::GzDecoder;
use flate2::write::{GzEncoder, ZlibEncoder};

use serde_json::{Deserializer, Value};
use tungstenite::protocol::Role;
use tungstenite::{HandshakeError, Message, WebSocket};

use crate::heads;
use crate::lines::text;
use crate::probe::{Row, reading, writing};
use crate::websocket::io_error;

const TEXT: &[u8] = b"the warp and the weft";

/// Two messages of a server.
const FRAMES: &[u8] = b"\x81\x08the warp\x81\x0d and the weft";

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\nthe warp and the weft";

const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n";

pub fn rows() -> Vec<Row> {
    let mut rows = readers();
    rows.extend(writers());
    rows
}

fn readers() -> Vec<Row> {
    let zipped = {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(TEXT).unwrap();
        encoder.finish().unwrap()
    };
    let gzipped = gzipped(TEXT);
    vec![
        reading(
            "`tungstenite`: `read`",
            FRAMES,
            5,
            TEXT,
            |stream, middle| {
                let mut socket = WebSocket::from_raw_socket(stream, Role::Client, None);
                middle.of(|| socket.read().map_err(io_error));
                let mut received = socket.read().unwrap().into_data().to_vec();
                received.extend_from_slice(&socket.read().unwrap().into_data());
                Some(received)
            },
        ),
        reading(
            "`tungstenite`: `client`, the handshake",
            SWITCHING,
            20,
            b"",
            |stream, middle| {
                middle.of(|| match tungstenite::client("ws://localhost/", stream) {
                    Ok(_) => Ok(()),
                    Err(HandshakeError::Failure(error)) => Err(io_error(error)),
                    Err(HandshakeError::Interrupted(_)) => panic!("the handshake can go on"),
                });
                None
            },
        ),
        reading(
            "`flate2`: `read` of a decoder",
            &zipped,
            10,
            TEXT,
            |stream, middle| {
                let mut decoder = ZlibDecoder::new(BufReader::new(stream));
                let (mut received, mut chunk) = (Vec::new(), [0; 4]);
                middle.of(|| -> io::Result<()> {
                    loop {
                        let n = decoder.read(&mut chunk)?;
                        received.extend_from_slice(&chunk[..n]);
                    }
                });
                decoder.read_to_end(&mut received).unwrap();
                Some(received)
            },
        ),
        reading(
            "`flate2`: `GzDecoder::new`, which reads",
            &gzipped,
            5,
            TEXT,
            |stream, middle| {
                let (mut decoder, mut received) = (None, Vec::new());
                middle.of(|| {
                    let decoder = decoder.insert(GzDecoder::new(stream));
                    decoder.read_to_end(&mut received)
                });
                let n = decoder
                    .as_mut()
                    .unwrap()
                    .read_to_end(&mut received)
                    .unwrap();
                (n > 0).then_some(received)
            },
        ),
        reading(
            "`httparse`, in a loop",
            HEAD,
            20,
            TEXT,
            |mut stream, middle| {
                let mut received = Vec::new();
                let mut read_on = || -> io::Result<usize> {
                    loop {
                        if let Some((n_head, n_body)) = heads::lengths(&received)
                            && received.len() == n_head + n_body
                        {
                            return Ok(n_head);
                        }
                        let mut chunk = [0; 8];
                        let n = stream.read(&mut chunk)?;
                        received.extend_from_slice(&chunk[..n]);
                    }
                };
                middle.of(&mut read_on);
                let n_head = read_on().unwrap();
                Some(received.split_off(n_head))
            },
        ),
        reading(
            "`serde_json`: `from_reader`",
            b"[1234]",
            3,
            b"[1234]",
            |stream, middle| {
                let mut reader = BufReader::new(stream);
                middle.of(|| Ok(serde_json::from_reader::<_, Value>(&mut reader)?));
                let value = serde_json::from_reader::<_, Value>(&mut reader);
                Some(value.map_or(Vec::new(), |value| value.to_string().into_bytes()))
            },
        ),
        reading(
            "`serde_json`: `StreamDeserializer`",
            b"[1] [2] ",
            5,
            b"[1][2]",
            |stream, middle| {
                let values = Deserializer::from_reader(BufReader::new(stream));
                let mut values = values.into_iter::<Value>();
                let mut received = values.next().unwrap().unwrap().to_string();
                middle.of(|| Ok(values.next().transpose()?));
                received += &values.next()?.unwrap().to_string();
                Some(received.into_bytes())
            },
        ),
    ]
}

fn writers() -> Vec<Row> {
    let long = text(1, 100_000);
    let long = long.as_bytes();
    let short = &long[..20_000];
    let json = serde_json::to_vec(&[text(1, 100_000)]).unwrap();
    vec![
        writing(
            "`tungstenite`: `send`, then `flush`",
            long,
            messages,
            |stream, middle| {
                let mut socket = WebSocket::from_raw_socket(stream, Role::Client, None);
                middle.of(|| {
                    socket
                        .send(Message::binary(long.to_vec()))
                        .map_err(io_error)
                });
                socket.flush().unwrap();
                Some(())
            },
        ),
        writing(
            "`flate2`: `write` of an encoder",
            long,
            gunzipped,
            |stream, middle| {
                let mut encoder = GzEncoder::new(stream, Compression::fast());
                let mut n_written = 0;
                let mut write_on = || -> io::Result<()> {
                    while n_written < long.len() {
                        n_written += encoder.write(&long[n_written..])?;
                    }
                    Ok(())
                };
                middle.of(&mut write_on);
                write_on().unwrap();
                encoder.try_finish().unwrap();
                Some(())
            },
        ),
        writing(
            "`flate2`: `try_finish`",
            short,
            gunzipped,
            |stream, middle| {
                let mut encoder = GzEncoder::new(stream, Compression::fast());
                encoder.write_all(short).unwrap();
                middle.of(|| encoder.try_finish());
                encoder.try_finish().unwrap();
                Some(())
            },
        ),
        writing(
            "`flate2`: `finish`, which takes the encoder",
            short,
            gunzipped,
            |stream, middle| {
                let mut encoder = GzEncoder::new(stream, Compression::fast());
                encoder.write_all(short).unwrap();
                middle.of(|| encoder.finish());
                Some(())
            },
        ),
        writing(
            "`serde_json`: `to_writer`, again from the beginning",
            &json,
            same,
            |stream, middle| {
                let value = [text(1, 100_000)];
                middle.of(|| Ok(serde_json::to_writer(stream, &value)?));
                serde_json::to_writer(stream, &value).unwrap();
                Some(())
            },
        ),
    ]
}

fn same(received: Vec<u8>) -> Vec<u8> {
    received
}

/// The contents of a client's messages.
fn messages(received: Vec<u8>) -> Vec<u8> {
    let mut socket = WebSocket::from_raw_socket(Cursor::new(received), Role::Server, None);
    let mut contents = Vec::new();
    while let Ok(message) = socket.read() {
        contents.extend_from_slice(&message.into_data());
    }
    contents
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The bytes that can be decoded.
fn gunzipped(received: Vec<u8>) -> Vec<u8> {
    let mut decoder = GzDecoder::new(&*received);
    let mut bytes = Vec::new();
    let _ = decoder.read_to_end(&mut bytes);
    bytes
}
