//! Requests inside `timeout` on one session: after an interruption at any point the session still
//! works.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Write};
use std::rc::Rc;
use std::time::Duration;

use selvedge::http::{Body, Session};
use selvedge::net::TcpStream;
use selvedge::{spawn, timeout};

use crate::server::{Server, in_loop, ok, receive};

const N_REQUESTS: usize = 100;

/// A server that stops at a point: in the middle of a head, in the middle of a body, or while it receives a request.
/// Each connection tells when it is there.
fn stops_at(point: &'static str, n_stopped: &Rc<Cell<usize>>) -> Server {
    let n_stopped = Rc::clone(n_stopped);
    Server::raw(move |stream| {
        let mut stream = BufReader::new(stream);
        loop {
            let stop = |stream: &mut TcpStream, bytes: &[u8]| {
                stream.write_all(bytes).unwrap();
                n_stopped.set(n_stopped.get() + 1);
                // Until the client closes. It may reset the connection.
                let _ = std::io::copy(stream, &mut std::io::sink());
            };
            if point == "upload" {
                if stream.fill_buf().unwrap_or_default().starts_with(b"POST") {
                    n_stopped.set(n_stopped.get() + 1);
                    return selvedge::sleep(Duration::MAX);
                }
                let Ok(Some(_)) = receive(&mut stream) else {
                    return;
                };
                stream.get_mut().write_all(&ok("good")).unwrap();
                continue;
            }
            let Ok(Some(request)) = receive(&mut stream) else {
                return;
            };
            let stream = stream.get_mut();
            match (&*request.target, point) {
                ("/good", _) => stream.write_all(&ok("good")).unwrap(),
                (_, "head") => return stop(stream, b"HTTP/1.1 200 OK\r\ncontent-le"),
                _ => return stop(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nwarp"),
            }
        }
    })
}

fn is_good(session: &Session, server: &Server) {
    let response = session.get(server.url("/good")).unwrap();
    assert_eq!(response.text().unwrap(), "good");
}

/// A hundred requests that time out at a point, ten at a time, and a hundred good ones after them.
fn survives(point: &'static str, request: fn(&Session, String)) {
    in_loop(|| {
        let n_stopped = Rc::default();
        let server = stops_at(point, &n_stopped);
        let session = Session::builder().max_connections(10).build();
        is_good(&session, &server);
        let mut time = Duration::from_millis(5);
        let mut n_tried = 0;
        while n_stopped.get() < N_REQUESTS {
            let n_before = n_stopped.get();
            let tasks: Vec<_> = (0..10)
                .map(|_| {
                    let (session, url) = (session.clone(), server.url("/stop"));
                    spawn(move || timeout(time, || request(&session, url)).unwrap_err())
                })
                .collect();
            for task in tasks {
                task.join().unwrap();
            }
            n_tried += 10;
            if n_stopped.get() - n_before < 10 {
                // Some have timed out before they reached the point.
                time *= 2;
            }
            assert!(
                n_tried < 1_000,
                "few come to the point: {}",
                n_stopped.get()
            );
        }
        for _ in 0..N_REQUESTS {
            is_good(&session, &server);
        }
        // All permits have been given back.
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let (session, server) = (session.clone(), server.clone());
                spawn(move || is_good(&session, &server))
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

#[test]
fn a_session_survives_timeouts_in_a_head() {
    survives("head", |session, url| drop(session.get(url)));
}

#[test]
fn a_session_survives_timeouts_in_a_body() {
    survives("body", |session, url| {
        drop(session.get(url).and_then(|response| response.bytes()))
    });
}

#[test]
fn a_session_survives_timeouts_in_an_upload() {
    survives("upload", |session, url| {
        drop(session.post(url, Body::reader(std::io::repeat(b'x'))))
    });
}
