//! Probes of the state in which interruptions leave std's writers.

use std::io::{self, BufRead, BufReader, BufWriter, IoSlice, LineWriter, Read, Write};

use selvedge::net::unix::UnixStream;

use crate::lines::text;
use crate::probe::{Middle, Row, writing};

/// More than a socket and a few buffers hold.
const N_BYTES: usize = 100_000;

fn lines() -> String {
    let line = |n| text(n, 99) + "\n";
    (0..N_BYTES / 100).map(line).collect()
}

/// A row of a probe that writes the bytes and is interrupted in their middle.
fn bytes(
    operation: &'static str,
    probe: impl Fn(&UnixStream, &Middle<'_>, &[u8]) -> Option<()>,
) -> Row {
    let data = lines();
    let data = data.as_bytes();
    writing(
        operation,
        data,
        |received| received,
        |stream, middle| probe(stream, middle, data),
    )
}

/// Writes parts until the writer waits, and all the others after that. Each part is smaller than a buffer.
fn parts(
    mut writer: impl Write,
    middle: &Middle<'_>,
    data: &[u8],
    mut write: impl FnMut(&mut dyn Write, &[u8]) -> io::Result<usize>,
) -> Option<()> {
    let mut n_written = 0;
    let mut write_on = || -> io::Result<()> {
        while n_written < data.len() {
            let end = data.len().min(n_written + 1000);
            n_written += write(&mut writer, &data[n_written..end])?;
        }
        writer.flush()
    };
    middle.of(&mut write_on);
    write_on().unwrap();
    Some(())
}

fn write_part(writer: &mut dyn Write, part: &[u8]) -> io::Result<usize> {
    writer.write(part)
}

fn write_all_of_part(writer: &mut dyn Write, part: &[u8]) -> io::Result<usize> {
    writer.write_all(part)?;
    Ok(part.len())
}

/// A reader of which std does not know that it has a buffer.
struct Unbuffered<'a>(&'a [u8]);

impl Read for Unbuffered<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

pub fn rows() -> Vec<Row> {
    vec![
        bytes("`Write::write`, in a loop", |stream, middle, data| {
            parts(stream, middle, data, write_part)
        }),
        bytes(
            "`Write::write_vectored`, in a loop",
            |stream, middle, data| {
                parts(stream, middle, data, |writer, part| {
                    let (first, second) = part.split_at(part.len() / 2);
                    writer.write_vectored(&[IoSlice::new(first), IoSlice::new(second)])
                })
            },
        ),
        bytes(
            "`Write::write_all`, again from the beginning",
            |mut stream, middle, data| {
                middle.of(|| stream.write_all(data));
                stream.write_all(data).unwrap();
                Some(())
            },
        ),
        bytes("`BufWriter::write` and `flush`", |stream, middle, data| {
            parts(BufWriter::new(stream), middle, data, write_part)
        }),
        bytes(
            "`BufWriter::write_all`, of less than its capacity",
            |stream, middle, data| parts(BufWriter::new(stream), middle, data, write_all_of_part),
        ),
        bytes(
            "`BufWriter::write_all`, of more than its capacity",
            |stream, middle, data| {
                let mut writer = BufWriter::new(stream);
                middle.of(|| writer.write_all(data));
                writer.write_all(data).unwrap();
                writer.flush().unwrap();
                Some(())
            },
        ),
        bytes(
            "`BufWriter`, dropped by what is interrupted",
            |stream, middle, data| {
                let mut n_taken = 0;
                middle.of(|| {
                    let mut writer = BufWriter::with_capacity(2 * N_BYTES, stream);
                    n_taken = writer.write(data)?;
                    writer.flush()
                });
                (&*stream).write_all(&data[n_taken..]).unwrap();
                Some(())
            },
        ),
        bytes("`LineWriter::write` and `flush`", |stream, middle, data| {
            parts(LineWriter::new(stream), middle, data, write_part)
        }),
        bytes(
            "`LineWriter::write_all`, of a line",
            |stream, middle, data| {
                let mut writer = LineWriter::new(stream);
                middle.of(|| writer.write_all(data));
                writer.write_all(data).unwrap();
                Some(())
            },
        ),
        bytes("`io::copy`, in its write", |mut stream, middle, data| {
            let mut source = Unbuffered(data);
            middle.of(|| io::copy(&mut source, &mut stream));
            io::copy(&mut source, &mut stream).unwrap();
            Some(())
        }),
        bytes(
            "`io::copy` from a `BufReader`, in its write",
            |mut stream, middle, data| {
                let mut reader = BufReader::with_capacity(20_000, data);
                middle.of(|| io::copy(&mut reader, &mut stream));
                io::copy(&mut reader, &mut stream).unwrap();
                Some(())
            },
        ),
        bytes(
            "`BufReader::fill_buf`, `Write::write`, `consume`",
            |mut stream, middle, data| {
                let mut reader = BufReader::with_capacity(20_000, data);
                let mut copy = || -> io::Result<()> {
                    loop {
                        let n = match reader.fill_buf()? {
                            [] => return Ok(()),
                            bytes => stream.write(bytes)?,
                        };
                        reader.consume(n);
                    }
                };
                middle.of(&mut copy);
                copy().unwrap();
                Some(())
            },
        ),
    ]
}
