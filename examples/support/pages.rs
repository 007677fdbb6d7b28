//! An HTTP server for the examples that get pages: a function maps a path to a page.

use std::io::{self, BufRead, BufReader, Read, Write};

use httparse::{EMPTY_HEADER, Request};
use selvedge::net::{TcpListener, TcpStream};
use selvedge::spawn;

/// Accepts for ever. `wrap` turns a connection into the stream of requests: the connection itself, or an encrypted stream.
pub fn serve<S: Read + Write>(
    listener: &TcpListener,
    wrap: impl Fn(TcpStream) -> io::Result<S> + Clone + 'static,
    page: impl Fn(&str) -> Option<Vec<u8>> + Clone + 'static,
) {
    for stream in listener.incoming().flatten() {
        let (wrap, page) = (wrap.clone(), page.clone());
        // A client may close its connection at any time, so errors are ignored.
        spawn(move || drop(wrap(stream).and_then(|stream| attend(stream, &page)))).detach();
    }
}

/// Answers one request after the other, until the client closes the connection.
fn attend<S: Read + Write>(stream: S, page: &impl Fn(&str) -> Option<Vec<u8>>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if stream.by_ref().take(8_192).read_until(b'\n', &mut head)? == 0 {
                return Ok(());
            }
        }
        let mut headers = [EMPTY_HEADER; 32];
        let mut request = Request::new(&mut headers);
        let parsed = request.parse(&head).map_err(io::Error::other)?;
        let path = request.path.filter(|_| parsed.is_complete());
        let (status, body) = match path.and_then(page) {
            Some(body) => ("200 OK", body),
            None => ("404 Not Found", b"There is no such page.".to_vec()),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let out = stream.get_mut();
        out.write_all(&[head.as_bytes(), &body].concat())?;
        out.flush()?;
    }
}
