//! Answers that arrive before the whole request was sent, and the fate of the request.

use std::io::{self, BufRead, BufReader, Read, Write};

use selvedge::EventLoop;
use selvedge::http::{Body, Method, Session, StatusCode};
use selvedge::net::TcpStream;

use crate::server::{Gate, Server, answer, in_loop, ok, receive};

/// Larger than the buffers of any socket.
const N_BYTES: usize = 32 << 20;

fn large() -> Body {
    Body::from(vec![b'x'; N_BYTES])
}

/// Reads something of a request, but far from all.
fn read_some(stream: &mut impl Read) {
    let n = stream.read(&mut [0; 100]).unwrap();
    assert!(n > 0);
}

fn too_large() -> Vec<u8> {
    answer("413 Content Too Large", &["x-max: 1000"], "too large")
}

fn is_refused(session: &Session, server: &Server, body: Body) {
    let response = session.post(server.url("/"), body).unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(response.headers()["x-max"], "1000");
    assert_eq!(response.text().unwrap(), "too large");
}

#[test]
fn an_answer_of_a_server_that_stops_reading_is_returned() {
    in_loop(|| {
        let gate = Gate::new();
        let inner = gate.clone();
        let server = Server::raw(move |mut stream| {
            read_some(&mut stream);
            stream.write_all(&too_large()).unwrap();
            inner.pass();
        });
        let session = Session::new();
        is_refused(&session, &server, large());
        // A body without an end, in chunks.
        is_refused(&session, &server, Body::reader(io::repeat(b'x')));
        gate.open();
        // These connections are not used again.
        server.wait_until_open(0);
    });
}

#[test]
fn an_answer_of_a_server_that_closes_is_returned() {
    in_loop(|| {
        // Unread bytes make the system reset the connection.
        let server = Server::raw(move |mut stream| {
            read_some(&mut stream);
            stream.write_all(&too_large()).unwrap();
        });
        let session = Session::new();
        for _ in 0..5 {
            is_refused(&session, &server, large());
            is_refused(&session, &server, Body::reader(io::repeat(b'x')));
        }
    });
}

#[test]
fn an_early_answer_may_have_any_status_and_framing() {
    in_loop(|| {
        let answers = [
            (
                303,
                "303 See Other\r\ntransfer-encoding: chunked\r\n\r\n3\r\nsee\r\n0\r\n\r\n",
            ),
            (401, "401 Unauthorized\r\nconnection: close\r\n\r\nsee"),
            (200, "200 OK\r\ncontent-length: 3\r\n\r\nsee"),
            (
                500,
                "500 Internal Server Error\r\ncontent-length: 3\r\n\r\nsee",
            ),
        ];
        for (status, text) in answers {
            let server = Server::raw(move |mut stream| {
                read_some(&mut stream);
                let text = format!("HTTP/1.1 {text}");
                stream.write_all(text.as_bytes()).unwrap();
            });
            let response = Session::new().post(server.url("/"), large()).unwrap();
            assert_eq!(response.status(), status);
            assert_eq!(response.text().unwrap(), "see");
        }
    });
}

#[test]
fn an_early_redirect_is_followed() {
    in_loop(|| {
        let there = Server::start(|request| ok(&request.method));
        let target = there.url("/");
        let server = Server::raw(move |mut stream| {
            read_some(&mut stream);
            let location = format!("location: {target}");
            stream
                .write_all(&answer("302 Found", &[&location], ""))
                .unwrap();
        });
        let response = Session::new().post(server.url("/"), large()).unwrap();
        assert_eq!(response.text().unwrap(), "GET");
    });
}

/// Such a server streams its progress.
#[test]
fn a_request_that_is_accepted_early_is_sent_to_its_end() {
    in_loop(|| {
        let server = Server::raw(|stream| {
            let mut stream = BufReader::new(stream);
            read_some(&mut stream);
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n>\r\n";
            stream.get_mut().write_all(head).unwrap();
            let mut n_read = 0;
            while n_read < N_BYTES {
                let n = stream.read(&mut [0; 100_000]).unwrap();
                assert!(n > 0, "the client stopped after {n_read} bytes");
                n_read += n;
            }
            stream.get_mut().write_all(b"1\r\n<\r\n0\r\n\r\n").unwrap();
        });
        let response = Session::new().post(server.url("/"), large()).unwrap();
        assert_eq!(response.text().unwrap(), "><");
    });
}

/// The head of a request; `None` if the client has closed.
fn receive_head(stream: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(head))
}

/// Reads a head, answers the request in part, reads the body, and sends the rest of the answer.
fn answer_early(stream: &mut BufReader<TcpStream>, first: &[u8], rest: &[u8]) -> io::Result<()> {
    receive_head(stream)?.expect("a request");
    stream.get_mut().write_all(first)?;
    let n = io::copy(&mut stream.by_ref().take(N_BYTES as u64), &mut io::sink())?;
    assert_eq!(n, N_BYTES as u64);
    stream.get_mut().write_all(rest)
}

#[test]
fn a_kept_connection_gives_the_whole_of_an_early_answer() {
    in_loop(|| {
        let server = Server::raw(|stream| {
            let mut stream = BufReader::new(stream);
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            let answers: [(&[u8], &[u8]); 4] = [
                (b"1\r\n>\r\n", b"1\r\n<\r\n0\r\n\r\n"),
                (b"", b"1\r\n>\r\n1\r\n<\r\n0\r\n\r\n"),
                (b"1\r\n>\r\n1\r\n<\r\n0\r\n\r\n", b""),
                (b"1\r\n>\r\n", b"1\r\n<\r\n0\r\n\r\n"),
            ];
            for (first, rest) in answers {
                let request = receive(&mut stream).unwrap().unwrap();
                stream.get_mut().write_all(&ok(request.target)).unwrap();
                answer_early(&mut stream, &[head, first].concat(), rest).unwrap();
            }
        });
        let session = Session::new();
        for path in ["/1", "/2", "/3", "/4"] {
            let response = session.get(server.url(path)).unwrap();
            assert_eq!(response.text().unwrap(), path);
            let response = session.post(server.url("/"), large()).unwrap();
            assert_eq!(response.text().unwrap(), "><", "{path}");
        }
        assert_eq!(server.n_connections(), 1);
    });
}

/// The client sends the body after the answer to the head.
#[test]
fn a_request_that_expects_a_go_ahead_may_be_refused() {
    in_loop(|| {
        let server = Server::raw(|stream| {
            let mut stream = BufReader::new(stream);
            while let Ok(Some(request)) = receive_head(&mut stream) {
                let answer = match request.starts_with("GET") {
                    true => ok("ready"),
                    false => too_large(),
                };
                stream.get_mut().write_all(&answer).unwrap();
            }
        });
        for is_kept in [false, true] {
            let session = Session::new();
            if is_kept {
                session.get(server.url("/")).unwrap().text().unwrap();
            }
            let request = session.request(Method::POST, server.url("/"));
            let request = request.header("expect", "100-continue").body(large());
            let response = request.send().unwrap();
            assert_eq!(
                response.status(),
                StatusCode::PAYLOAD_TOO_LARGE,
                "{is_kept}"
            );
            assert_eq!(response.text().unwrap(), "too large");
        }
    });
}

/// A server that sends both heads at once.
#[test]
fn a_go_ahead_may_come_together_with_a_refusal() {
    in_loop(|| {
        let server = Server::raw(|stream| {
            let mut stream = BufReader::new(stream);
            receive_head(&mut stream).unwrap().expect("a request");
            let go_ahead = b"HTTP/1.1 100 Continue\r\n\r\n";
            let answer = [&go_ahead[..], &too_large()].concat();
            stream.get_mut().write_all(&answer).unwrap();
            // Reads nothing more.
            selvedge::sleep(std::time::Duration::MAX);
        });
        let request = Session::new().request(Method::POST, server.url("/"));
        let request = request.header("expect", "100-continue").body(large());
        let response = request.send().unwrap();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(response.text().unwrap(), "too large");
    });
}

#[test]
fn interim_responses_during_an_upload_are_ignored() {
    in_loop(|| {
        let server = Server::raw(|stream| {
            let mut stream = BufReader::new(stream);
            let interim = b"HTTP/1.1 102 Processing\r\nx-step: 1\r\n\r\n";
            stream.get_mut().write_all(interim).unwrap();
            let request = receive(&mut Interrupting(&mut stream)).unwrap().unwrap();
            assert_eq!(request.body.len(), N_BYTES);
            stream.get_mut().write_all(&ok("all")).unwrap();
        });
        let response = Session::new().post(server.url("/"), large()).unwrap();
        assert_eq!(response.text().unwrap(), "all");
    });
}

/// Sends an interim response at each read.
struct Interrupting<'a>(&'a mut BufReader<TcpStream>);

impl Read for Interrupting<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = buf.len().min(1_000_000);
        self.0
            .get_mut()
            .write_all(b"HTTP/1.1 100 Continue\r\nx-step: 2\r\n\r\n")?;
        self.0.read(&mut buf[..n])
    }
}

impl io::BufRead for Interrupting<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

#[test]
fn a_server_that_closes_without_an_answer_is_an_error() {
    in_loop(|| {
        let server = Server::raw(|mut stream| read_some(&mut stream));
        let error = Session::new().post(server.url("/"), large()).unwrap_err();
        assert!(error.is_disconnected(), "{error:?}");
        let garbage = Server::raw(|mut stream| {
            read_some(&mut stream);
            stream.write_all(b"no HTTP\r\n\r\n").unwrap();
        });
        let error = Session::new().post(garbage.url("/"), large()).unwrap_err();
        assert!(error.is_protocol(), "{error:?}");
    });
}

/// On a clock that jumps to the next timer when nothing else can happen.
#[test]
fn a_server_that_accepts_and_then_stalls_gets_no_more() {
    let text = EventLoop::builder().virtual_clock(true).run(|| {
        let server = Server::raw(|mut stream| {
            read_some(&mut stream);
            stream.write_all(&ok("enough")).unwrap();
            selvedge::sleep(std::time::Duration::MAX);
        });
        let session = Session::builder().total_timeout(None).build();
        session
            .post(server.url("/"), large())
            .unwrap()
            .text()
            .unwrap()
    });
    assert_eq!(text, "enough");
}

#[test]
fn a_body_whose_reader_ends_early_is_an_error() {
    in_loop(|| {
        let server = Server::start(|_| ok("never"));
        let body = Body::reader_with_length(&b"four"[..], 5);
        let error = Session::new().post(server.url("/"), body).unwrap_err();
        assert!(error.is_bad_request(), "{error:?}");
        assert!(error.to_string().contains("4 of 5 bytes"), "{error}");

        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("no disk"))
            }
        }
        let error = Session::new()
            .post(server.url("/"), Body::reader(Broken))
            .unwrap_err();
        assert!(
            error.is_bad_request() && error.to_string().contains("no disk"),
            "{error:?}"
        );
    });
}

/// Where the request blocks the thread, too.
#[test]
fn without_a_loop_an_early_answer_is_returned() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_some(&mut stream);
        stream.write_all(&too_large()).unwrap();
        let _ = is_done.recv();
    });
    let response = Session::new().post(&url, large()).unwrap();
    assert_eq!(response.text().unwrap(), "too large");
    drop(done);
    server.join().unwrap();
}
