//! Which connections are reused.

use std::io::{Read, Write};
use std::thread;

use selvedge::EventLoop;
use selvedge::http::Session;

use crate::server::{Server, answer, in_loop, ok};

fn fetch(session: &Session, server: &Server) -> String {
    session.get(server.url("/")).unwrap().text().unwrap()
}

#[test]
fn a_connection_is_reused() {
    in_loop(|| {
        let server = Server::start(|_| ok("again"));
        let session = Session::new();
        for _ in 0..5 {
            assert_eq!(fetch(&session, &server), "again");
            assert_eq!(fetch(&session.clone(), &server), "again");
        }
        assert_eq!(server.n_connections(), 1);
        assert_eq!(fetch(&Session::new(), &server), "again");
        assert_eq!(server.n_connections(), 2);
    });
}

#[test]
fn a_connection_with_an_unread_body_is_closed() {
    in_loop(|| {
        let server = Server::start(|_| ok("x".repeat(100_000)));
        let session = Session::new();
        drop(session.get(server.url("/")).unwrap());
        server.wait_until_open(0);
        let mut body = session.get(server.url("/")).unwrap().into_reader();
        body.read_exact(&mut [0; 10]).unwrap();
        drop(body);
        server.wait_until_open(0);
        assert_eq!(fetch(&session, &server).len(), 100_000);
        assert_eq!(fetch(&session, &server).len(), 100_000);
        assert_eq!(server.n_connections(), 3);
    });
}

#[test]
fn a_connection_closed_by_the_server_is_not_reused() {
    in_loop(|| {
        // The server doesn't announce the close, and closes.
        let server = Server::raw(|mut stream| {
            if stream.read(&mut [0; 1024]).unwrap() > 0 {
                stream.write_all(&ok("once")).unwrap();
            }
        });
        let session = Session::new();
        for n in 1..4 {
            assert_eq!(fetch(&session, &server), "once");
            server.wait_until_open(0);
            assert_eq!(server.n_connections(), n);
        }
    });
}

#[test]
fn a_connection_with_surplus_bytes_is_not_reused() {
    in_loop(|| {
        let server = Server::start(|_| [ok("body"), ok("smuggled")].concat());
        let session = Session::new();
        assert_eq!(fetch(&session, &server), "body");
        assert_eq!(fetch(&session, &server), "body");
        assert_eq!(server.n_connections(), 2);
    });
}

#[test]
fn the_server_may_ask_to_close_the_connection() {
    in_loop(|| {
        let server = Server::start(|_| answer("200 OK", &["connection: close"], "last"));
        let session = Session::new();
        assert_eq!(fetch(&session, &server), "last");
        server.wait_until_open(0);
        assert_eq!(fetch(&session, &server), "last");
        assert_eq!(server.n_connections(), 2);
    });
}

#[test]
fn idle_connections_are_limited() {
    in_loop(|| {
        let server = Server::start(|_| ok("one"));
        let none = Session::builder().max_idle_per_host(0).build();
        fetch(&none, &server);
        fetch(&none, &server);
        assert_eq!(server.n_connections(), 2);
        server.wait_until_open(0);

        let two = Session::builder().max_idle_per_host(2).build();
        let bodies: Vec<_> = (0..5).map(|_| two.get(server.url("/")).unwrap()).collect();
        for body in bodies {
            body.text().unwrap();
        }
        server.wait_until_open(2);
    });
}

#[test]
fn dropping_the_last_clone_closes_idle_connections() {
    in_loop(|| {
        let server = Server::start(|_| ok("open"));
        let session = Session::new();
        let clone = session.clone();
        fetch(&session, &server);
        drop(session);
        fetch(&clone, &server);
        assert_eq!(server.n_connections(), 1);
        drop(clone);
        server.wait_until_open(0);
    });
}

/// A server on threads of its own, which outlives loops. It ends with the test's process.
fn server_beside() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                while stream.read(&mut [0; 1024]).is_ok_and(|n| n > 0) {
                    stream.write_all(&ok("here")).unwrap();
                }
            });
        }
    });
    url
}

/// A connection belongs to the loop that opened it, whether or not that loop is closed.
#[test]
fn a_session_can_be_used_in_successive_loops() {
    let (session, url) = (Session::new(), server_beside());
    let mut loops = Vec::new();
    for _ in 0..3 {
        let event_loop = EventLoop::new().unwrap();
        let (session, url) = (session.clone(), url.clone());
        let texts = event_loop.run_until_complete(move || {
            [(); 2].map(|()| session.get(&url).unwrap().text().unwrap())
        });
        assert_eq!(texts.unwrap(), ["here", "here"]);
        loops.push(event_loop);
    }
}
