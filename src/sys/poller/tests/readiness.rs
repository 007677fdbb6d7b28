//! Which events a descriptor gives: directions, edges, ends, tokens, removal.

#![allow(unsafe_code)]

use super::*;

use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write, pipe};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;

#[test]
fn a_fresh_socket_is_writable_and_not_readable() {
    let poller = Poller::new().unwrap();
    let (one, _other) = nonblocking_pair();
    poller.add(one.as_fd(), 7).unwrap();
    let expected = Event {
        token: 7,
        readable: false,
        writable: true,
        read_closed: false,
        write_closed: false,
        is_urgent: false,
        is_error: false,
    };
    assert_eq!(look(&poller), BTreeMap::from([(7, expected)]));
}

#[test]
fn bytes_that_arrive_make_it_readable() {
    let poller = Poller::new().unwrap();
    let (_one, mut other) = watched_pair(&poller, 1);
    other.write_all(b"x").unwrap();
    let events = look(&poller);
    assert!(events[&1].readable && !events[&1].read_closed);
}

#[test]
fn room_in_a_full_buffer_makes_it_writable() {
    let poller = Poller::new().unwrap();
    let (mut one, mut other) = watched_pair(&poller, 1);
    while one.write(&[0; 4096]).is_ok() {}
    assert_eq!(look(&poller), BTreeMap::new());
    while other.read(&mut [0; 4096]).is_ok() {}
    assert!(look(&poller)[&1].writable);
}

#[test]
fn a_change_is_reported_once() {
    let poller = Poller::new().unwrap();
    let (_one, mut other) = watched_pair(&poller, 1);
    other.write_all(b"x").unwrap();
    assert!(look(&poller)[&1].readable);
    assert_eq!(look(&poller), BTreeMap::new(), "nobody read, nothing new");
    other.write_all(b"y").unwrap();
    assert!(look(&poller)[&1].readable, "more bytes are a change");
}

#[test]
fn readiness_from_before_the_registration_is_reported() {
    let poller = Poller::new().unwrap();
    let (one, mut other) = nonblocking_pair();
    other.write_all(b"x").unwrap();
    poller.add(one.as_fd(), 1).unwrap();
    assert!(look(&poller)[&1].readable);
}

#[test]
fn a_peer_that_stops_sending_closes_reading() {
    let poller = Poller::new().unwrap();
    let (mut one, other) = watched_pair(&poller, 1);
    other.shutdown(Shutdown::Write).unwrap();
    let event = look(&poller)[&1];
    assert!(event.readable && event.read_closed && !event.write_closed);
    assert_eq!(one.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_peer_that_closes_closes_both_directions() {
    let poller = Poller::new().unwrap();
    let (_one, other) = watched_pair(&poller, 1);
    drop(other);
    let event = look(&poller)[&1];
    assert!(event.readable && event.read_closed && event.writable && event.write_closed);
}

#[test]
fn bytes_before_the_end_are_not_lost() {
    let poller = Poller::new().unwrap();
    let (mut one, mut other) = watched_pair(&poller, 1);
    other.write_all(b"last").unwrap();
    drop(other);
    assert!(look(&poller)[&1].read_closed);
    let mut text = String::new();
    one.read_to_string(&mut text).unwrap();
    assert_eq!(text, "last");
}

#[test]
fn a_connection_is_accepted_when_the_listener_is_readable() {
    let poller = Poller::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    poller.add(listener.as_fd(), 1).unwrap();
    assert_eq!(look(&poller), BTreeMap::new());
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    wait_for(&poller, 1, |event| event.readable && !event.read_closed);
    listener.accept().unwrap();
}

#[test]
fn a_connection_that_is_reset_closes_both_directions() {
    let poller = Poller::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    poller.add(client.as_fd(), 1).unwrap();
    assert!(!look(&poller)[&1].write_closed);
    // Closing with bytes unread resets the connection.
    client.write_all(b"never read").unwrap();
    server.peek(&mut [0]).unwrap();
    drop(server);
    wait_for(&poller, 1, |event| event.read_closed && event.write_closed);
    let error = client.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

/// The socket goes on, so the error must not stick.
#[test]
fn an_unreachable_peer_makes_a_datagram_socket_ready() {
    let poller = Poller::new().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(nobody.local_addr().unwrap()).unwrap();
    drop(nobody);
    poller.add(socket.as_fd(), 1).unwrap();
    look(&poller);
    socket.send(b"x").unwrap();
    wait_for(&poller, 1, |event| event.readable && !event.read_closed);
    let error = socket.recv(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn both_ends_of_a_pipe_can_be_watched() {
    let poller = Poller::new().unwrap();
    let (reader, mut writer) = pipe().unwrap();
    poller.add(reader.as_fd(), 1).unwrap();
    poller.add(writer.as_fd(), 2).unwrap();
    assert!(look(&poller)[&2].writable);
    writer.write_all(b"x").unwrap();
    assert!(look(&poller)[&1].readable);
    drop(writer);
    let event = look(&poller)[&1];
    assert!(event.readable && event.read_closed);
}

#[test]
fn a_pipe_whose_reader_closes_is_writable() {
    let poller = Poller::new().unwrap();
    let (reader, mut writer) = full_pipe();
    poller.add(writer.as_fd(), 1).unwrap();
    assert_eq!(look(&poller), BTreeMap::new());
    drop(reader);
    let event = look(&poller)[&1];
    assert!(event.writable && event.is_error);
    assert_eq!(
        writer.write(b"x").unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );
}

/// On a kqueue the filter can't even be attached then.
#[test]
fn a_pipe_whose_reader_closed_earlier_is_writable() {
    let poller = Poller::new().unwrap();
    let (reader, writer) = full_pipe();
    drop(reader);
    poller.add(writer.as_fd(), 1).unwrap();
    assert!(wait(&poller, None)[&1].writable);
    assert_eq!(look(&poller), BTreeMap::new());
}

fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    let fd = writer.as_raw_fd();
    // SAFETY: setting a flag of a descriptor that is open.
    let result = unsafe { libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK) };
    assert_ne!(result, -1);
    while writer.write(&[0; 4096]).is_ok() {}
    (reader, writer)
}

#[test]
fn tokens_are_reported_unchanged() {
    let poller = Poller::new().unwrap();
    let tokens = [0, 1, u64::from(u32::MAX), 1 << 32, u64::MAX - 1];
    let pairs: Vec<_> = tokens.iter().map(|_| nonblocking_pair()).collect();
    for (token, (one, _)) in tokens.iter().zip(&pairs) {
        poller.add(one.as_fd(), *token).unwrap();
    }
    let events = look(&poller);
    assert!(events.keys().eq(tokens.iter()), "{events:?}");
}

#[test]
fn nothing_is_reported_once_it_is_removed() {
    let poller = Poller::new().unwrap();
    let (one, mut other) = watched_pair(&poller, 1);
    poller.remove(one.as_fd()).unwrap();
    other.write_all(b"x").unwrap();
    assert_eq!(look(&poller), BTreeMap::new());
    let error = poller.remove(one.as_fd()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_removed_descriptor_can_be_added_again() {
    let poller = Poller::new().unwrap();
    let (one, _other) = watched_pair(&poller, 1);
    poller.remove(one.as_fd()).unwrap();
    poller.add(one.as_fd(), 2).unwrap();
    assert!(look(&poller)[&2].writable);
}

#[test]
fn closing_a_descriptor_removes_it() {
    let poller = Poller::new().unwrap();
    let (one, mut other) = watched_pair(&poller, 1);
    other.write_all(b"x").unwrap();
    drop(one);
    assert_eq!(look(&poller), BTreeMap::new());
    // Other descriptors, the same number among them perhaps, start afresh.
    let pairs: Vec<_> = (2..10).map(|token| (token, nonblocking_pair())).collect();
    for (token, (one, _)) in &pairs {
        poller.add(one.as_fd(), *token).unwrap();
    }
    assert!(look(&poller).into_keys().eq(2..10));
}
