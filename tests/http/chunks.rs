//! The lines between the chunks of a body, as real servers send them, and their limits.

use std::io::{Read, Write};

use selvedge::http::{Error, Method, Session};

use crate::server::{Server, in_loop};

const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n";

/// A server that answers each request with the same bytes, in pieces of this length.
fn in_pieces(bytes: String, length: usize) -> Server {
    Server::raw(move |mut stream| {
        stream.set_nodelay(true).unwrap();
        while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {
            for piece in bytes.as_bytes().chunks(length) {
                if stream.write_all(piece).is_err() {
                    // The client has closed.
                    return;
                }
                selvedge::yield_now();
            }
        }
    })
}

/// A server that answers with these bytes, then with others for ever.
fn endless(start: String, more: &'static str) -> Server {
    Server::raw(move |mut stream| {
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        let _ = stream.write_all(start.as_bytes());
        while stream.write_all(more.as_bytes()).is_ok() {}
    })
}

fn error_of_body(server: &Server) -> Error {
    let response = Session::new().get(server.url("/")).unwrap();
    response.text().unwrap_err()
}

#[test]
fn chunks_that_browsers_accept_are_accepted() {
    let long = "long".repeat(20);
    let bodies = [
        "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n".to_owned(),
        "5\nhello\n6\n world\n0\n\n".to_owned(),
        "5\nhello\r\n6\r\n world\n0\r\n\n".to_owned(),
        "5\r\nhello\r\n6\r\n world\r\n0\r\nx: y\nz: w\r\n\n".to_owned(),
        format!("5;{long}=\"{long}\"\r\nhello\r\n6 ; x\n world\r\n0;{long}\r\n\r\n"),
        "0000000000000000000000005\r\nhello\r\n6                     \r\n world\r\n000\r\n\r\n"
            .to_owned(),
    ];
    let interims = ["", "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n"];
    in_loop(|| {
        for body in &bodies {
            for interim in interims {
                for length in [1, 2, 3, 7, 10_000] {
                    let server = in_pieces(format!("{interim}{HEAD}{body}"), length);
                    let session = Session::new();
                    for _ in 0..2 {
                        let text = session.get(server.url("/")).unwrap().text().unwrap();
                        assert_eq!(text, "hello world", "{body:?} in pieces of {length}");
                    }
                    assert_eq!(server.n_connections(), 1, "{body:?} in pieces of {length}");
                }
            }
        }
    });
}

/// The answer arrives together with the interim response, before the body is sent.
#[test]
fn an_early_answer_may_be_in_chunks_with_line_feeds_alone() {
    in_loop(|| {
        for interim in ["", "HTTP/1.1 100 Continue\r\n\r\n"] {
            for status in ["200 OK", "413 Content Too Large"] {
                let head = HEAD.replace("200 OK", status);
                let server = in_pieces(format!("{interim}{head}5\nhello\n0\n\n"), 10_000);
                let request = Session::new().request(Method::POST, server.url("/"));
                let request = request.header("expect", "100-continue").body("body");
                assert_eq!(request.send().unwrap().text().unwrap(), "hello");
            }
        }
    });
}

#[test]
fn large_chunks_with_line_feeds_alone_are_complete() {
    in_loop(|| {
        let text: String = (0..60_000).map(|n| format!("{n} ")).collect();
        let mut chunks = String::new();
        for (n, chunk) in text.as_bytes().chunks(20_000).enumerate() {
            let chunk = std::str::from_utf8(chunk).unwrap();
            let end = if n % 2 == 0 { "\n" } else { "\r\n" };
            chunks.push_str(&format!("{:x}{end}{chunk}{end}", chunk.len()));
        }
        let part = &text[..50_000];
        let small: String = part.chars().map(|digit| format!("1\n{digit}\n")).collect();
        for (text, chunks) in [(&*text, chunks), (part, small)] {
            let server = in_pieces(format!("{HEAD}{chunks}0\n\n"), 50_000);
            let session = Session::new();
            for _ in 0..2 {
                let got = session.get(server.url("/")).unwrap().text().unwrap();
                assert!(got == text, "{} of {} bytes", got.len(), text.len());
            }
            assert_eq!(server.n_connections(), 1);
        }
    });
}

/// Each of them is an error while the connection is open: ureq alone would wait for a carriage return.
#[test]
fn invalid_chunks_are_an_error_at_once() {
    in_loop(|| {
        for body in [
            "five\n",
            "5\nhello!\n",
            "5\nhello5\n",
            "\n",
            "-1\n",
            "5\rhello",
        ] {
            for length in [1, 10_000] {
                let server = in_pieces(format!("{HEAD}{body}xxxxxxx\nxxx\n"), length);
                let error = error_of_body(&server);
                assert!(error.is_protocol(), "{body:?}: {error:?}");
            }
        }
    });
}

#[test]
fn trailers_beyond_the_limit_are_an_error_that_says_so() {
    in_loop(|| {
        for more in ["x-more: and more\r\n", "x-more: and more\n", "more"] {
            let server = endless(format!("{HEAD}5\r\nhello\r\n0\r\n"), more);
            let error = error_of_body(&server);
            assert!(error.is_protocol(), "{error:?}");
            assert!(error.to_string().contains("trailers"), "{error}");
        }
    });
}

#[test]
fn an_endless_line_at_a_chunk_is_an_error_that_says_so() {
    in_loop(|| {
        let server = endless(format!("{HEAD}5;"), "more");
        let error = error_of_body(&server);
        assert!(error.is_protocol(), "{error:?}");
        assert!(error.to_string().contains("a chunk"), "{error}");
    });
}

#[test]
fn endless_interim_responses_are_an_error_that_says_so() {
    in_loop(|| {
        for more in [
            "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
        ] {
            for method in [Method::GET, Method::POST] {
                let server = endless(String::new(), more);
                let request = Session::new().request(method, server.url("/"));
                let error = request.body(vec![0; 1 << 22]).send().unwrap_err();
                assert!(error.is_protocol(), "{error:?}");
                let text = error.to_string();
                // Where they arrive faster than they are dropped, they fill the buffer.
                assert!(text.contains("1 MiB") || text.contains("64 KiB"), "{text}");
            }
        }
    });
}
