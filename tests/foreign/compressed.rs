//! flate2 on interrupted connections.

use std::io::{BufReader, Read, Write};

use flate2::Compression;
use flate2::bufread::ZlibDecoder;
use flate2::read::GzDecoder;
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::connections::{Client, Peer, message, on_each_connection};

const N_BYTES: usize = 6_000;

#[test]
fn interrupted_decoders_lose_no_byte() {
    on_each_connection(
        |client: Client| {
            let mut decoder = ZlibDecoder::new(BufReader::new(&client.stream));
            let (mut received, mut chunk) = (Vec::new(), [0; 1000]);
            loop {
                match client.until_done(|| decoder.read(&mut chunk)) {
                    0 => break,
                    n => received.extend_from_slice(&chunk[..n]),
                }
            }
            assert_eq!(received, message(1, N_BYTES));
        },
        |peer: Peer| {
            let mut encoder = ZlibEncoder::new(peer, Compression::fast());
            for part in message(1, N_BYTES).chunks(1500) {
                encoder.write_all(part).unwrap();
                encoder.flush().unwrap();
            }
            encoder.finish().unwrap();
        },
    );
}

#[test]
fn interrupted_encoders_lose_no_byte() {
    on_each_connection(
        |client: Client| {
            let data = message(2, 4 * N_BYTES);
            let mut encoder = GzEncoder::new(&client.stream, Compression::fast());
            let mut n_written = 0;
            while n_written < data.len() {
                n_written += client.until_done(|| encoder.write(&data[n_written..]));
            }
            client.until_done(|| encoder.try_finish());
        },
        |peer: Peer| {
            let mut received = Vec::new();
            let mut decoder = GzDecoder::new(peer);
            decoder.read_to_end(&mut received).unwrap();
            assert_eq!(received, message(2, 4 * N_BYTES));
        },
    );
}
