//! Time that is over, and the session afterwards.

use std::io::{self, Read, Write};
use std::time::Duration;

use selvedge::http::{Body, Method, Session};
#[cfg(target_os = "linux")]
use selvedge::net::{SocketAddr, TcpStream};
#[cfg(target_os = "linux")]
use socket2::{Domain, Socket, Type};

use crate::server::{Gate, Server, in_loop, ok};

const SOON: Duration = Duration::from_millis(20);

/// Answers paths that begin with `/quick`, and nobody else.
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
fn a_server_that_never_answers_runs_into_the_total_time() {
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
        // Whoever was given up on is not asked again.
        let session = Session::builder().read_timeout(SOON).build();
        session.get(server.url("/")).unwrap_err();
        still_works(&session, &server);
        assert_eq!(server.n_connections(), 4);
    });
}

#[test]
fn a_server_that_falls_silent_runs_into_the_read_time() {
    in_loop(|| {
        let server = Server::raw(|mut stream| {
            let n = stream.read(&mut [0; 1024]).unwrap();
            assert!(n > 0);
            let half = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nwarp";
            stream.write_all(half).unwrap();
            assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the client closes");
        });
        let session = Session::builder().read_timeout(SOON).build();
        let error = session.get(server.url("/")).unwrap().bytes().unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        server.wait_until_open(0);

        let mut body = session.get(server.url("/")).unwrap().into_reader();
        body.read_exact(&mut [0; 4]).unwrap();
        let error = body.read(&mut [0; 4]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(body);
        server.wait_until_open(0);
    });
}

/// A byte now and then keeps the read time from being over, but not the total time.
#[test]
fn the_total_time_includes_the_body() {
    in_loop(|| {
        let server = Server::raw(|mut stream| {
            let n = stream.read(&mut [0; 1024]).unwrap();
            assert!(n > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            while stream.write_all(b"x").is_ok() {
                selvedge::sleep(Duration::from_millis(1));
            }
        });
        let session = Session::builder()
            .total_timeout(2 * SOON)
            .read_timeout(Duration::from_secs(60))
            .build();
        let error = session.get(server.url("/")).unwrap().bytes().unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        server.wait_until_open(0);
    });
}

#[test]
fn a_request_may_have_a_time_of_its_own() {
    in_loop(|| {
        let server = sometimes_silent();
        let session = Session::new();
        let request = session.request(Method::GET, server.url("/"));
        let error = request.total_timeout(SOON).send().unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        still_works(&session, &server);
        let request = session.request(Method::GET, server.url("/quick/again"));
        request.total_timeout(None).send().unwrap().text().unwrap();
        assert_eq!(server.n_connections(), 2);
    });
}

#[test]
fn a_server_that_does_not_read_runs_into_the_total_time() {
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

/// A listener whose queue is full lets further connections hang.
#[cfg(target_os = "linux")]
#[test]
fn a_host_that_does_not_answer_runs_into_the_time_to_connect() {
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

/// A listener that nobody accepts from, and whose queue is full.
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
        let connect = || TcpStream::connect_timeout(&address, SOON).ok();
        Self {
            address,
            _queued: std::iter::from_fn(connect).collect(),
            _socket: socket,
        }
    }
}
