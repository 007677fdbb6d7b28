//! Connecting from a task: the task waits, the others don't.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use selvedge::net::unix::{UnixListener, UnixStream};
use selvedge::net::{TcpListener, TcpStream, ToSocketAddrs};
use selvedge::{run, spawn};

use crate::loop_support::{begun, counter, settle};
use crate::sockets::{Full, MOMENT, NEVER, Nobody, Path, assert_kind, listener};

#[test]
fn connecting_without_a_listener_is_refused() {
    let nobody = Nobody::new();
    let address = nobody.address();
    run(|| {
        assert_kind(TcpStream::connect(address), ErrorKind::ConnectionRefused);
        assert_kind(
            TcpStream::connect_timeout(&address, NEVER),
            ErrorKind::ConnectionRefused,
        );
        let listener = listener();
        let good = listener.local_addr().unwrap();
        let stream = TcpStream::connect(&[address, good][..]).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
    });
}

#[test]
fn a_connect_without_an_answer_times_out_and_others_go_on() {
    let full = Full::new();
    let address = full.address();
    run(|| {
        let (counter, turns) = counter();
        let start = Instant::now();
        assert_kind(
            TcpStream::connect_timeout(&address, MOMENT),
            ErrorKind::TimedOut,
        );
        let elapsed = start.elapsed();
        assert!(elapsed >= MOMENT && elapsed < NEVER, "{elapsed:?}");
        assert!(turns.get() > 1, "{}", turns.get());
        counter.cancel();
        assert_kind(
            TcpStream::connect_timeout(&address, Duration::ZERO),
            ErrorKind::InvalidInput,
        );
    });
}

#[test]
fn names_are_looked_up_while_others_run() {
    run(|| {
        let listener = listener();
        let port = listener.local_addr().unwrap().port();
        let (counter, turns) = counter();
        settle();
        // The other thread may finish before the task has to wait, but not each time.
        let before = turns.get();
        let mut n_lookups = 0;
        while turns.get() == before {
            let mut addresses = ("localhost", port).to_socket_addrs().unwrap();
            assert!(addresses.any(|address| address == SocketAddr::from(([127, 0, 0, 1], port))));
            n_lookups += 1;
            assert!(n_lookups < 10_000, "no lookup ever suspends");
        }
        let stream = TcpStream::connect(("localhost", port)).unwrap();
        assert_eq!(stream.peer_addr().unwrap().port(), port);
        assert!(TcpStream::connect("unknown.invalid:80").is_err());
        assert!(TcpListener::bind(("localhost", 0)).is_ok());
        counter.cancel();
    });
}

#[test]
fn numeric_addresses_are_not_looked_up() {
    run(|| {
        let (counter, turns) = counter();
        settle();
        let before = turns.get();
        assert!("127.0.0.1:80".to_socket_addrs().is_ok());
        assert!(("::1", 80).to_socket_addrs().is_ok());
        assert!("localhost".to_socket_addrs().is_err());
        assert_eq!(turns.get(), before);
        counter.cancel();
    });
}

#[test]
fn many_names_are_looked_up_at_once() {
    run(|| {
        let lookups: Vec<_> = (0..100)
            .map(|port| spawn(move || ("localhost", port).to_socket_addrs().unwrap().count()))
            .collect();
        for lookup in lookups {
            assert!(lookup.join().unwrap() > 0);
        }
    });
}

/// More connects than the queue holds and more than the pool has threads.
#[test]
fn a_connect_to_a_full_listener_waits_for_room() {
    const N_CLIENTS: usize = 300;
    let path = Path::new();
    let listener = UnixListener::bind(&path).unwrap();
    run(|| {
        let clients: Vec<_> = (0..N_CLIENTS)
            .map(|_| {
                let path = path.as_ref().to_owned();
                begun(move || {
                    let mut text = String::new();
                    let mut stream = UnixStream::connect(path).unwrap();
                    stream.read_to_string(&mut text).unwrap();
                    text
                })
            })
            .collect();
        for _ in 0..N_CLIENTS {
            let (stream, _) = listener.accept().unwrap();
            (&stream).write_all(b"welcome").unwrap();
        }
        for client in clients {
            assert_eq!(client.join().unwrap(), "welcome");
        }
    });
}

/// A broadcast address can't be connected.
#[test]
fn unreachable_addresses_give_the_errors_of_std() {
    let broadcast = SocketAddr::from(([127, 255, 255, 255], 9));
    let expected = std::net::TcpStream::connect(broadcast).unwrap_err().kind();
    if cfg!(target_os = "linux") {
        assert_eq!(expected, ErrorKind::NetworkUnreachable);
    }
    run(|| {
        assert_kind(TcpStream::connect(broadcast), expected);
        assert_kind(TcpStream::connect_timeout(&broadcast, NEVER), expected);
    });
    assert_kind(TcpStream::connect(broadcast), expected);
}
