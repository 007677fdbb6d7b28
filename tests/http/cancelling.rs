//! A cancel unwinds through ureq. Wherever that happens, the connection is closed and the session stays usable.

use std::io::{Read, Write};
use std::rc::Rc;
use std::time::Duration;

use selvedge::http::{Body, Error, Session};
use selvedge::io::is_cancelled;
use selvedge::task::catch_cancelled;
use selvedge::time::deadline;
use selvedge::{Promise, Task, spawn, yield_now};

use crate::server::{Gate, Server, in_loop, ok};

/// Marks the point where a task is cancelled, and lets all other requests pass.
fn with_a_gate(gate: &Gate) -> Server {
    let gate = gate.clone();
    Server::start(move |request| match &*request.target {
        "/slow" => {
            gate.pass();
            Vec::new()
        }
        _ => ok("quick"),
    })
}

fn cancel(task: Task<()>) {
    assert!(task.cancel());
    assert!(task.join().unwrap_err().is_cancelled());
}

fn still_works(session: &Session, server: &Server) {
    for _ in 0..3 {
        let response = session.get(server.url("/quick")).unwrap();
        assert_eq!(response.text().unwrap(), "quick");
    }
}

#[test]
fn a_cancel_before_the_response_closes_the_connection() {
    in_loop(|| {
        let gate = Gate::new();
        let server = with_a_gate(&gate);
        let session = Session::new();
        // The cancelled request reuses the connection of this one.
        still_works(&session, &server);
        let (inner, url) = (session.clone(), server.url("/slow"));
        let task = spawn(move || drop(inner.get(url)));
        gate.wait_until_reached();
        assert_eq!(server.n_connections(), 1);
        cancel(task);
        still_works(&session, &server);
        assert_eq!(server.n_connections(), 2);
        gate.open();
        server.wait_until_open(1);
    });
}

/// A server that sends half of the announced body, then waits for the client to close.
fn half_hearted(gate: &Gate) -> Server {
    let gate = gate.clone();
    Server::raw(move |mut stream| {
        let n = stream.read(&mut [0; 1024]).unwrap();
        assert!(n > 0);
        let half = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nwarp";
        stream.write_all(half).unwrap();
        gate.pass();
        // The client may have closed.
        let _ = stream.write_all(b"weft");
        let _ = stream.read(&mut [0]);
    })
}

#[test]
fn a_cancel_while_the_body_is_read_closes_the_connection() {
    in_loop(|| {
        let (gate, quick) = (Gate::new(), Server::start(|_| ok("quick")));
        let server = half_hearted(&gate);
        let session = Session::new();
        let (inner, url) = (session.clone(), server.url("/"));
        let has_head = Promise::new();
        let told = has_head.clone();
        let task = spawn(move || {
            let response = inner.get(url).unwrap();
            told.set_result(()).unwrap();
            drop(response.bytes());
        });
        has_head.wait().unwrap();
        yield_now();
        cancel(task);
        gate.open();
        server.wait_until_open(0);
        still_works(&session, &quick);
        // A new connection: the half-read one is not reused.
        drop(session.get(server.url("/")).unwrap());
        assert_eq!(server.n_connections(), 2);
    });
}

#[test]
fn a_body_can_be_read_on_after_a_caught_cancel() {
    in_loop(|| {
        let gate = Gate::new();
        let server = half_hearted(&gate);
        let (url, has_half) = (server.url("/"), Promise::new());
        let told = has_half.clone();
        let task = spawn(move || {
            let mut body = Session::new().get(url).unwrap().into_reader();
            let mut half = [0; 4];
            body.read_exact(&mut half).unwrap();
            told.set_result(()).unwrap();
            let caught = catch_cancelled(|| body.read(&mut half).map(drop));
            assert!(caught.is_err());
            body.read_exact(&mut half).unwrap();
            half
        });
        gate.wait_until_reached();
        has_half.wait().unwrap();
        assert!(task.cancel());
        yield_now();
        gate.open();
        assert_eq!(&task.join().unwrap(), b"weft");
    });
}

#[test]
fn a_cancel_while_a_body_is_sent_closes_the_connection() {
    in_loop(|| {
        let (gate, quick) = (Gate::new(), Server::start(|_| ok("quick")));
        let inner = gate.clone();
        let server = Server::raw(move |_stream| inner.pass());
        let session = Session::new();
        let (inner, url) = (session.clone(), server.url("/"));
        // Its reference count shows when the request drops it.
        let held = Rc::new(());
        let marker = Rc::clone(&held);
        let task = spawn(move || {
            let endless = std::io::repeat(b'x');
            let body = Body::reader(Marked(endless, marker));
            drop(inner.post(url, body));
        });
        gate.wait_until_reached();
        yield_now();
        cancel(task);
        assert_eq!(Rc::strong_count(&held), 1, "the body was not dropped");
        gate.open();
        server.wait_until_open(0);
        still_works(&session, &quick);
    });
}

struct Marked<R>(R, #[allow(dead_code)] Rc<()>);

impl<R: Read> Read for Marked<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buf)
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_cancel_while_connecting_keeps_the_session_usable() {
    in_loop(|| {
        let (full, quick) = (
            crate::timeouts::FullListener::new(),
            Server::start(|_| ok("quick")),
        );
        let session = Session::new();
        let (inner, url) = (session.clone(), format!("http://{}/", full.address));
        let task = spawn(move || drop(inner.get(url)));
        yield_now();
        yield_now();
        cancel(task);
        still_works(&session, &quick);
    });
}

#[test]
fn a_cancel_during_the_lookup_keeps_the_session_usable() {
    in_loop(|| {
        let quick = Server::start(|_| ok("quick"));
        let session = Session::new();
        let inner = session.clone();
        let task = spawn(move || drop(inner.get("http://selvedge.invalid/")));
        yield_now();
        cancel(task);
        still_works(&session, &quick);
    });
}

#[test]
fn a_cancel_during_redirects_closes_the_connection() {
    in_loop(|| {
        let gate = Gate::new();
        let inner = gate.clone();
        let server = Server::start(move |request| match &*request.target {
            "/quick" => ok("quick"),
            "/3" => {
                inner.pass();
                Vec::new()
            }
            target => {
                let next = target[1..].parse::<u32>().unwrap() + 1;
                crate::server::answer("302 Found", &[&format!("location: /{next}")], "")
            }
        });
        let session = Session::new();
        let (inner, url) = (session.clone(), server.url("/0"));
        let task = spawn(move || drop(inner.get(url)));
        gate.wait_until_reached();
        cancel(task);
        gate.open();
        server.wait_until_open(0);
        still_works(&session, &server);
    });
}

/// Before the first step nothing is sent.
#[test]
fn a_cancel_before_the_request_sends_nothing() {
    in_loop(|| {
        let server = Server::start(|_| ok("quick"));
        let session = Session::new();
        let (inner, url) = (session.clone(), server.url("/never"));
        let task = spawn(move || drop(inner.get(url)));
        cancel(task);
        still_works(&session, &server);
        assert!(
            server
                .requests()
                .iter()
                .all(|request| request.target == "/quick")
        );
    });
}

/// A request to one of two servers, by a session that is busy or by another.
type Wait = fn(&Session, &str, &str) -> Result<Vec<u8>, Error>;

/// In each wait of a request: for its turn, for the head, for the body.
#[test]
fn a_cancel_and_a_deadline_reach_a_request_as_an_error() {
    in_loop(|| {
        let (half, silent) = (
            half_hearted(&Gate::new()),
            Server::raw(|_stream| selvedge::sleep(Duration::MAX)),
        );
        let (half, silent) = (half.url("/"), silent.url("/"));
        let busy = Session::builder().max_connections(1).build();
        let (inner, url) = (busy.clone(), silent.clone());
        spawn(move || drop(inner.get(url))).detach();
        yield_now();
        let waits: [Wait; 3] = [
            |busy, silent, _| busy.get(silent)?.bytes(),
            |_, silent, _| Session::new().get(silent)?.bytes(),
            |_, _, half| Session::new().get(half)?.bytes(),
        ];
        for wait in waits {
            let error = deadline(Duration::from_millis(20), || wait(&busy, &silent, &half));
            let error = error.unwrap_err();
            assert!(error.is_timeout());
            assert!(error.to_string().contains("around the request"), "{error}");
            let seen = Promise::new();
            let told = seen.clone();
            let (busy, silent, half) = (busy.clone(), silent.clone(), half.clone());
            let task = spawn(move || {
                let error = wait(&busy, &silent, &half).unwrap_err();
                let is_known = error.is_cancelled() && is_cancelled(&error.into());
                told.set_result(is_known).unwrap();
            });
            for _ in 0..20 {
                yield_now();
            }
            cancel(task);
            assert!(seen.take().unwrap());
        }
    });
}

/// In the head of the compressed body, behind it, and in the body that is compressed twice.
#[test]
fn a_cancel_and_a_deadline_reach_a_compressed_body() {
    in_loop(|| {
        for encoding in ["gzip", "gzip, gzip"] {
            for n in [5, 14] {
                let server = Server::raw(move |mut stream| {
                    let headers = format!("content-encoding: {encoding}\r\ncontent-length: 99");
                    let head = format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n");
                    stream.write_all(head.as_bytes()).unwrap();
                    let body = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\xc8\xe4\x02";
                    stream.write_all(&body[..n]).unwrap();
                    selvedge::sleep(Duration::MAX);
                });
                let url = server.url("/");
                let get = || Session::new().get(&url).unwrap();
                let error = deadline(Duration::from_millis(20), || get().bytes().unwrap_err());
                assert!(error.is_timeout(), "{error}");

                let response = get();
                let errors = Promise::new();
                let told = errors.clone();
                let mut body = get().into_reader();
                let task = spawn(move || {
                    let error = response.bytes().unwrap_err();
                    let next = body.read_to_end(&mut Vec::new()).unwrap_err();
                    told.set_result((error, next)).unwrap();
                });
                for _ in 0..20 {
                    yield_now();
                }
                cancel(task);
                let (error, next) = errors.take().unwrap();
                assert!(error.is_cancelled(), "{error}");
                assert!(is_cancelled(&next), "{next}");
            }
        }
    });
}
