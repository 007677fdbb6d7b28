//! One descriptor in several wrappers: each can wait, without an effect on the others.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use selvedge::io::Pollable;
use selvedge::net::unix::UnixStream;
use selvedge::net::{Shutdown, TcpStream};
use selvedge::{run, timeout};

use crate::loop_support::{begun, settle, shared_tcp, shared_unix};
use crate::sockets::{assert_kind, beside, tcp_pair};

/// Reads a byte as `recvmsg` and its kin are called: by a function of the user's.
fn receive(pollable: &Pollable<&TcpStream>) -> io::Result<u8> {
    let mut byte = [0];
    pollable.read_with(|stream| {
        let stream = socket2::SockRef::from(*stream);
        (&*stream).read(&mut byte)
    })?;
    Ok(byte[0])
}

/// Waits for a while, so that the descriptor is registered with the loop.
fn wait_in_vain(read: impl FnOnce() -> io::Result<usize>) {
    assert!(timeout(Duration::from_millis(1), read).is_err());
}

#[test]
fn a_stream_and_a_pollable_wait_for_one_descriptor() {
    run(|| {
        let (a, b) = shared_tcp();
        let theirs = a.clone();
        let first = begun(move || { &*theirs }.read(&mut [0; 1]).unwrap());
        let theirs = a.clone();
        let second = begun(move || {
            let pollable = Pollable::new(&*theirs).unwrap();
            (receive(&pollable).unwrap(), receive(&pollable).unwrap())
        });
        for byte in [b"1", b"2", b"3"] {
            { &*b }.write_all(byte).unwrap();
            settle();
        }
        assert_eq!(first.join().unwrap(), 1);
        assert_eq!(second.join().unwrap(), (b'2', b'3'));
        // The registration outlives the second wrapper.
        let theirs = a.clone();
        let again = begun(move || { &*theirs }.read(&mut [0; 1]).unwrap());
        { &*b }.write_all(b"4").unwrap();
        assert_eq!(again.join().unwrap(), 1);
    });
}

#[test]
fn the_second_wrapper_may_live_longer_than_the_first() {
    run(|| {
        let (reader, mut writer) = io::pipe().unwrap();
        let reader = Rc::new(reader);
        let [gone, stays] = [(); 2].map(|()| Pollable::new(reader.clone()).unwrap());
        for pollable in [&gone, &stays] {
            wait_in_vain(|| { pollable }.read(&mut [0; 1]));
        }
        drop(gone);
        let waiting = begun(move || { &stays }.read(&mut [0; 1]).unwrap());
        writer.write_all(b"x").unwrap();
        assert_eq!(waiting.join().unwrap(), 1);
    });
}

#[test]
fn both_directions_of_a_shared_descriptor_wait() {
    run(|| {
        let (a, b) = shared_unix();
        a.set_nonblocking(true).unwrap();
        while { &*a }.write(&[0; 10_000]).is_ok() {}
        a.set_nonblocking(false).unwrap();
        let theirs = a.clone();
        let reader = begun(move || { &*theirs }.read(&mut [0; 8]).unwrap());
        let theirs = a.clone();
        let writer = begun(move || {
            let pollable = Pollable::new(&*theirs).unwrap();
            { &pollable }.write(b"more").unwrap()
        });
        { &*b }.write_all(b"hello").unwrap();
        assert_eq!(reader.join().unwrap(), 5);
        let mut bytes = vec![0; 100_000];
        while !writer.is_done() {
            assert!({ &*b }.read(&mut bytes).unwrap() > 0);
            settle();
        }
        assert_eq!(writer.join().unwrap(), 4);
    });
}

#[test]
fn a_shutdown_wakes_the_waiters_of_every_wrapper() {
    run(|| {
        let (a, _b) = shared_unix();
        a.set_nonblocking(true).unwrap();
        while { &*a }.write(&[0; 10_000]).is_ok() {}
        a.set_nonblocking(false).unwrap();
        let theirs = a.clone();
        let stream = begun(move || { &*theirs }.write(b"more"));
        let theirs = a.clone();
        let pollable = begun(move || {
            let mut pollable = Pollable::new(&*theirs).unwrap();
            pollable.write(b"more")
        });
        a.shutdown(Shutdown::Write).unwrap();
        assert_kind(stream.join().unwrap(), ErrorKind::BrokenPipe);
        assert_kind(pollable.join().unwrap(), ErrorKind::BrokenPipe);
    });
}

/// Another thread drops a registered socket, and its number is used again: for another file, and for the same one.
#[test]
fn a_reused_number_is_a_descriptor_of_its_own() {
    run(|| {
        for keeps_file in [false, true] {
            for _ in 0..20 {
                let (a, peer) = tcp_pair();
                wait_in_vain(|| { &a }.read(&mut [0; 1]));
                let clone = a.try_clone().unwrap();
                let number = a.as_raw_fd();
                beside(move || drop(a)).join().unwrap();
                // The message of the other thread has not been received yet.
                let (fresh, writer): (TcpStream, TcpStream) = match keeps_file {
                    true => (clone.try_clone().unwrap(), peer),
                    false => tcp_pair(),
                };
                let is_reused = fresh.as_raw_fd() == number;
                let fresh = Rc::new(fresh);
                let theirs = fresh.clone();
                let reader = begun(move || { &*theirs }.read(&mut [0; 1]).unwrap());
                { &writer }.write_all(b"x").unwrap();
                assert_eq!(reader.join().unwrap(), 1, "reused: {is_reused}");
            }
        }
    });
}

/// The wrapper's destructor never runs, so its share of the registration stays.
#[test]
fn a_forgotten_wrapper_does_not_disturb_the_next_file() {
    run(|| {
        let (a, _b) = UnixStream::pair().unwrap();
        let pollable = Pollable::new(a.as_fd()).unwrap();
        wait_in_vain(|| { &pollable }.read(&mut [0; 1]));
        std::mem::forget(pollable);
        let (reader, mut writer) = io::pipe().unwrap();
        // The number gets the other file in one step: between a close and an open, another test's thread could take it.
        // SAFETY: both numbers are open descriptors, and `a` gave up its own.
        let reader = unsafe {
            let number = libc::dup2(reader.as_raw_fd(), OwnedFd::from(a).into_raw_fd());
            OwnedFd::from_raw_fd(number)
        };
        let reader = Pollable::new(reader).unwrap();
        let waiting = begun(move || { &reader }.read(&mut [0; 1]).unwrap());
        writer.write_all(b"x").unwrap();
        assert_eq!(waiting.join().unwrap(), 1);
    });
}
