//! Timeouts, and the session after them.

use std::io::{self, Read, Write};
#[cfg(target_os = "linux")]
use std::thread;
use std::time::Duration;

use selvedge::http::{Body, Error, Method, Session};
#[cfg(target_os = "linux")]
use selvedge::net::{SocketAddr, TcpStream};
use selvedge::{EventLoop, sleep};
#[cfg(target_os = "linux")]
use socket2::{Domain, Socket, Type};

use crate::server::{Gate, Server, in_loop, ok};

const SOON: Duration = Duration::from_millis(20);

/// Retries with more and more time, until the timeout fires at the point that the test is about. On a machine that is
/// slow for a moment the timeout may fire earlier: then `attempt` returns `None`.
fn with_enough_time<T>(attempt: impl Fn(Duration) -> Option<T>) -> T {
    (0..10)
        .find_map(|n| attempt(SOON * (1 << n)))
        .expect("ten seconds are enough")
}

/// The result, unless the timeout fired earlier.
fn in_time<T>(result: Result<T, Error>) -> Option<T> {
    result
        .map_err(|error| assert!(error.is_timeout(), "{error:?}"))
        .ok()
}

/// Answers only paths that begin with `/quick`.
fn sometimes_silent() -> Server {
    Server::start(|request| {
        if !request.target.starts_with("/quick") {
            selvedge::sleep(Duration::MAX);
        }
        ok("quick")
    })
}

fn still_works(session: &Session, server: &Server) {
    let response = session.get(server.url("/quick")).unwrap();
    assert_eq!(response.text().unwrap(), "quick");
}

#[test]
fn a_server_that_never_answers_exceeds_the_total_timeout() {
    in_loop(|| {
        let server = sometimes_silent();
        let session = Session::builder().total_timeout(SOON).build();
        let error = session.get(server.url("/")).unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert!(
            error.to_string().contains("for the whole request"),
            "{error}"
        );
        let error = io::Error::from(error);
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        still_works(&Session::new(), &server);
    });
}

#[test]
fn a_connection_that_timed_out_is_not_reused() {
    in_loop(|| {
        with_enough_time(|time| {
            let (server, session) = (sometimes_silent(), Session::new());
            let request = session.request(Method::GET, server.url("/"));
            let error = request.total_timeout(time).send().unwrap_err();
            assert!(error.is_timeout(), "{error:?}");
            still_works(&session, &server);
            // The server may not have seen the connection that timed out.
            (server.n_connections() > 1).then(|| assert_eq!(server.n_connections(), 2))
        });
        with_enough_time(|time| {
            let server = sometimes_silent();
            let session = Session::builder().read_timeout(time).build();
            let error = session.get(server.url("/")).unwrap_err();
            assert!(error.is_timeout(), "{error:?}");
            let response = in_time(session.get(server.url("/quick")))?;
            assert_eq!(in_time(response.text())?, "quick");
            (server.n_connections() > 1).then(|| assert_eq!(server.n_connections(), 2))
        });
    });
}

#[test]
fn a_server_that_falls_silent_exceeds_the_read_timeout() {
    in_loop(|| {
        let server = Server::raw(|mut stream| {
            let half = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nwarp";
            if has_asked(&mut stream) && stream.write_all(half).is_ok() {
                let n_more = stream.read(&mut [0]).unwrap_or(0);
                assert_eq!(n_more, 0, "the client closes");
            }
        });
        let session = |time| Session::builder().read_timeout(time).build();
        with_enough_time(|time| {
            let response = in_time(session(time).get(server.url("/")))?;
            let error = response.bytes().unwrap_err();
            assert!(error.is_timeout(), "{error:?}");
            server.wait_until_open(0);
            Some(())
        });
        with_enough_time(|time| {
            let mut body = in_time(session(time).get(server.url("/")))?.into_reader();
            let half = body.read_exact(&mut [0; 4]);
            half.map_err(|error| assert_eq!(error.kind(), io::ErrorKind::TimedOut))
                .ok()?;
            let error = body.read(&mut [0; 4]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            drop(body);
            server.wait_until_open(0);
            Some(())
        });
    });
}

/// Reads a client's request; false if the client closed before it.
fn has_asked(stream: &mut impl Read) -> bool {
    stream.read(&mut [0; 1024]).is_ok_and(|n| n > 0)
}

/// A byte now and then prevents the read timeout, but not the total timeout.
#[test]
fn the_total_timeout_includes_the_body() {
    in_loop(|| {
        let server = Server::raw(|mut stream| {
            if has_asked(&mut stream) && stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").is_ok() {
                while stream.write_all(b"x").is_ok() {
                    selvedge::sleep(Duration::from_millis(1));
                }
            }
        });
        with_enough_time(|time| {
            let session = Session::builder()
                .total_timeout(time)
                .read_timeout(Duration::from_secs(600))
                .build();
            let error = in_time(session.get(server.url("/")))?.bytes().unwrap_err();
            assert!(error.is_timeout(), "{error:?}");
            server.wait_until_open(0);
            Some(())
        });
    });
}

#[test]
fn a_request_may_have_its_own_timeout() {
    in_loop(|| {
        let server = sometimes_silent();
        let session = Session::new();
        let request = session.request(Method::GET, server.url("/"));
        let error = request.total_timeout(SOON).send().unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        still_works(&session, &server);
        // Or none, where the session's timeout can't be met.
        let session = Session::builder()
            .total_timeout(Duration::from_nanos(1))
            .build();
        let request = session.request(Method::GET, server.url("/quick/again"));
        request.total_timeout(None).send().unwrap().text().unwrap();
    });
}

#[test]
fn a_server_that_does_not_read_exceeds_the_total_timeout() {
    in_loop(|| {
        let gate = Gate::new();
        let inner = gate.clone();
        let server = Server::raw(move |_stream| inner.pass());
        let session = Session::builder().total_timeout(SOON).build();
        let body = Body::from(vec![0; 10_000_000]);
        let error = session.post(server.url("/"), body).unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        gate.open();
    });
}

/// A listener with a full queue leaves further connections pending.
#[cfg(target_os = "linux")]
#[test]
fn an_unresponsive_host_exceeds_the_connect_timeout() {
    in_loop(|| {
        let full = FullListener::new();
        let session = Session::builder().connect_timeout(SOON).build();
        let error = session
            .get(format!("http://{}/", full.address))
            .unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert!(error.to_string().contains("to connect"), "{error}");
        still_works(&session, &sometimes_silent());
    });
}

/// A listener that never accepts, with a full queue.
#[cfg(target_os = "linux")]
pub struct FullListener {
    pub address: SocketAddr,
    _socket: Socket,
    _queued: Vec<TcpStream>,
}

#[cfg(target_os = "linux")]
impl FullListener {
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        socket.bind(&any.into()).expect("a free port");
        socket.listen(0).expect("a listener");
        let address = socket
            .local_addr()
            .ok()
            .and_then(|address| address.as_socket());
        let address = address.expect("an address");
        // On a thread without a loop, where an existing connection counts, however late the check.
        let connect = move || TcpStream::connect_timeout(&address, 10 * SOON).ok();
        let queued = thread::spawn(move || std::iter::from_fn(connect).collect());
        Self {
            address,
            _queued: queued.join().expect("no panic"),
            _socket: socket,
        }
    }
}

#[test]
fn the_longest_timeouts_never_expire() {
    in_loop(|| {
        let server = Server::start(|_| ok("quick"));
        let session = Session::builder()
            .total_timeout(Duration::MAX)
            .connect_timeout(Duration::MAX)
            .read_timeout(Duration::MAX)
            .build();
        still_works(&session, &server);
    });
}

/// The clock of the loop ends a wait. Between waits, the system's clock counts what is left of the time.
#[test]
fn a_virtual_clock_ends_a_wait_but_adds_no_waits_up() {
    let total = Duration::from_secs(300);
    let answer = |n_chunks: usize, pause: Duration| {
        EventLoop::builder().virtual_clock(true).run(move || {
            let server = Server::raw(move |mut stream| {
                assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: {n_chunks}\r\n\r\n"
                )
                .unwrap();
                for _ in 0..n_chunks {
                    sleep(pause);
                    let _ = stream.write_all(b"x");
                }
            });
            let session = Session::builder().total_timeout(total).build();
            session.get(server.url("/")).and_then(|page| page.text())
        })
    };
    assert_eq!(answer(10, total / 5).unwrap(), "x".repeat(10));
    assert!(answer(1, total * 12).unwrap_err().is_timeout());
}
