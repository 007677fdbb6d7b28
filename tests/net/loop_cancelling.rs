//! A cancel leaves a socket unchanged: in every order of events, no byte and no connection is lost.

use std::io::{ErrorKind, Read, Write};
use std::rc::Rc;
use std::sync::Arc;

use selvedge::net::unix::{UnixDatagram, UnixListener, UnixStream};
use selvedge::net::{TcpStream, UdpSocket};
use selvedge::task::catch_cancelled;
use selvedge::{run, spawn, yield_now};

use crate::loop_support::{Log, begun, settle, shared_tcp, shared_unix};
use crate::sockets::{Full, Path, fill, fill_path, listener, udp_pair};

#[test]
fn a_cancelled_read_leaves_the_socket_usable() {
    run(|| {
        let (a, b) = shared_tcp();
        for _ in 0..3 {
            let reader = begun({
                let b = Rc::clone(&b);
                move || (&*b).read(&mut [0; 8])
            });
            assert!(reader.cancel());
            assert!(reader.join().unwrap_err().is_cancelled());
        }
        (&*a).write_all(b"still here").unwrap();
        let mut bytes = [0; 10];
        (&*b).read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"still here");
    });
}

#[test]
fn a_cancel_takes_effect_without_readiness() {
    run(|| {
        let (_a, b) = shared_unix();
        let reader = begun({
            let b = Rc::clone(&b);
            move || (&*b).read(&mut [0; 8])
        });
        reader.cancel();
        settle();
        assert!(reader.is_done() && reader.is_cancelled());
    });
}

/// The cancel comes some turns after the byte: before a poll, after the poller's report, and after
/// the reader has the byte.
#[test]
fn a_cancel_that_coincides_with_readiness_loses_no_byte() {
    run(|| {
        let (a, b) = shared_tcp();
        let received = Log::new();
        let mut n_cancelled = 0;
        for n in 0..200u8 {
            let reader = begun({
                let (b, received) = (Rc::clone(&b), received.clone());
                move || {
                    let mut byte = [0];
                    (&*b).read_exact(&mut byte).unwrap();
                    received.push(byte[0]);
                }
            });
            (&*a).write_all(&[n]).unwrap();
            for _ in 0..n % 5 {
                yield_now();
            }
            reader.cancel();
            if reader.join().is_err() {
                n_cancelled += 1;
            }
            if received.len() == usize::from(n) {
                let mut byte = [0];
                (&*b).read_exact(&mut byte).unwrap();
                received.push(byte[0]);
            }
        }
        assert_eq!(received.take(), (0..200).collect::<Vec<u8>>());
        assert!(n_cancelled > 0);
    });
}

/// The wake-up of a cancelled reader goes to the next reader.
#[test]
fn a_cancelled_reader_passes_its_turn_on() {
    run(|| {
        let (a, b) = shared_tcp();
        let reader = |received: &Log<u8>| {
            let (b, received) = (Rc::clone(&b), received.clone());
            move || {
                let mut byte = [0];
                (&*b).read_exact(&mut byte).unwrap();
                received.push(byte[0]);
            }
        };
        for n_turns in 0..5 {
            let (first, second) = (Log::new(), Log::new());
            let task = begun(reader(&first));
            let next = begun(reader(&second));
            (&*a).write_all(b"x").unwrap();
            for _ in 0..n_turns {
                yield_now();
            }
            task.cancel();
            let _ = task.join();
            if first.len() == 1 {
                (&*a).write_all(b"y").unwrap();
            }
            next.join().unwrap();
            assert_eq!(second.len(), 1, "{n_turns}");
        }
    });
}

#[test]
fn a_cancel_that_is_caught_leaves_the_next_operation_alone() {
    run(|| {
        let (a, b) = shared_tcp();
        let reader = begun({
            let b = Rc::clone(&b);
            move || {
                let mut bytes = [0; 8];
                assert!(catch_cancelled(|| (&*b).read(&mut bytes)).is_err());
                (&*b).read(&mut bytes)
            }
        });
        reader.cancel();
        settle();
        assert!(!reader.is_done());
        (&*a).write_all(b"after").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 5);
    });
}

#[test]
fn a_cancelled_accept_loses_no_connection() {
    run(|| {
        let listener = Rc::new(listener());
        let address = listener.local_addr().unwrap();
        for n_turns in 0..5 {
            let accepted = Log::new();
            let acceptor = begun({
                let (listener, accepted) = (Rc::clone(&listener), accepted.clone());
                move || accepted.push(listener.accept().unwrap().1)
            });
            let client = TcpStream::connect(address).unwrap();
            for _ in 0..n_turns {
                yield_now();
            }
            acceptor.cancel();
            let _ = acceptor.join();
            let from = match accepted.take()[..] {
                [] => listener.accept().unwrap().1,
                [from] => from,
                _ => panic!("accepted once, answered twice"),
            };
            assert_eq!(from, client.local_addr().unwrap());
        }
    });
}

#[test]
fn a_cancelled_write_has_sent_nothing() {
    run(|| {
        let (a, b) = shared_unix();
        a.set_nonblocking(true).unwrap();
        let mut n_sent = 0;
        fill(|| {
            let n = (&*a).write(&[0; 1000])?;
            n_sent += n;
            Ok(n)
        });
        a.set_nonblocking(false).unwrap();
        let writer = begun({
            let a = Rc::clone(&a);
            move || (&*a).write(&[1; 1000])
        });
        writer.cancel();
        assert!(writer.join().unwrap_err().is_cancelled());
        drop(a);
        let mut received = Vec::new();
        (&*b).read_to_end(&mut received).unwrap();
        assert_eq!(received.len(), n_sent);
        assert!(!received.contains(&1));
    });
}

#[test]
fn a_cancelled_receiver_loses_no_datagram() {
    run(|| {
        let (a, b) = udp_pair();
        let b = Rc::new(b);
        let receiver = begun({
            let b = Rc::clone(&b);
            move || b.recv_from(&mut [0; 8])
        });
        a.send(b"whole").unwrap();
        receiver.cancel();
        assert!(receiver.join().unwrap_err().is_cancelled());
        assert_eq!(b.recv(&mut [0; 8]).unwrap(), 5);
    });
}

#[test]
fn a_cancelled_connect_ends_at_once() {
    let full = Full::new();
    let address = full.address();
    run(|| {
        let connector = begun(move || TcpStream::connect(address));
        assert!(!connector.is_done());
        connector.cancel();
        assert!(connector.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_cancelled_lookup_is_left_to_its_thread() {
    // A lookup may fail at once; of this many, on a few threads, some wait.
    const N_LOOKUPS: usize = 60;
    run(|| {
        let lookups: Vec<_> = (0..N_LOOKUPS)
            .map(|_| spawn(|| TcpStream::connect("unknown.invalid:80").map(drop)))
            .collect();
        yield_now();
        let pending: Vec<_> = lookups.into_iter().filter(|task| task.cancel()).collect();
        assert!(!pending.is_empty(), "every lookup ended at once");
        for lookup in pending {
            let result = lookup.join();
            assert!(result.is_err_and(|error| error.is_cancelled()));
        }
    });
}

#[test]
fn a_cancelled_wait_for_a_full_receiver_sends_nothing() {
    let path = Path::new();
    let receiver = UnixDatagram::bind(&path).unwrap();
    let socket = UnixDatagram::unbound().unwrap();
    let n_filled = fill_path(&socket, &path);
    run(|| {
        let sender = begun({
            let path = path.as_ref().to_owned();
            move || socket.send_to(b"more", path)
        });
        assert!(!sender.is_done());
        sender.cancel();
        assert!(sender.join().unwrap_err().is_cancelled());
        for _ in 0..n_filled {
            receiver.recv(&mut [0; 8]).unwrap();
        }
        receiver.set_nonblocking(true).unwrap();
        let nothing = receiver.recv(&mut [0; 8]).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn a_cancelled_wait_for_a_full_listener_ends_soon() {
    let path = Path::new();
    let listener = UnixListener::bind(&path).unwrap();
    // Until a connect has to wait. The earlier ones are in the queue.
    let mut queued = Vec::new();
    run(|| {
        let waiting = loop {
            let path = path.as_ref().to_owned();
            let connector = begun(move || UnixStream::connect(path));
            if !connector.is_done() {
                break connector;
            }
            queued.push(connector.join().unwrap().unwrap());
        };
        waiting.cancel();
        assert!(waiting.join().unwrap_err().is_cancelled());
        assert!(listener.accept().is_ok());
    });
}

#[test]
fn the_end_of_the_loop_unwinds_tasks_that_wait_for_sockets() {
    let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
    run(|| {
        let socket = Arc::clone(&socket);
        drop(begun(move || socket.recv(&mut [0; 8])));
    });
    // The task's frame is dropped, with its values.
    assert_eq!(Arc::strong_count(&socket), 1);
}
