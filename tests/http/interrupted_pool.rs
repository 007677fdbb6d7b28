//! Requests that are interrupted in every way, on one session.

use std::cell::Cell;
use std::io::{BufReader, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use selvedge::http::Session;
use selvedge::net::TcpStream;
use selvedge::net::unix::UnixStream;
use selvedge::spawn;

use crate::interrupt::By;
use crate::page;
use crate::probe::{Row, State};
use crate::server::{Server, in_loop, ok, receive};

/// A server that answers `/quick`, and sends the head of any other response only, or the head and half of the body, or half
/// of the head, or nothing.
fn half_hearted() -> Server {
    let n_slow = Rc::new(Cell::new(0));
    Server::raw(move |mut stream: TcpStream| {
        let mut requests = BufReader::new(stream.try_clone().unwrap());
        while let Ok(Some(request)) = receive(&mut requests) {
            if request.target == "/quick" {
                stream.write_all(&ok("quick")).unwrap();
                continue;
            }
            let whole = ok("slow");
            let half = [0, 10, whole.len() - 4, whole.len() - 2][n_slow.get() % 4];
            n_slow.set(n_slow.get() + 1);
            stream.write_all(&whole[..half]).unwrap();
            // Until the client closes.
            while requests.read(&mut [0; 64]).is_ok_and(|n| n > 0) {}
            return;
        }
    })
}

fn get(session: &Session, url: &str) -> std::io::Result<String> {
    Ok(session.get(url)?.text()?)
}

#[test]
fn interrupted_requests_leave_the_session_usable() {
    let ways = &By::ALL[1..];
    let row = Row::of("`http::Session`: a request", ways, |by| {
        in_loop(|| {
            let server = half_hearted();
            let session = Session::new();
            let request = |n: u64| {
                let (session, server) = (session.clone(), server.clone());
                spawn(move || {
                    let (unused, _peer) = UnixStream::pair().unwrap();
                    for after in [1 + n % 3, 1 + n % 2] {
                        assert_eq!(get(&session, &server.url("/quick")).unwrap(), "quick");
                        let after = Duration::from_millis(after);
                        let slow = || get(&session, &server.url("/slow"));
                        let result = by.interrupts(&unused, after, slow);
                        assert!(result.is_none(), "{by:?}: {result:?}");
                    }
                    assert_eq!(get(&session, &server.url("/quick")).unwrap(), "quick");
                })
            };
            let tasks: Vec<_> = (0..100 / ways.len() as u64 + 1).map(request).collect();
            for task in tasks {
                task.join()
                    .unwrap_or_else(|error| panic!("{by:?}: {error}"));
            }
            // The connections of all that was interrupted are closed; those that are kept serve again.
            let before = server.n_connections();
            for _ in 0..10 {
                assert_eq!(get(&session, &server.url("/quick")).unwrap(), "quick");
            }
            assert_eq!(server.n_connections(), before);
            State::Over
        })
    });
    page::assert_says("# Other crates, interrupted", &[row], |operation| {
        operation.starts_with("`http::")
    });
}
