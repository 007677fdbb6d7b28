//! A transfer counts as short only if it moves fewer bytes than the kernel was given. A transfer of no bytes does not wait.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::rc::Rc;

use selvedge::net::TcpStream;
use selvedge::net::unix::UnixStream;
use selvedge::run;
use socket2::Socket;

use crate::loop_support::{begun, shared_tcp, shared_unix};

/// More than a call takes.
const N_BUFFERS: usize = 3_000;

/// Each end waits once, so that both are registered with the loop.
fn register(a: &Rc<TcpStream>, b: &Rc<TcpStream>) {
    for (near, far) in [(a, b), (b, a)] {
        let theirs = near.clone();
        let reader = begun(move || { &*theirs }.read(&mut [0; 8]).unwrap());
        { &**far }.write_all(b"x").unwrap();
        assert_eq!(reader.join().unwrap(), 1);
    }
}

#[test]
fn a_vectored_transfer_may_have_any_number_of_buffers() {
    run(|| {
        let (a, b) = shared_tcp();
        register(&a, &b);
        let sent: Vec<u8> = (0..N_BUFFERS).map(|n| n as u8).collect();
        let buffers: Vec<_> = sent.chunks(1).map(IoSlice::new).collect();
        let mut n_sent = 0;
        while n_sent < N_BUFFERS {
            n_sent += { &*a }.write_vectored(&buffers[n_sent..]).unwrap();
        }
        let mut received = vec![0; N_BUFFERS];
        let mut n_received = 0;
        while n_received < N_BUFFERS {
            let rest = received[n_received..].chunks_mut(1);
            let mut buffers: Vec<_> = rest.map(IoSliceMut::new).collect();
            n_received += { &*b }.read_vectored(&mut buffers).unwrap();
        }
        assert_eq!(received, sent);
    });
}

#[test]
fn empty_buffers_in_front_hide_no_bytes() {
    let (a, b) = UnixStream::pair().unwrap();
    let mut sent = vec![IoSlice::new(b""); N_BUFFERS];
    sent.push(IoSlice::new(b"weft"));
    assert_eq!({ &a }.write_vectored(&sent).unwrap(), 4);
    let mut bytes = [0; 4];
    let mut empty = [[0_u8; 0]; N_BUFFERS];
    let mut buffers: Vec<_> = empty
        .iter_mut()
        .map(|buffer| IoSliceMut::new(buffer))
        .collect();
    buffers.push(IoSliceMut::new(&mut bytes));
    assert_eq!({ &b }.read_vectored(&mut buffers).unwrap(), 4);
    assert_eq!(&bytes, b"weft");
}

/// Both ends of a connection that transfers messages.
#[cfg(target_os = "linux")]
fn message_pair() -> (OwnedFd, OwnedFd) {
    let mut ends = [-1; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: socketpair writes two numbers.
    let result = unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) };
    assert_eq!(result, 0);
    // SAFETY: both were opened just now and have no other owner.
    let [a, b] = ends.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    (a, b)
}

/// A read ends at the end of a message, although more messages have arrived.
#[cfg(target_os = "linux")]
#[test]
fn a_short_read_of_messages_does_not_mean_drained() {
    run(|| {
        let (a, b) = message_pair();
        let b = Rc::new(TcpStream::from(b));
        let theirs = b.clone();
        let first = begun(move || { &*theirs }.read(&mut [0; 64]).unwrap());
        for message in ["one", "three", "fourteen"] {
            Socket::from(a.try_clone().unwrap())
                .send(message.as_bytes())
                .unwrap();
        }
        assert_eq!(first.join().unwrap(), 3);
        assert_eq!({ &*b }.read(&mut [0; 64]).unwrap(), 5);
        assert_eq!({ &*b }.read(&mut [0; 64]).unwrap(), 8);
    });
}

/// As with std: nothing needs no room. Another task waits for room.
#[test]
fn a_full_socket_takes_a_write_of_no_bytes() {
    fn check<S: 'static>(near: &Rc<S>)
    where
        for<'a> &'a S: Write,
    {
        let theirs = Rc::clone(near);
        let writer = begun(move || while { &*theirs }.write(&[0; 65_536]).is_ok() {});
        assert!(!writer.is_done());
        let mut near = &**near;
        assert_eq!(near.write(&[]).unwrap(), 0);
        assert_eq!(near.write_vectored(&[]).unwrap(), 0);
        let empty = [IoSlice::new(&[]), IoSlice::new(&[])];
        assert_eq!(near.write_vectored(&empty).unwrap(), 0);
        writer.cancel();
        assert!(writer.join().is_err());
    }
    run(|| {
        let (tcp, _far) = shared_tcp();
        check(&tcp);
        let (unix, far) = shared_unix();
        check(&unix);
        drop(far);
        let error = { &*unix }.write(&[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}
