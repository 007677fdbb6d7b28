//! Connecting from a task: the task waits, the others don't.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net as std_unix;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use selvedge::event_loop::current_loop;
use selvedge::net::unix::{UnixListener, UnixStream};
use selvedge::net::{TcpListener, TcpStream, ToSocketAddrs};
use selvedge::time::deadline;
use selvedge::{EventLoop, run, spawn, timeout, to_thread};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::loop_support::{begun, counter, settle};
use crate::sockets::{ClosedPort, Full, MOMENT, NEVER, Path, assert_kind, beside, listener};

#[test]
fn connecting_without_a_listener_is_refused() {
    let closed = ClosedPort::new();
    let address = closed.address();
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

/// A listener whose queue has room for one.
fn short_queue(path: &Path) -> UnixListener {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    socket.bind(&SockAddr::unix(path).unwrap()).unwrap();
    socket.listen(0).unwrap();
    UnixListener::from(OwnedFd::from(socket))
}

/// The pool's only thread is in use.
#[test]
fn a_connect_to_a_full_listener_needs_no_thread() {
    const N_CLIENTS: usize = 100;
    let path = Path::new();
    let listener = short_queue(&path);
    let (release, released) = channel::<()>();
    EventLoop::builder().max_blocking_threads(1).run(|| {
        let busy = spawn(|| to_thread(move || released.recv()));
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
        drop(release);
        assert!(busy.join().unwrap().unwrap().is_err());
    });
}

/// An hour of virtual time does not pass while a thread lets the client wait.
#[test]
fn a_virtual_clock_waits_for_room_in_a_queue() {
    let path = Path::new();
    let listener = short_queue(&path);
    let queued = std_unix::UnixStream::connect(&path).unwrap();
    EventLoop::builder().virtual_clock(true).run(|| {
        let to = path.as_ref().to_owned();
        let client = begun(move || timeout(NEVER, || UnixStream::connect(to)));
        let acceptor = beside(move || [(); 2].map(|()| listener.accept().unwrap()));
        assert!(client.join().unwrap().expect("in time").is_ok());
        acceptor.join().unwrap();
    });
    drop(queued);
}

/// Both the timeout and the pause between two attempts pass in another task, which makes room for the next attempt.
#[test]
fn a_timeout_between_attempts_ends_a_connect() {
    let path = Path::new();
    let listener = short_queue(&path);
    let queued = std_unix::UnixStream::connect(&path).unwrap();
    run(|| {
        // The first pause is as long.
        let interval = Duration::from_millis(1);
        let acceptor = spawn(move || {
            let start = Instant::now();
            while start.elapsed() < 2 * interval {}
            let accepted = listener.accept().unwrap();
            (listener, accepted)
        });
        let elapsed = timeout(interval, || {
            assert_kind(UnixStream::connect(&path), ErrorKind::TimedOut);
        });
        assert!(elapsed.is_err());
        acceptor.join().unwrap();
    });
    drop(queued);
}

#[test]
fn a_deadline_ends_a_connect_to_a_full_listener() {
    let path = Path::new();
    let listener = short_queue(&path);
    let queued = std_unix::UnixStream::connect(&path).unwrap();
    run(|| {
        deadline(MOMENT, || {
            assert_kind(UnixStream::connect(&path), ErrorKind::TimedOut);
        });
    });
    drop((listener, queued));
}

#[test]
fn a_unix_listener_queues_hundreds_of_connections() {
    let path = Path::new();
    let _listener = UnixListener::bind(&path).unwrap();
    let address = SockAddr::unix(&path).unwrap();
    let clients: Vec<_> = (0..400)
        .map(|_| {
            let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
            client.set_nonblocking(true).unwrap();
            client.connect(&address).unwrap();
            client
        })
        .collect();
    drop(clients);
}

#[test]
fn a_silent_address_does_not_hold_up_the_next() {
    let (full, listener) = (Full::new(), listener());
    let good = listener.local_addr().unwrap();
    let addresses = [full.address(), good];
    run(|| {
        let (counter, turns) = counter();
        let stream = TcpStream::connect(&addresses[..]).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        assert!(turns.get() > 1, "others run meanwhile");
        counter.cancel();
    });
    // Without a loop.
    let stream = TcpStream::connect(&addresses[..]).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), good);
}

#[test]
fn the_next_address_is_tried_after_250_ms_or_a_failure() {
    let (full, closed, listener) = (Full::new(), ClosedPort::new(), listener());
    let good = listener.local_addr().unwrap();
    for (addresses, delay_ms) in [
        (vec![full.address(), good], 250),
        (vec![closed.address(), good], 0),
        (vec![closed.address(), full.address(), good], 250),
        (vec![full.address(), full.address(), good], 500),
        (vec![good, full.address()], 0),
    ] {
        let elapsed = EventLoop::builder().virtual_clock(true).run(|| {
            let start = current_loop().unwrap().elapsed().unwrap();
            let stream = TcpStream::connect(&addresses[..]).unwrap();
            assert_eq!(stream.peer_addr().unwrap(), good);
            current_loop().unwrap().elapsed().unwrap() - start
        });
        assert_eq!(elapsed, Duration::from_millis(delay_ms), "{addresses:?}");
    }
}

#[test]
fn a_timeout_as_the_next_address_is_due_ends_a_connect() {
    let (full, listener) = (Full::new(), listener());
    let addresses = [full.address(), listener.local_addr().unwrap()];
    EventLoop::builder().virtual_clock(true).run(|| {
        let elapsed = timeout(Duration::from_millis(250), || {
            assert_kind(TcpStream::connect(&addresses[..]), ErrorKind::TimedOut);
        });
        assert!(elapsed.is_err());
    });
}

#[test]
fn the_families_of_addresses_alternate() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        // This machine has no IPv6.
        return;
    };
    let (full, good) = (Full::new(), listener.local_addr().unwrap());
    let addresses = [full.address(), full.address(), full.address(), good];
    let elapsed = EventLoop::builder().virtual_clock(true).run(|| {
        let start = current_loop().unwrap().elapsed().unwrap();
        let stream = TcpStream::connect(&addresses[..]).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        current_loop().unwrap().elapsed().unwrap() - start
    });
    assert_eq!(elapsed, Duration::from_millis(250));
}

#[test]
fn the_error_of_several_addresses_names_each() {
    let closed = [(); 2].map(|()| ClosedPort::new());
    let addresses = [closed[0].address(), closed[1].address()];
    run(|| {
        let error = TcpStream::connect(&addresses[..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        for address in addresses {
            assert!(error.to_string().contains(&address.to_string()), "{error}");
        }
        let none: &[SocketAddr] = &[];
        assert_kind(TcpStream::connect(none), ErrorKind::InvalidInput);
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
