//! Reused connections that the server closes when the next request arrives.

use std::io::{BufReader, Write};

use selvedge::http::{Body, Error, Method, Response, Session};

use crate::server::{Server, in_loop, ok, receive};

/// A server that answers one request on each connection, reads the next one, and closes; or resets the connection,
/// by leaving a byte of the request unread.
fn closes_at_the_second(resets: bool) -> Server {
    Server::raw(move |stream| {
        let mut stream = BufReader::with_capacity(1, stream);
        let request = receive(&mut stream).unwrap().unwrap();
        let text = format!("{} {}", request.method, request.text());
        stream.get_mut().write_all(&ok(text)).unwrap();
        if resets {
            let _ = std::io::Read::read(&mut stream, &mut [0; 1]);
        } else {
            let _ = receive(&mut stream);
        }
    })
}

/// The second request of a session.
fn second(server: &Server, method: Method, body: impl Into<Body>) -> Result<Response, Error> {
    let session = Session::new();
    session.get(server.url("/")).unwrap().text().unwrap();
    let result = session.request(method, server.url("/")).body(body).send();
    // After any result the session still works.
    session.get(server.url("/")).unwrap().text().unwrap();
    result
}

#[test]
fn an_idempotent_request_is_sent_again_on_a_new_connection() {
    in_loop(|| {
        for resets in [false, true] {
            let server = closes_at_the_second(resets);
            for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::DELETE] {
                let response = second(&server, method.clone(), Body::empty()).unwrap();
                if method != Method::HEAD {
                    assert_eq!(response.text().unwrap(), format!("{method} "));
                }
            }
            let response = second(&server, Method::PUT, "body").unwrap();
            assert_eq!(response.text().unwrap(), "PUT body");
        }
    });
}

#[test]
fn what_may_have_been_done_is_not_sent_again() {
    in_loop(|| {
        for resets in [false, true] {
            let server = closes_at_the_second(resets);
            for method in [Method::POST, Method::PATCH] {
                let error = second(&server, method, "body").unwrap_err();
                assert!(error.is_disconnected(), "{error:?}");
            }
            // Nor can a body that was read from a reader.
            let body = Body::reader(&b"body"[..]);
            let error = second(&server, Method::PUT, body).unwrap_err();
            assert!(error.is_disconnected(), "{error:?}");
        }
    });
}

#[test]
fn a_response_that_has_begun_is_not_asked_for_again() {
    in_loop(|| {
        let server = Server::raw(|stream| {
            let mut stream = BufReader::new(stream);
            receive(&mut stream).unwrap().unwrap();
            stream.get_mut().write_all(&ok("first")).unwrap();
            if let Ok(Some(_)) = receive(&mut stream) {
                stream.get_mut().write_all(b"HTTP/1.1 200 O").unwrap();
            }
        });
        let error = second(&server, Method::GET, Body::empty()).unwrap_err();
        assert!(error.is_disconnected(), "{error:?}");
        assert_eq!(server.n_connections(), 2);
    });
}

/// A server that is restarting closes each connection. One request is sent twice, not for ever.
#[test]
fn a_new_connection_that_is_closed_is_an_error() {
    in_loop(|| {
        let n_requests = std::rc::Rc::new(std::cell::Cell::new(0));
        let counted = n_requests.clone();
        let server = Server::raw(move |stream| {
            let mut stream = BufReader::new(stream);
            while let Ok(Some(_)) = receive(&mut stream) {
                counted.set(counted.get() + 1);
                if counted.get() > 1 {
                    break;
                }
                stream.get_mut().write_all(&ok("once")).unwrap();
            }
        });
        let session = Session::new();
        session.get(server.url("/")).unwrap().text().unwrap();
        let error = session.get(server.url("/")).unwrap_err();
        assert!(error.is_disconnected(), "{error:?}");
        assert_eq!(n_requests.get(), 3);
    });
}

/// All idle connections are as old as the one that was closed.
#[test]
fn a_request_does_not_try_one_idle_connection_after_the_other() {
    in_loop(|| {
        let server = closes_at_the_second(false);
        let session = Session::new();
        let first: Vec<_> = (0..10)
            .map(|_| session.get(server.url("/")).unwrap())
            .collect();
        for response in first {
            response.text().unwrap();
        }
        assert_eq!(server.n_connections(), 10);
        session.get(server.url("/")).unwrap().text().unwrap();
        assert_eq!(server.n_connections(), 11);
    });
}
