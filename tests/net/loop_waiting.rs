//! Tasks that wait for sockets: each is woken for its own direction, in the order of the waits.

use std::io::{ErrorKind, Read, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use selvedge::net::unix::{UnixDatagram, UnixStream};
use selvedge::net::{Shutdown, TcpStream, UdpSocket};
use selvedge::{run, sleep, spawn, yield_now};
use socket2::SockRef;

use crate::loop_support::{Log, begun, settle, shared_tcp, shared_unix};
use crate::sockets::{MOMENT, NEVER, Path, assert_kind, beside, listener, reset, udp_pair};

#[test]
fn a_server_and_its_clients_share_a_thread() {
    const N_CLIENTS: u32 = 50;
    run(|| {
        let listener = listener();
        let address = listener.local_addr().unwrap();
        let server = spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                drop(spawn(move || std::io::copy(&mut &stream, &mut &stream)));
            }
        });
        let clients: Vec<_> = (0..N_CLIENTS)
            .map(|id| {
                spawn(move || {
                    let mut stream = TcpStream::connect(address).unwrap();
                    for round in 0..20 {
                        let sent = (id * 1000 + round).to_be_bytes();
                        stream.write_all(&sent).unwrap();
                        let mut received = [0; 4];
                        stream.read_exact(&mut received).unwrap();
                        assert_eq!(received, sent);
                    }
                })
            })
            .collect();
        clients
            .into_iter()
            .for_each(|client| client.join().unwrap());
        server.cancel();
    });
}

#[test]
fn a_socket_is_read_and_written_at_the_same_time() {
    const N: usize = 2_000_000;
    run(|| {
        let (a, b) = shared_tcp();
        let transfers = [(&a, &b), (&b, &a)].map(|(from, to)| {
            let (from, to) = (Rc::clone(from), Rc::clone(to));
            let writer = spawn(move || (&*from).write_all(&vec![7; N]).unwrap());
            let reader = spawn(move || {
                let mut bytes = vec![0; N];
                (&*to).read_exact(&mut bytes).unwrap();
                assert!(bytes.iter().all(|byte| *byte == 7));
            });
            (writer, reader)
        });
        for (writer, reader) in transfers {
            writer.join().unwrap();
            reader.join().unwrap();
        }
    });
}

#[test]
fn readers_of_one_socket_are_served_in_order() {
    for at_once in [true, false] {
        run(|| {
            let (a, b) = shared_tcp();
            let served = Log::new();
            let readers: Vec<_> = (0..8u8)
                .map(|id| {
                    begun({
                        let (b, served) = (Rc::clone(&b), served.clone());
                        move || {
                            let mut byte = [0];
                            (&*b).read_exact(&mut byte).unwrap();
                            served.push((id, byte[0]));
                        }
                    })
                })
                .collect();
            for n in 0..8u8 {
                (&*a).write_all(&[n]).unwrap();
                if !at_once {
                    settle();
                }
            }
            readers
                .into_iter()
                .for_each(|reader| reader.join().unwrap());
            let expected: Vec<_> = (0..8).map(|n| (n, n)).collect();
            assert_eq!(served.take(), expected);
        });
    }
}

#[test]
fn acceptors_of_one_listener_are_served_in_order() {
    run(|| {
        let listener = Rc::new(listener());
        let address = listener.local_addr().unwrap();
        let served = Log::new();
        let acceptors: Vec<_> = (0..4)
            .map(|id| {
                begun({
                    let (listener, served) = (Rc::clone(&listener), served.clone());
                    move || served.push((id, listener.accept().unwrap().1))
                })
            })
            .collect();
        let clients: Vec<_> = (0..4)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        acceptors
            .into_iter()
            .for_each(|acceptor| acceptor.join().unwrap());
        for (id, from) in served.take() {
            assert_eq!(from, clients[id].local_addr().unwrap());
        }
    });
}

#[test]
fn a_peer_that_trickles_is_waited_for_byte_by_byte() {
    run(|| {
        let (a, b) = shared_tcp();
        a.set_nodelay(true).unwrap();
        let trickle = spawn(move || {
            for n in 0..1000u32 {
                (&*a).write_all(&[n as u8]).unwrap();
                for _ in 0..n % 3 {
                    yield_now();
                }
            }
        });
        let mut bytes = [0; 1000];
        (&*b).read_exact(&mut bytes).unwrap();
        assert!((0..1000u32).zip(bytes).all(|(n, byte)| n as u8 == byte));
        assert_eq!((&*b).read(&mut bytes).unwrap(), 0);
        trickle.join().unwrap();
    });
}

/// The end may come together with the last bytes, and is not reported again.
#[test]
fn the_end_that_comes_with_the_last_bytes_is_not_missed() {
    run(|| {
        for _ in 0..20 {
            let (a, b) = shared_tcp();
            let reader = begun(move || {
                let mut bytes = [0; 100];
                let first = (&*b).read(&mut bytes).unwrap();
                let ends = [(); 3].map(|()| (&*b).read(&mut bytes).unwrap());
                (first, ends)
            });
            (&*a).write_all(b"last").unwrap();
            drop(a);
            assert_eq!(reader.join().unwrap(), (4, [0; 3]));
        }
    });
}

/// A read ends at urgent data, although there is more behind it: a short read that has not emptied
/// the socket.
#[test]
fn data_behind_urgent_data_is_read_as_well() {
    run(|| {
        let (a, b) = shared_tcp();
        let reader = begun(move || {
            // The first wait registers the socket.
            let mut bytes = [0; 100];
            assert_eq!((&*b).read(&mut bytes).unwrap(), 1);
            b.set_read_timeout(Some(NEVER)).unwrap();
            let mut all = Vec::new();
            while !all.ends_with(b"behind") {
                let n = (&*b).read(&mut bytes).unwrap();
                all.extend_from_slice(&bytes[..n]);
            }
            all
        });
        (&*a).write_all(b".").unwrap();
        settle();
        (&*a).write_all(b"before").unwrap();
        SockRef::from(&*a).send_out_of_band(b"!").unwrap();
        (&*a).write_all(b"behind").unwrap();
        assert_eq!(reader.join().unwrap(), b"beforebehind");
    });
}

#[test]
fn a_direction_that_is_shut_down_leaves_the_other() {
    run(|| {
        let (a, b) = shared_tcp();
        let server = begun(move || {
            let mut question = String::new();
            (&*b).read_to_string(&mut question).unwrap();
            settle();
            (&*b).write_all(question.to_uppercase().as_bytes()).unwrap();
        });
        (&*a).write_all(b"quest").unwrap();
        settle();
        (&*a).write_all(b"ion").unwrap();
        a.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        (&*a).read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "QUESTION");
        server.join().unwrap();
    });
}

/// In safe code a socket is borrowed while a task waits on it, so it can't be dropped: a task ends the wait of others
/// by a shutdown.
#[test]
fn a_shutdown_by_another_task_wakes_every_waiter() {
    run(|| {
        let (_a, b) = shared_tcp();
        let readers: Vec<_> = (0..5)
            .map(|_| {
                let b = Rc::clone(&b);
                begun(move || (&*b).read(&mut [0; 8]))
            })
            .collect();
        b.shutdown(Shutdown::Both).unwrap();
        for reader in readers {
            assert_eq!(reader.join().unwrap().unwrap(), 0);
        }
        assert_kind((&*b).write(b"x"), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_reset_wakes_the_reader_and_the_writer() {
    run(|| {
        let (a, b) = shared_tcp();
        let writer = begun({
            let b = Rc::clone(&b);
            move || (&*b).write_all(&vec![0; 50_000_000])
        });
        let reader = begun(move || (&*b).read(&mut [0; 8]));
        reset(Rc::into_inner(a).unwrap());
        let errors = [
            writer.join().unwrap().unwrap_err().kind(),
            match reader.join().unwrap() {
                Err(error) => error.kind(),
                // The first waiter has taken the error.
                Ok(n) => {
                    assert_eq!(n, 0);
                    ErrorKind::ConnectionReset
                }
            },
        ];
        for kind in errors {
            assert!(
                matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
                "{kind:?}"
            );
        }
    });
}

#[test]
fn a_timeout_ends_a_wait_and_leaves_the_socket_usable() {
    run(|| {
        let (a, b) = shared_tcp();
        b.set_read_timeout(Some(MOMENT)).unwrap();
        let reader = spawn({
            let b = Rc::clone(&b);
            move || {
                let start = Instant::now();
                let result = (&*b).read(&mut [0; 8]);
                (result.map_err(|error| error.kind()), start.elapsed())
            }
        });
        // A second waiter has its own timeout.
        assert_kind((&*b).read(&mut [0; 8]), ErrorKind::TimedOut);
        let (result, elapsed) = reader.join().unwrap();
        assert_eq!(result, Err(ErrorKind::TimedOut));
        assert!(elapsed >= MOMENT && elapsed < NEVER, "{elapsed:?}");

        b.set_read_timeout(Some(NEVER)).unwrap();
        (&*a).write_all(b"late").unwrap();
        assert_eq!((&*b).read(&mut [0; 8]).unwrap(), 4);
        b.set_read_timeout(None).unwrap();
        let reader = begun(move || (&*b).read(&mut [0; 8]));
        sleep(2 * MOMENT);
        assert!(!reader.is_done());
        (&*a).write_all(b"later").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 5);
    });
}

#[test]
fn datagrams_wake_their_receiver() {
    run(|| {
        let (a, b) = udp_pair();
        let receiver = begun(move || {
            let mut bytes = [0; 8];
            (0..10u8).all(|n| b.recv(&mut bytes).unwrap() == 1 && bytes[0] == n)
        });
        for n in 0..10 {
            a.send(&[n]).unwrap();
            yield_now();
        }
        assert!(receiver.join().unwrap());
        let a = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = a.local_addr().unwrap();
        let receiver = begun(move || a.recv_from(&mut [0; 8]));
        let from = UdpSocket::bind("127.0.0.1:0").unwrap();
        from.send_to(b"x", to).unwrap();
        let (n, peer) = receiver.join().unwrap().unwrap();
        assert_eq!((n, peer), (1, from.local_addr().unwrap()));
    });
}

#[test]
fn senders_wait_for_room_at_the_receiver() {
    let path = Path::new();
    let receiver = UnixDatagram::bind(&path).unwrap();
    run(|| {
        let senders: Vec<_> = (0..4)
            .map(|_| {
                let path = path.as_ref().to_owned();
                spawn(move || {
                    let socket = UnixDatagram::unbound().unwrap();
                    for n in 0..50u8 {
                        socket.send_to(&[n], &path).unwrap();
                    }
                    socket.connect(&path).unwrap();
                    for n in 50..100u8 {
                        socket.send(&[n]).unwrap();
                    }
                })
            })
            .collect();
        settle();
        let mut seen = [0; 100];
        for _ in 0..400 {
            let mut byte = [0];
            receiver.recv(&mut byte).unwrap();
            seen[usize::from(byte[0])] += 1;
        }
        assert_eq!(seen, [4; 100]);
        senders
            .into_iter()
            .for_each(|sender| sender.join().unwrap());
    });
}

/// A clone is a descriptor of its own, so a second registration of one socket.
#[test]
fn clones_wait_side_by_side() {
    run(|| {
        let (a, b) = shared_unix();
        let clone = b.try_clone().unwrap();
        let first = begun(move || (&*b).read(&mut [0; 1]));
        let second = begun(move || (&clone).read(&mut [0; 1]));
        (&*a).write_all(b"xy").unwrap();
        assert_eq!(first.join().unwrap().unwrap(), 1);
        assert_eq!(second.join().unwrap().unwrap(), 1);
    });
}

#[test]
fn a_thread_feeds_a_task() {
    run(|| {
        let (a, b) = UnixStream::pair().unwrap();
        let reader = begun(move || {
            let mut text = String::new();
            (&b).read_to_string(&mut text).map(|_| text)
        });
        let feeder = beside(move || {
            for word in ["over ", "and ", "under"] {
                (&a).write_all(word.as_bytes()).unwrap();
            }
        });
        assert_eq!(reader.join().unwrap().unwrap(), "over and under");
        feeder.join().unwrap();
    });
}

/// Descriptor numbers are reused. Events of the old descriptor must not affect the new one.
#[test]
fn a_socket_that_another_thread_drops_leaves_its_number_clean() {
    run(|| {
        for _ in 0..50 {
            let (a, b) = UnixStream::pair().unwrap();
            let b = Arc::new(b);
            let reader = begun({
                let b = Arc::clone(&b);
                move || (&*b).read(&mut [0; 1])
            });
            (&a).write_all(b"x").unwrap();
            assert_eq!(reader.join().unwrap().unwrap(), 1);
            let dropper = beside(move || drop((a, Arc::into_inner(b))));
            dropper.join().unwrap();
        }
    });
}
