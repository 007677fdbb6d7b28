//! A `shutdown` by this process ends the waits of this process, as with std: on each type, in each direction, through
//! each handle.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::mpsc::channel;

use selvedge::net::unix::{UnixDatagram, UnixListener, UnixStream};
use selvedge::net::{Shutdown, TcpListener};
use selvedge::run;
use socket2::SockRef;

use crate::loop_support::{begun, shared_tcp, shared_unix};
use crate::sockets::{Path, assert_kind, beside, fill, fill_path, listener};
use crate::support::{thread_number, wait_until_asleep};

/// Fills a stream's buffers; a write waits afterwards.
fn fill_stream(stream: &UnixStream) {
    stream.set_nonblocking(true).unwrap();
    fill(|| { stream }.write(&[0; 10_000]));
    stream.set_nonblocking(false).unwrap();
}

#[test]
fn a_shutdown_wakes_the_writer_of_a_unix_stream() {
    for how in [Shutdown::Write, Shutdown::Both] {
        run(|| {
            let (a, _b) = shared_unix();
            fill_stream(&a);
            let writers = [(); 2].map(|()| {
                let a = a.clone();
                begun(move || { &*a }.write(b"more"))
            });
            assert!(!writers[0].is_done());
            a.shutdown(how).unwrap();
            for writer in writers {
                assert_kind(writer.join().unwrap(), ErrorKind::BrokenPipe);
            }
        });
    }
}

#[test]
fn a_shutdown_wakes_a_writer_through_each_clone() {
    run(|| {
        // The clone is made before the wait begins, or after.
        for clones_first in [true, false] {
            let (a, _b) = shared_unix();
            fill_stream(&a);
            let early = clones_first.then(|| a.try_clone().unwrap());
            let theirs = a.clone();
            let writer = begun(move || { &*theirs }.write(b"more"));
            let clone = early.unwrap_or_else(|| a.try_clone().unwrap());
            let clone = clone.try_clone().unwrap();
            clone.shutdown(Shutdown::Write).unwrap();
            assert_kind(writer.join().unwrap(), ErrorKind::BrokenPipe);
        }
    });
}

#[test]
fn a_shutdown_wakes_a_writer_in_another_loop() {
    for is_clone in [true, false] {
        let (a, _b) = UnixStream::pair().unwrap();
        fill_stream(&a);
        let a = Arc::new(a);
        let theirs = match is_clone {
            true => Arc::new(a.try_clone().unwrap()),
            false => a.clone(),
        };
        let (begin, has_begun) = channel();
        let writer = beside(move || {
            begin.send(thread_number()).unwrap();
            run(|| { &*theirs }.write(b"more"))
        });
        wait_until_asleep(has_begun.recv().unwrap());
        a.shutdown(Shutdown::Write).unwrap();
        assert_kind(writer.join().unwrap(), ErrorKind::BrokenPipe);
    }
}

#[test]
fn a_shutdown_wakes_a_writer_without_a_loop() {
    let (a, _b) = UnixStream::pair().unwrap();
    fill_stream(&a);
    let a = Arc::new(a);
    let theirs = a.clone();
    let (begin, has_begun) = channel();
    let writer = beside(move || {
        begin.send(thread_number()).unwrap();
        { &*theirs }.write(b"more")
    });
    wait_until_asleep(has_begun.recv().unwrap());
    a.shutdown(Shutdown::Write).unwrap();
    assert_kind(writer.join().unwrap(), ErrorKind::BrokenPipe);
}

#[test]
fn a_shutdown_gives_waiting_readers_the_end() {
    for how in [Shutdown::Read, Shutdown::Both] {
        run(|| {
            let (a, _a_peer) = shared_unix();
            let (b, _b_peer) = shared_tcp();
            let (their_a, their_b) = (a.clone(), b.clone());
            let unix = begun(move || { &*their_a }.read(&mut [0; 8]));
            let tcp = begun(move || { &*their_b }.read(&mut [0; 8]));
            a.shutdown(how).unwrap();
            b.shutdown(how).unwrap();
            assert_eq!(unix.join().unwrap().unwrap(), 0);
            assert_eq!(tcp.join().unwrap().unwrap(), 0);
        });
    }
}

#[test]
fn a_shutdown_wakes_the_writer_of_a_tcp_stream() {
    for how in [Shutdown::Write, Shutdown::Both] {
        run(|| {
            let (a, _b) = shared_tcp();
            let theirs = a.clone();
            let writer = begun(move || {
                loop {
                    if let Err(error) = { &*theirs }.write(&[0; 100_000]) {
                        return error.kind();
                    }
                }
            });
            a.shutdown(how).unwrap();
            assert_eq!(writer.join().unwrap(), ErrorKind::BrokenPipe);
        });
    }
}

#[test]
fn a_shutdown_ends_the_waits_for_datagrams() {
    run(|| {
        let (a, _b) = UnixDatagram::pair().unwrap();
        let a = std::rc::Rc::new(a);
        let theirs = a.clone();
        let received = begun(move || theirs.recv(&mut [0; 8]));
        let theirs = a.clone();
        let from = begun(move || {
            theirs
                .recv_from(&mut [0; 8])
                .map(|(n, from)| (n, from.is_unnamed()))
        });
        a.set_nonblocking(true).unwrap();
        fill(|| a.send(b"fill"));
        a.set_nonblocking(false).unwrap();
        let theirs = a.clone();
        let sent = begun(move || theirs.send(b"more"));
        a.shutdown(Shutdown::Both).unwrap();
        assert_eq!(received.join().unwrap().unwrap(), 0);
        assert_eq!(from.join().unwrap().unwrap(), (0, true));
        assert_kind(sent.join().unwrap(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_datagram_before_the_shutdown_is_still_received() {
    let (a, b) = UnixDatagram::pair().unwrap();
    a.send(b"last").unwrap();
    b.shutdown(Shutdown::Read).unwrap();
    let mut bytes = [0; 8];
    assert_eq!(run(|| b.recv(&mut bytes)).unwrap(), 4);
    assert_eq!(&bytes[..4], b"last");
    assert_eq!(run(|| b.recv(&mut bytes)).unwrap(), 0);
    assert_eq!(b.recv(&mut bytes).unwrap(), 0);
    // Without waiting there is no datagram.
    b.set_nonblocking(true).unwrap();
    assert_kind(b.recv(&mut bytes), ErrorKind::WouldBlock);
}

#[test]
fn a_shutdown_wakes_a_sender_to_a_full_path() {
    for how in [Shutdown::Write, Shutdown::Both] {
        let path = Path::new();
        let _receiver = UnixDatagram::bind(&path).unwrap();
        run(|| {
            let sender = std::rc::Rc::new(UnixDatagram::unbound().unwrap());
            fill_path(&sender, &path);
            let (theirs, to) = (sender.clone(), path.as_ref().to_owned());
            let sent = begun(move || theirs.send_to(b"more", to));
            assert!(!sent.is_done());
            sender.shutdown(how).unwrap();
            assert_kind(sent.join().unwrap(), ErrorKind::BrokenPipe);
        });
    }
}

/// std has no `shutdown` for listeners.
#[test]
fn a_listener_that_is_shut_down_accepts_no_more() {
    run(|| {
        let path = Path::new();
        let unix = std::rc::Rc::new(UnixListener::bind(&path).unwrap());
        let tcp: std::rc::Rc<TcpListener> = std::rc::Rc::new(listener());
        let (their_unix, their_tcp) = (unix.clone(), tcp.clone());
        let unix_accept = begun(move || their_unix.accept().map(drop));
        let tcp_accept = begun(move || their_tcp.accept().map(drop));
        SockRef::from(&*unix).shutdown(Shutdown::Both).unwrap();
        SockRef::from(&*tcp).shutdown(Shutdown::Both).unwrap();
        assert_kind(unix_accept.join().unwrap(), ErrorKind::InvalidInput);
        assert_kind(tcp_accept.join().unwrap(), ErrorKind::InvalidInput);
    });
}
