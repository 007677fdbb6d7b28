//! An HTTP server of pages with any length, framing and delay.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::time::Duration;

use httparse::{EMPTY_HEADER, Request};
use selvedge::net::{TcpListener, TcpStream};
use selvedge::{sleep, spawn};

use super::message::{MAX_HEADERS, keeps_alive, prepare, read_section};

pub fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        match stream {
            // A client may close its connection at any time, so errors are ignored.
            Ok(stream) => spawn(move || drop(attend(&stream))).detach(),
            Err(error) => eprintln!("not accepted: {error}"),
        }
    }
}

/// Answers one request after the other, until either side closes the connection.
fn attend(stream: &TcpStream) -> io::Result<()> {
    prepare(stream)?;
    let (mut reader, mut writer) = (BufReader::new(stream), BufWriter::new(stream));
    let mut is_kept = true;
    while is_kept {
        let head = read_section(&mut reader)?;
        let mut headers = [EMPTY_HEADER; MAX_HEADERS];
        let mut request = Request::new(&mut headers);
        let is_whole = request
            .parse(&head)
            .is_ok_and(|status| status.is_complete());
        let page = request.path.and_then(Page::parse);
        let refusal = match (&page, request.method) {
            _ if !is_whole => "400 Bad Request",
            (Some(page), Some("GET")) => {
                // HTTP/1.0 has no chunks.
                let is_recent = request.version == Some(1);
                is_kept = is_recent && keeps_alive(1, request.headers) && page.framing != "close";
                sleep(page.delay);
                page.write(&mut writer, is_kept, is_recent)?;
                writer.flush()?;
                continue;
            }
            (None, Some("GET")) => "404 Not Found",
            _ => "405 Method Not Allowed",
        };
        write!(
            writer,
            "HTTP/1.1 {refusal}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )?;
        is_kept = false;
    }
    writer.flush()
}

/// `/length/1000` is a page of 1000 bytes with its length, `/chunked/1000` is chunked, and `/close/1000` ends with the connection.
/// One more number is the delay in milliseconds.
struct Page<'a> {
    framing: &'a str,
    n_bytes: u64,
    delay: Duration,
}

impl<'a> Page<'a> {
    fn parse(path: &'a str) -> Option<Self> {
        let mut parts = path.strip_prefix('/')?.split('/');
        let framing = parts.next()?;
        let n_bytes = parts.next()?.parse().ok()?;
        let delay_ms: u32 = parts.next().map_or(Ok(0), str::parse).ok()?;
        let is_known = matches!(framing, "length" | "chunked" | "close") && parts.next().is_none();
        let delay = Duration::from_millis(delay_ms.into());
        is_known.then_some(Self {
            framing,
            n_bytes,
            delay,
        })
    }

    fn write(&self, out: &mut impl Write, is_kept: bool, has_chunks: bool) -> io::Result<()> {
        let text = |n_bytes| io::repeat(b'x').take(n_bytes);
        write!(out, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n")?;
        if !is_kept {
            write!(out, "Connection: close\r\n")?;
        }
        match self.framing {
            "length" => write!(out, "Content-Length: {}\r\n\r\n", self.n_bytes)?,
            "chunked" if has_chunks => {
                write!(out, "Transfer-Encoding: chunked\r\n\r\n")?;
                let mut n_left = self.n_bytes;
                while n_left > 0 {
                    let size = n_left.min(4_000);
                    write!(out, "{size:x}\r\n")?;
                    io::copy(&mut text(size), out)?;
                    write!(out, "\r\n")?;
                    n_left -= size;
                }
                return write!(out, "0\r\n\r\n");
            }
            _ => write!(out, "\r\n")?,
        }
        io::copy(&mut text(self.n_bytes), out).map(drop)
    }
}
