//! The parts of HTTP that client and server share: lines, headers, chunked bodies.

use std::io::{self, BufRead, ErrorKind, Read};
use std::time::Duration;

use httparse::{Header, Status, parse_chunk_size};
use selvedge::net::TcpStream;

use super::AnyError;

pub const MAX_HEADERS: usize = 64;
const MAX_SECTION_BYTES: usize = 64 * 1024;

/// The timeout of a read and of a write.
const TIMEOUT: Duration = Duration::from_secs(30);

pub fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))
}

/// Reads lines up to and with the first empty one: the head of a message.
pub fn read_section(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut section = Vec::new();
    while section.len() <= MAX_SECTION_BYTES {
        let line = read_line(reader)?;
        section.extend_from_slice(&line);
        if line == b"\r\n" || line == b"\n" {
            return Ok(section);
        }
    }
    Err(io::Error::new(ErrorKind::InvalidData, "too many headers"))
}

/// Reads a line with its line end.
fn read_line(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    reader
        .take(MAX_SECTION_BYTES as u64)
        .read_until(b'\n', &mut line)?;
    match line.last() {
        Some(b'\n') => Ok(line),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}

pub fn find<'a>(headers: &'a [Header<'_>], name: &str) -> Option<&'a str> {
    let header = headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(header.value).ok().map(str::trim)
}

/// Whether a header, a list separated by commas, has this entry.
pub fn has_entry(headers: &[Header<'_>], name: &str, entry: &str) -> bool {
    let mut entries = find(headers, name)
        .into_iter()
        .flat_map(|list| list.split(','));
    entries.any(|other| other.trim().eq_ignore_ascii_case(entry))
}

/// Whether the connection stays open after this message. `version` is the minor version of HTTP/1.
pub fn keeps_alive(version: u8, headers: &[Header<'_>]) -> bool {
    match version {
        0 => has_entry(headers, "connection", "keep-alive"),
        _ => !has_entry(headers, "connection", "close"),
    }
}

pub fn skip(reader: &mut impl BufRead, n_bytes: u64) -> io::Result<u64> {
    match io::copy(&mut reader.take(n_bytes), &mut io::sink())? {
        n if n == n_bytes => Ok(n),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}

/// Reads a chunked body and returns its length without the framing.
pub fn skip_chunks(reader: &mut impl BufRead) -> Result<u64, AnyError> {
    let mut n_bytes = 0;
    loop {
        let line = read_line(reader)?;
        let size = match parse_chunk_size(&line) {
            Ok(Status::Complete((_, size))) => size,
            _ => return Err("a chunk without its size".into()),
        };
        if size == 0 {
            // Trailers may follow.
            read_section(reader)?;
            return Ok(n_bytes);
        }
        n_bytes += skip(reader, size)?;
        if read_line(reader)? != b"\r\n" {
            return Err("a chunk does not end where it should".into());
        }
    }
}
