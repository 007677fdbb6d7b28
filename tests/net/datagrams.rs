//! Datagrams over UDP: each whole or cut off, from any sender or only from the connected one.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr};

use selvedge::net::UdpSocket;

use crate::sockets::{assert_kind, beside, udp_pair};

fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

#[test]
fn a_datagram_arrives_with_its_sender() {
    let (a, b) = (socket(), socket());
    assert_eq!(a.send_to(b"hello", b.local_addr().unwrap()).unwrap(), 5);
    let mut bytes = [0; 64];
    for _ in 0..2 {
        let (n, from) = b.peek_from(&mut bytes).unwrap();
        assert_eq!(
            (&bytes[..n], from),
            (&b"hello"[..], a.local_addr().unwrap())
        );
    }
    let (n, from) = b.recv_from(&mut bytes).unwrap();
    assert_eq!(
        (&bytes[..n], from),
        (&b"hello"[..], a.local_addr().unwrap())
    );
    b.set_nonblocking(true).unwrap();
    assert_kind(b.recv_from(&mut bytes), ErrorKind::WouldBlock);
}

#[test]
fn a_receiver_waits_for_a_sender() {
    let (a, b) = udp_pair();
    let receiver = beside(move || {
        let mut bytes = [0; 64];
        let n = b.recv(&mut bytes).unwrap();
        bytes[..n].to_vec()
    });
    a.send(b"at last").unwrap();
    assert_eq!(receiver.join().unwrap(), b"at last");
}

#[test]
fn connected_sockets_receive_only_from_each_other() {
    let (a, b) = udp_pair();
    assert_eq!(a.peer_addr().unwrap(), b.local_addr().unwrap());
    socket().send_to(b"noise", b.local_addr().unwrap()).unwrap();
    assert_eq!(a.send(b"signal").unwrap(), 6);
    let mut bytes = [0; 64];
    assert_eq!(b.peek(&mut bytes).unwrap(), 6);
    assert_eq!(b.recv(&mut bytes).unwrap(), 6);
    assert_eq!(&bytes[..6], b"signal");
}

#[test]
fn a_datagram_is_cut_off_at_the_buffers_end() {
    let (a, b) = udp_pair();
    a.send(b"a long datagram").unwrap();
    a.send(b"next").unwrap();
    let mut bytes = [0; 6];
    assert_eq!(b.recv(&mut bytes).unwrap(), 6);
    assert_eq!(&bytes, b"a long");
    assert_eq!(b.recv(&mut bytes).unwrap(), 4);
}

#[test]
fn an_empty_datagram_is_received() {
    let (a, b) = udp_pair();
    assert_eq!(a.send(b"").unwrap(), 0);
    a.send(b"x").unwrap();
    let mut bytes = [0; 6];
    assert_eq!(b.recv(&mut bytes).unwrap(), 0);
    assert_eq!(b.recv(&mut []).unwrap(), 0);
    b.set_nonblocking(true).unwrap();
    assert_kind(b.recv(&mut bytes), ErrorKind::WouldBlock);
}

#[test]
fn a_datagram_that_is_too_long_is_an_error() {
    let (a, _b) = udp_pair();
    assert!(a.send(&[0; 70_000]).is_err());
}

#[test]
fn a_port_without_a_receiver_is_refused_once_known() {
    let a = socket();
    // A connected socket receives only from its peer: to other senders the port is closed.
    let (busy, _other) = udp_pair();
    a.connect(busy.local_addr().unwrap()).unwrap();
    a.send(b"hello?").unwrap();
    assert_kind(a.recv(&mut [0; 8]), ErrorKind::ConnectionRefused);
}

#[test]
fn sending_without_a_destination_is_an_error() {
    assert!(socket().send(b"to whom?").is_err());
    assert_kind(socket().peer_addr(), ErrorKind::NotConnected);
}

#[test]
fn clones_are_the_same_socket() {
    let (a, b) = udp_pair();
    let clone = b.try_clone().unwrap();
    drop(b);
    a.send(b"either").unwrap();
    assert_eq!(clone.recv(&mut [0; 64]).unwrap(), 6);
}

#[test]
fn options_are_what_they_were_set_to() {
    let a = socket();
    a.set_broadcast(true).unwrap();
    assert!(a.broadcast().unwrap());
    a.set_ttl(42).unwrap();
    assert_eq!(a.ttl().unwrap(), 42);
    a.set_multicast_loop_v4(false).unwrap();
    assert!(!a.multicast_loop_v4().unwrap());
    a.set_multicast_ttl_v4(7).unwrap();
    assert_eq!(a.multicast_ttl_v4().unwrap(), 7);
    assert!(a.take_error().unwrap().is_none());
}

/// Where the machine has IPv6.
#[test]
fn ipv6_options_are_what_they_were_set_to() {
    let Ok(a) = UdpSocket::bind("[::1]:0") else {
        return;
    };
    a.set_multicast_loop_v6(false).unwrap();
    assert!(!a.multicast_loop_v6().unwrap());
    // Joining may fail for lack of an interface; joining an address that is no group must fail.
    assert!(a.join_multicast_v6(&Ipv6Addr::LOCALHOST, 0).is_err());
    assert!(a.leave_multicast_v6(&Ipv6Addr::LOCALHOST, 0).is_err());
}

#[test]
fn multicast_groups_are_joined_and_left() {
    let group = Ipv4Addr::new(224, 0, 0, 251);
    let member = UdpSocket::bind("0.0.0.0:0").unwrap();
    member
        .join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)
        .unwrap();
    assert_kind(
        member.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST),
        ErrorKind::AddrInUse,
    );
    member
        .leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST)
        .unwrap();
    assert_kind(
        member.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST),
        ErrorKind::AddrNotAvailable,
    );
}
