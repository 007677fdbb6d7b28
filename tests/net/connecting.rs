//! Connecting: refused, unanswered, to the first of several addresses that works.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use selvedge::net::{TcpListener, TcpStream, UdpSocket};

use crate::sockets::{ClosedPort, Full, MOMENT, NEVER, assert_kind, listener};

#[test]
fn connecting_without_a_listener_is_refused() {
    let closed = ClosedPort::new();
    assert_kind(
        TcpStream::connect(closed.address()),
        ErrorKind::ConnectionRefused,
    );
    assert_kind(
        TcpStream::connect_timeout(&closed.address(), NEVER),
        ErrorKind::ConnectionRefused,
    );
}

#[test]
fn a_connect_without_an_answer_times_out() {
    let full = Full::new();
    let start = Instant::now();
    assert_kind(
        TcpStream::connect_timeout(&full.address(), MOMENT),
        ErrorKind::TimedOut,
    );
    let elapsed = start.elapsed();
    assert!(elapsed >= MOMENT && elapsed < NEVER, "{elapsed:?}");
}

#[test]
fn an_accept_in_time_is_a_connection() {
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let stream = TcpStream::connect_timeout(&address, NEVER).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), address);
    assert!(stream.take_error().unwrap().is_none());
}

#[test]
fn a_zero_timeout_is_invalid() {
    let address = listener().local_addr().unwrap();
    assert_kind(
        TcpStream::connect_timeout(&address, Duration::ZERO),
        ErrorKind::InvalidInput,
    );
}

#[test]
fn addresses_are_tried_until_one_works() {
    let closed = ClosedPort::new();
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let stream = TcpStream::connect(&[closed.address(), address, closed.address()][..]).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), address);

    // The first address is in use already.
    let free: SocketAddr = ([127, 0, 0, 1], 0).into();
    let bound = TcpListener::bind(&[address, free][..]).unwrap();
    assert_ne!(bound.local_addr().unwrap(), address);
}

#[test]
fn the_last_error_is_returned_if_no_address_works() {
    let closed = ClosedPort::new();
    let broadcast: SocketAddr = ([255, 255, 255, 255], 1).into();
    assert_kind(
        TcpStream::connect(&[broadcast, closed.address()][..]),
        ErrorKind::ConnectionRefused,
    );
}

#[test]
fn an_empty_list_of_addresses_is_invalid() {
    let none: &[SocketAddr] = &[];
    assert_kind(TcpStream::connect(none), ErrorKind::InvalidInput);
    assert_kind(TcpListener::bind(none), ErrorKind::InvalidInput);
    assert_kind(UdpSocket::bind(none), ErrorKind::InvalidInput);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_kind(socket.connect(none), ErrorKind::InvalidInput);
    assert_kind(socket.send_to(b"", none), ErrorKind::InvalidInput);
}

#[test]
fn a_bound_port_is_in_use() {
    let listener = listener();
    assert_kind(
        TcpListener::bind(listener.local_addr().unwrap()),
        ErrorKind::AddrInUse,
    );
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_kind(
        UdpSocket::bind(socket.local_addr().unwrap()),
        ErrorKind::AddrInUse,
    );
}

/// Where the machine has IPv6.
#[test]
fn ipv6_works_the_same() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        return;
    };
    let address = listener.local_addr().unwrap();
    assert!(address.is_ipv6());
    let stream = TcpStream::connect(address).unwrap();
    let (_, peer) = listener.accept().unwrap();
    assert_eq!(peer, stream.local_addr().unwrap());
}
