//! Readers of request bodies that wait, fail, or are interrupted.

use std::io::{self, Read, Write};
use std::time::Duration;

use selvedge::http::{Body, Multipart, Session};
use selvedge::net::unix::UnixStream;
use selvedge::time::deadline;
use selvedge::{Promise, sleep, timeout};

use crate::server::{Server, in_loop, ok};

const SOON: Duration = Duration::from_millis(20);

/// Waits for ever.
struct Silent;

impl Read for Silent {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        sleep(Duration::MAX);
        Ok(0)
    }
}

#[test]
fn the_total_timeout_includes_waits_of_the_reader() {
    in_loop(|| {
        let server = Server::start(|_| ok("here"));
        let session = Session::builder().total_timeout(SOON).build();
        let (near, _far) = UnixStream::pair().unwrap();
        let form = Multipart::new().file("f", "g", Body::reader_with_length(Silent, 5));
        for body in [Body::reader(Silent), Body::reader(near), form.into()] {
            let error = session.post(server.url("/"), body).unwrap_err();
            assert!(error.is_timeout(), "{error:?}");
            assert!(error.to_string().contains("whole request"), "{error}");
        }
        let session = Session::new();
        let request = session.request(selvedge::http::Method::POST, server.url("/"));
        let request = request.body(Body::reader(Silent)).total_timeout(SOON);
        assert!(request.send().unwrap_err().is_timeout());
        assert_eq!(
            session.get(server.url("/")).unwrap().text().unwrap(),
            "here"
        );
    });
}

#[test]
fn a_timeout_reaches_a_body_that_is_passed_on() {
    in_loop(|| {
        let never = Promise::<()>::new();
        let silent = never.clone();
        let source = Server::raw(move |mut stream| {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf";
            stream.write_all(head).unwrap();
            let _ = silent.wait();
        });
        let server = Server::start(|_| ok(""));
        let session = Session::new();
        for in_form in [false, true] {
            let page = session.get(source.url("/")).unwrap().into_reader();
            let body = Body::reader_with_length(page, 9);
            let body = match in_form {
                true => Multipart::new().file("f", "g", body).into(),
                false => body,
            };
            let mut error = None;
            let sent = timeout(SOON, || {
                error = session.put(server.url("/"), body).err();
            });
            assert!(sent.is_err());
            let error = error.expect("I/O returns the end of its time");
            assert!(error.is_timeout(), "{error:?}");
        }
        let (silent, _peer) = UnixStream::pair().unwrap();
        let sent = deadline(SOON, || session.put(server.url("/"), Body::reader(silent)));
        assert!(sent.unwrap_err().is_timeout());
        let page = session.get(source.url("/")).unwrap().into_reader();
        let sent = deadline(SOON, || session.put(server.url("/"), Body::reader(page)));
        assert!(sent.unwrap_err().is_timeout());
    });
}

#[test]
fn a_read_that_a_signal_interrupts_is_repeated() {
    /// Interrupted before each byte.
    struct Interrupted(&'static [u8], bool);

    impl Read for Interrupted {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            match self.1 {
                true => Err(io::ErrorKind::Interrupted.into()),
                false => self.0.read(&mut buf[..1]),
            }
        }
    }

    in_loop(|| {
        let server = Server::start(|_| ok(""));
        let session = Session::new();
        let body = Body::reader_with_length(Interrupted(b"warp", false), 4);
        session.put(server.url("/"), body).unwrap();
        assert_eq!(server.requests()[0].text(), "warp");
    });
}
