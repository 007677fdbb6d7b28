//! Conversions to std's sockets and back, while other owners change the open file description.

use std::io::{ErrorKind, Read, Write};
use std::net as std_net;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net as std_unix;
use std::time::Duration;

use selvedge::net::unix::{UnixDatagram, UnixListener, UnixStream};
use selvedge::net::{TcpListener, TcpStream, UdpSocket};

use crate::sockets::{MOMENT, NEVER, assert_kind, listener, tcp_pair, udp_pair};

fn blocks(fd: &impl AsRawFd) -> bool {
    // SAFETY: only asks for the flags of a descriptor.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) & libc::O_NONBLOCK == 0 }
}

#[test]
fn the_std_socket_blocks_and_keeps_the_timeouts() {
    let (a, mut b) = tcp_pair();
    a.set_read_timeout(Some(MOMENT)).unwrap();
    a.set_write_timeout(Some(NEVER)).unwrap();
    assert!(!blocks(&a));
    let mut a = a.into_std();
    assert!(blocks(&a));
    assert_eq!(a.write_timeout().unwrap(), Some(NEVER));
    // The kind that std gives for a blocking socket's timeout. A process that was stopped meanwhile reads again.
    let result = loop {
        match a.read(&mut [0; 8]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => break result,
        }
    };
    assert_kind(result, ErrorKind::WouldBlock);
    a.write_all(b"hello").unwrap();
    assert_eq!(b.read(&mut [0; 8]).unwrap(), 5);
}

#[test]
fn a_timeout_too_short_for_std_does_not_become_none() {
    let (a, _b) = tcp_pair();
    a.set_read_timeout(Some(Duration::from_nanos(1))).unwrap();
    assert!(a.into_std().read_timeout().unwrap().is_some());
}

#[test]
fn timeouts_of_a_std_socket_are_taken_over() {
    let (a, _b) = tcp_pair();
    let a = a.into_std();
    a.set_read_timeout(Some(MOMENT)).unwrap();
    a.set_write_timeout(Some(NEVER)).unwrap();
    a.set_nonblocking(true).unwrap();
    // The system rounds to its ticks.
    let expected = a.read_timeout().unwrap();
    assert!(expected >= Some(MOMENT));
    let mut a = TcpStream::from_std(a);
    assert_eq!(a.read_timeout().unwrap(), expected);
    assert_eq!(a.write_timeout().unwrap(), Some(NEVER));
    // Our socket waits, though std's did not.
    assert_kind(a.read(&mut [0; 8]), ErrorKind::TimedOut);
}

#[test]
fn a_nonblocking_std_socket_stays_nonblocking() {
    let (a, _b) = tcp_pair();
    a.set_nonblocking(true).unwrap();
    let mut a = a.into_std();
    assert!(!blocks(&a));
    assert_kind(a.read(&mut [0; 8]), ErrorKind::WouldBlock);
}

#[test]
fn every_kind_makes_the_round_trip() {
    let socket = listener();
    let address = socket.local_addr().unwrap();
    let socket = TcpListener::from(std_net::TcpListener::from(socket));
    assert_eq!(socket.local_addr().unwrap(), address);

    let (a, b) = udp_pair();
    let a = UdpSocket::from(std_net::UdpSocket::from(a));
    a.send(b"x").unwrap();
    assert_eq!(b.into_std().recv(&mut [0; 8]).unwrap(), 1);

    let (a, b) = UnixStream::pair().unwrap();
    let mut a = UnixStream::from(std_unix::UnixStream::from(a));
    a.write_all(b"x").unwrap();
    assert_eq!(b.into_std().read(&mut [0; 8]).unwrap(), 1);

    let (a, b) = UnixDatagram::pair().unwrap();
    let a = UnixDatagram::from(std_unix::UnixDatagram::from(a));
    a.send(b"x").unwrap();
    assert_eq!(b.into_std().recv(&mut [0; 8]).unwrap(), 1);

    let path = crate::sockets::Path::new();
    let socket = std_unix::UnixListener::bind(&path).unwrap();
    let socket = UnixListener::from(OwnedFd::from(UnixListener::from(socket)));
    let _client = UnixStream::connect(&path).unwrap();
    assert!(socket.accept().is_ok());
}

/// A clone that was converted to std's switches the shared file description back to blocking.
#[test]
fn a_shared_file_description_does_not_change_how_we_wait() {
    let (a, _b) = tcp_pair();
    let std = a.try_clone().unwrap().into_std();
    assert!(blocks(&std) && blocks(&a));
    a.set_read_timeout(Some(MOMENT)).unwrap();
    assert_kind((&a).read(&mut [0; 8]), ErrorKind::TimedOut);
    a.set_nonblocking(true).unwrap();
    assert_kind((&a).read(&mut [0; 8]), ErrorKind::WouldBlock);
    std.set_nonblocking(false).unwrap();
    assert_kind((&a).read(&mut [0; 8]), ErrorKind::WouldBlock);

    let listener = listener();
    let std = listener.try_clone().unwrap().into_std();
    listener.set_nonblocking(true).unwrap();
    std.set_nonblocking(false).unwrap();
    assert_kind(listener.accept(), ErrorKind::WouldBlock);
}

#[test]
fn a_reader_elsewhere_and_a_writer_here_are_one_connection() {
    let (a, mut b) = tcp_pair();
    let mut reader = a.try_clone().unwrap().into_std();
    b.write_all(b"in").unwrap();
    (&a).write_all(b"out").unwrap();
    let mut bytes = [0; 8];
    assert_eq!(reader.read(&mut bytes).unwrap(), 2);
    assert_eq!(b.read(&mut bytes).unwrap(), 3);
}
