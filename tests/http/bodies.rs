//! Reading the body of a response.

use std::cell::Cell;
use std::io::{Read, Write};
use std::rc::Rc;

use flate2::Compression;
use flate2::write::GzEncoder;
use selvedge::http::Session;
use selvedge::{spawn, yield_now};

use crate::server::{Gate, Server, answer, in_loop, ok};

/// "warp and weft, warp and weft", packed by Python's gzip.
const PACKED: [u8; 39] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 43, 79, 44, 42, 80, 72, 204, 75, 81, 40, 79, 77, 43, 209,
    81, 40, 71, 230, 2, 0, 220, 74, 36, 146, 28, 0, 0, 0, 0,
];
const UNPACKED: &str = "warp and weft, warp and weft";

fn packed() -> &'static [u8] {
    &PACKED[..38]
}

#[test]
fn gzip_is_requested_and_unpacked() {
    in_loop(|| {
        let server = Server::start(|_| answer("200 OK", &["content-encoding: gzip"], packed()));
        let session = Session::new();
        let response = session.get(server.url("/")).unwrap();
        // These headers no longer apply.
        assert!(response.headers().get("content-encoding").is_none());
        assert_eq!(response.content_length(), None);
        assert_eq!(response.text().unwrap(), UNPACKED);
        let asked = server.only_request().header("accept-encoding");
        assert_eq!(asked.as_deref(), Some("gzip"));

        let mut text = String::new();
        let mut body = session.get(server.url("/")).unwrap().into_reader();
        body.read_to_string(&mut text).unwrap();
        assert_eq!(text, UNPACKED);
        assert_eq!(server.n_connections(), 1);
    });
}

#[test]
fn broken_gzip_is_an_error() {
    in_loop(|| {
        let server = Server::start(|_| answer("200 OK", &["content-encoding: gzip"], "not packed"));
        let error = Session::new()
            .get(server.url("/"))
            .unwrap()
            .text()
            .unwrap_err();
        assert!(error.is_decode(), "{error:?}");
    });
}

#[test]
fn a_body_can_be_read_while_it_arrives() {
    in_loop(|| {
        let gate = Gate::new();
        let first = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nwarp";
        let server = Server::in_two_parts(first, &gate, "weft");
        let mut body = Session::new().get(server.url("/")).unwrap().into_reader();
        let mut half = [0; 4];
        body.read_exact(&mut half).unwrap();
        assert_eq!(&half, b"warp");
        gate.open();
        body.read_exact(&mut half).unwrap();
        assert_eq!(&half, b"weft");
        assert_eq!(body.read(&mut half).unwrap(), 0);
    });
}

#[test]
fn every_framing_gives_the_same_bytes() {
    in_loop(|| {
        let text = "0123456789abcdef".repeat(20_000);
        let inner = text.clone();
        let server = Server::start(move |request| match &*request.target {
            "/length" => ok(&inner),
            "/chunked" => {
                let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
                for chunk in inner.as_bytes().chunks(7_777) {
                    write!(answer, "{:x}\r\n", chunk.len()).unwrap();
                    answer.extend_from_slice(chunk);
                    answer.extend_from_slice(b"\r\n");
                }
                answer.extend_from_slice(b"0\r\n\r\n");
                answer
            }
            _ => Vec::new(),
        });
        let until_the_end = {
            let text = text.clone();
            Server::raw(move |mut stream| {
                let n = stream.read(&mut [0; 1024]).unwrap();
                assert!(n > 0);
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                stream.write_all(text.as_bytes()).unwrap();
            })
        };
        let session = Session::new();
        for url in [
            server.url("/length"),
            server.url("/chunked"),
            until_the_end.url("/"),
        ] {
            let bytes = session.get(&url).unwrap().bytes().unwrap();
            assert!(bytes == text.as_bytes(), "other bytes from {url}");
        }
        assert_eq!(server.n_connections(), 1);
    });
}

#[test]
fn a_body_that_ends_early_is_an_error() {
    in_loop(|| {
        let server = Server::raw(|mut stream| {
            let n = stream.read(&mut [0; 1024]).unwrap();
            assert!(n > 0);
            let half = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nwarp";
            stream.write_all(half).unwrap();
        });
        let session = Session::new();
        let error = session.get(server.url("/")).unwrap().bytes().unwrap_err();
        assert!(error.is_disconnected(), "{error:?}");

        let mut read = Vec::new();
        let mut body = session.get(server.url("/")).unwrap().into_reader();
        let error = body.read_to_end(&mut read).unwrap_err();
        let error = error.downcast::<selvedge::http::Error>().unwrap();
        assert!(error.is_disconnected(), "{error:?}");
        assert_eq!(read, b"warp");
    });
}

#[test]
fn a_body_that_is_too_large_is_refused_in_every_encoding() {
    in_loop(|| {
        let server = Server::start(|request| match &*request.target {
            "/packed" => answer("200 OK", &["content-encoding: gzip"], packed()),
            _ => ok(UNPACKED),
        });
        let limit = UNPACKED.len() as u64;
        let exact = Session::builder().max_body_size_bytes(limit).build();
        let small = Session::builder().max_body_size_bytes(limit - 1).build();
        for path in ["/", "/packed"] {
            assert_eq!(
                exact.get(server.url(path)).unwrap().text().unwrap(),
                UNPACKED
            );
            let error = small.get(server.url(path)).unwrap().text().unwrap_err();
            assert!(error.is_body_too_large(), "{error:?}");
            let mut text = String::new();
            let mut body = small.get(server.url(path)).unwrap().into_reader();
            body.read_to_string(&mut text).unwrap();
            assert_eq!(text, UNPACKED);
        }
    });
}

#[test]
fn text_that_is_not_utf8_is_replaced() {
    in_loop(|| {
        let server = Server::start(|_| ok(b"w\xffrp"));
        let text = Session::new().get(server.url("/")).unwrap().text().unwrap();
        assert_eq!(text, "w\u{fffd}rp");
    });
}

#[test]
fn response_heads_may_be_long_but_not_endless() {
    in_loop(|| {
        let server = Server::start(|request| {
            let length: usize = request.target[1..].parse().unwrap();
            let long = format!("x-long: {}", "a".repeat(length));
            answer("200 OK", &[&long], "body")
        });
        let session = Session::new();
        for length in [10_000, 17_000, 60_000] {
            let response = session.get(server.url(&format!("/{length}"))).unwrap();
            assert_eq!(response.headers()["x-long"].len(), length);
            assert_eq!(response.text().unwrap(), "body");
        }
        assert_eq!(server.n_connections(), 1);
        let error = session.get(server.url("/70000")).unwrap_err();
        assert!(error.is_protocol(), "{error:?}");
    });
}

/// The headers of a body without the body.
#[test]
fn gzip_without_a_body_is_an_empty_body() {
    in_loop(|| {
        let responses = [
            "200 OK\r\ncontent-length: 0",
            "200 OK\r\ncontent-length: 38",
            "204 No Content",
            "304 Not Modified\r\ncontent-length: 38",
            "200 OK\r\ntransfer-encoding: chunked\r\n\r\n0",
        ];
        for head in responses {
            let server = Server::start(move |_| {
                format!("HTTP/1.1 {head}\r\ncontent-encoding: gzip\r\n\r\n").into_bytes()
            });
            let chunked = Server::start(|_| {
                b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
                    .to_vec()
            });
            let session = Session::new();
            for _ in 0..2 {
                if head.contains("chunked") {
                    let response = session.get(chunked.url("/")).unwrap();
                    assert_eq!(response.text().unwrap(), "", "{head}");
                    continue;
                }
                let response = session.head(server.url("/")).unwrap();
                // They say what a GET would give.
                assert_eq!(response.headers()["content-encoding"], "gzip");
                assert_eq!(response.text().unwrap(), "", "{head}");
                if !head.contains("200 OK\r\ncontent-length: 38") {
                    let response = session.get(server.url("/")).unwrap();
                    assert_eq!(response.text().unwrap(), "", "{head}");
                }
            }
            assert!(server.n_connections() + chunked.n_connections() == 1);
        }
    });
}

#[test]
fn gzip_of_several_members_or_with_padding_is_unpacked() {
    in_loop(|| {
        let server = Server::start(|request| {
            let encoding = match &*request.target {
                "/old" => "content-encoding: X-GZip",
                _ => "content-encoding:  gzip ",
            };
            let body = match &*request.target {
                "/two" => [packed(), packed()].concat(),
                "/zeros" => [packed(), &[0; 100]].concat(),
                "/garbage" => [packed(), &b"garbage".repeat(5_000)].concat(),
                _ => packed().to_vec(),
            };
            answer("200 OK", &[encoding], body)
        });
        let session = Session::new();
        for path in ["/two", "/zeros", "/garbage", "/old"] {
            let text = session.get(server.url(path)).unwrap().text().unwrap();
            let n = if path == "/two" { 2 } else { 1 };
            assert_eq!(text, UNPACKED.repeat(n), "{path}");
        }
        assert_eq!(server.n_connections(), 1);
    });
}

#[test]
fn a_body_that_is_compressed_twice_is_unpacked_twice() {
    let twice = compressed(packed());
    in_loop(|| {
        let server = Server::start(move |request| {
            let (headers, body): (&[&str], _) = match &*request.target {
                "/list" => (&["content-encoding: gzip, x-gzip"], &twice[..]),
                "/lines" => (
                    &["content-encoding: GZIP", "content-encoding: gzip"],
                    &twice,
                ),
                "/identity" => (&["content-encoding: identity, gzip,"], packed()),
                // Unknown encodings, and too many.
                "/br" => (&["content-encoding: br, gzip"], packed()),
                _ => (&["content-encoding: gzip, gzip, gzip"], packed()),
            };
            answer("200 OK", headers, body)
        });
        let session = Session::new();
        for path in ["/list", "/lines", "/identity"] {
            let response = session.get(server.url(path)).unwrap();
            assert!(response.headers().get("content-encoding").is_none());
            assert_eq!(response.content_length(), None);
            assert_eq!(response.text().unwrap(), UNPACKED, "{path}");
        }
        for path in ["/br", "/three"] {
            let response = session.get(server.url(path)).unwrap();
            assert!(response.headers().get("content-encoding").is_some());
            assert_eq!(response.content_length(), Some(packed().len() as u64));
            assert_eq!(response.bytes().unwrap(), packed(), "{path}");
        }
        assert_eq!(server.n_connections(), 1);
    });
}

#[test]
fn truncated_gzip_is_an_error() {
    in_loop(|| {
        for n in [1, 5, 20, 37] {
            let server = Server::start(move |_| {
                answer("200 OK", &["content-encoding: gzip"], &packed()[..n])
            });
            let error = Session::new()
                .get(server.url("/"))
                .unwrap()
                .text()
                .unwrap_err();
            assert!(error.is_decode(), "{error:?}");
        }
    });
}

#[test]
fn chunks_may_have_extensions_and_trailers() {
    in_loop(|| {
        let server = Server::start(|_| {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n4;a=b\r\nwarp\r\n\
                0004  \r\nweft\r\n1 ; q=\"x\"\r\n!\r\n0\r\nx-check: 1\r\ny-check: 2\r\n\r\n"
                .to_vec()
        });
        let session = Session::new();
        for _ in 0..3 {
            let response = session.get(server.url("/")).unwrap();
            assert_eq!(response.text().unwrap(), "warpweft!");
        }
        assert_eq!(server.n_connections(), 1);
    });
}

#[test]
fn a_chunked_body_that_ends_early_is_an_error() {
    in_loop(|| {
        for end in [
            "4\r\nwa",
            "4\r\nwarp",
            "4\r\nwarp\r\n",
            "4\r\nwarp\r\n0",
            "x\r\n",
        ] {
            let server = Server::raw(move |mut stream| {
                let n = stream.read(&mut [0; 1024]).unwrap();
                assert!(n > 0);
                let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                stream.write_all(head).unwrap();
                stream.write_all(end.as_bytes()).unwrap();
            });
            let error = Session::new()
                .get(server.url("/"))
                .unwrap()
                .text()
                .unwrap_err();
            assert!(error.is_disconnected() || error.is_protocol(), "{error:?}");
        }
    });
}

/// A reset may have destroyed bytes that the server has sent.
#[test]
fn a_body_of_unknown_length_that_ends_by_a_reset_is_an_error() {
    in_loop(|| {
        let gate = Gate::new();
        let inner = gate.clone();
        let server = Server::raw(move |mut stream| {
            let n = stream.read(&mut [0; 10]).unwrap();
            assert!(n > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf").unwrap();
            // Unread bytes make the system reset the connection.
            inner.pass();
        });
        let mut body = Session::new().get(server.url("/")).unwrap().into_reader();
        body.read_exact(&mut [0; 4]).unwrap();
        gate.open();
        let error = body.read(&mut [0]).unwrap_err();
        assert!(error.to_string().contains("ended before"), "{error}");
    });
}

/// Runs a request beside a task that counts its turns. Returns the count.
fn n_turns_beside(request: impl FnOnce()) -> usize {
    let n_turns = Rc::new(Cell::new(0));
    let theirs = n_turns.clone();
    let other = spawn(move || {
        loop {
            theirs.set(theirs.get() + 1);
            yield_now();
        }
    });
    request();
    other.cancel();
    assert!(other.join().is_err());
    n_turns.get()
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A few kilobytes arrive, and decompress to megabytes without a wait.
#[test]
fn reading_a_decompressed_body_gives_the_other_tasks_turns() {
    const N_BYTES: usize = 8 << 20;
    let packed = compressed(&vec![0; N_BYTES]);
    in_loop(|| {
        let server = Server::start(move |_| answer("200 OK", &["content-encoding: gzip"], &packed));
        let url = server.url("/");
        let n_turns = n_turns_beside(|| {
            let mut body = Session::new().get(&url).unwrap().into_reader();
            let mut n_bytes = 0;
            loop {
                match body.read(&mut [0; 256]).unwrap() {
                    0 => break,
                    n => n_bytes += n,
                }
            }
            assert_eq!(n_bytes, N_BYTES);
        });
        // A turn after each 128 reads.
        assert!(n_turns >= N_BYTES / 256 / 128, "{n_turns} turns");

        let n_few = n_turns_beside(|| drop(Session::new().head(&url).unwrap()));
        let n_turns = n_turns_beside(|| {
            assert_eq!(
                Session::new().get(&url).unwrap().bytes().unwrap().len(),
                N_BYTES
            );
        });
        // A read has at most 16 KiB.
        let n_reads = N_BYTES / (16 * 1024);
        assert!(n_turns >= n_few + n_reads / 128, "{n_few}, {n_turns} turns");
    });
}

/// Compressed twice, a few kilobytes are twenty thousand members without contents.
#[test]
fn empty_members_of_a_body_give_the_other_tasks_turns() {
    const N_MEMBERS: usize = 20_000;
    let packed = compressed(&compressed(&[]).repeat(N_MEMBERS));
    in_loop(|| {
        let server =
            Server::start(move |_| answer("200 OK", &["content-encoding: gzip, gzip"], &packed));
        let url = server.url("/");
        let n_turns = n_turns_beside(|| {
            assert_eq!(Session::new().get(&url).unwrap().bytes().unwrap(), b"");
        });
        assert!(n_turns >= N_MEMBERS / 128, "{n_turns} turns");
    });
}

/// There is no wait in which the deadline could pass.
#[test]
fn a_deadline_ends_the_decompression_of_a_body() {
    let packed = compressed(&compressed(&[]).repeat(200_000));
    in_loop(|| {
        let server =
            Server::start(move |_| answer("200 OK", &["content-encoding: gzip, gzip"], &packed));
        let response = Session::new().get(server.url("/")).unwrap();
        let limit = std::time::Duration::from_millis(20);
        let error = selvedge::time::deadline(limit, || response.bytes().unwrap_err());
        assert!(error.is_timeout(), "{error}");
    });
}
