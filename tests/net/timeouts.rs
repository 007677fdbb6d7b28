//! Timeouts: stored exactly, shared by clones, and reported by an error kind of their own.

use std::io::{ErrorKind, Read, Write};
use std::iter;
use std::time::{Duration, Instant};

use selvedge::net::UdpSocket;
use selvedge::net::unix::{UnixDatagram, UnixStream};

use crate::sockets::{MOMENT, NEVER, Path, assert_kind, fill, fill_path, tcp_pair, udp_pair};

/// Runs `f` and returns its duration.
fn timed<T>(f: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    (f(), start.elapsed())
}

#[test]
fn a_read_that_waits_too_long_times_out_and_takes_nothing() {
    let (mut a, mut b) = tcp_pair();
    b.set_read_timeout(Some(MOMENT)).unwrap();
    let mut bytes = [0; 4];
    let (result, elapsed) = timed(|| b.read(&mut bytes));
    assert_kind(result, ErrorKind::TimedOut);
    assert!(elapsed >= MOMENT && elapsed < NEVER, "{elapsed:?}");
    assert_kind(b.peek(&mut bytes), ErrorKind::TimedOut);
    a.write_all(b"late").unwrap();
    b.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"late");
}

#[test]
fn a_write_that_waits_too_long_times_out() {
    let (a, _b) = tcp_pair();
    a.set_write_timeout(Some(MOMENT)).unwrap();
    // A full buffer may have room again when the system has moved bytes on, but not endlessly.
    let result = iter::from_fn(|| Some((&a).write(&[0; 65536]))).find(|result| result.is_err());
    assert_kind(result.expect("without end"), ErrorKind::TimedOut);
}

#[test]
fn a_timeout_is_what_it_was_set_to_on_every_clone() {
    let (a, _b) = tcp_pair();
    let clone = a.try_clone().unwrap();
    assert_eq!(a.read_timeout().unwrap(), None);
    assert_eq!(a.write_timeout().unwrap(), None);
    let odd = Duration::from_nanos(1_234_567_891);
    a.set_read_timeout(Some(odd)).unwrap();
    clone.set_write_timeout(Some(NEVER)).unwrap();
    assert_eq!(clone.read_timeout().unwrap(), Some(odd));
    assert_eq!(a.write_timeout().unwrap(), Some(NEVER));
    a.set_read_timeout(None).unwrap();
    assert_eq!(clone.read_timeout().unwrap(), None);
}

#[test]
fn a_zero_timeout_is_invalid_and_a_long_one_valid() {
    let (a, _b) = tcp_pair();
    assert_kind(
        a.set_read_timeout(Some(Duration::ZERO)),
        ErrorKind::InvalidInput,
    );
    assert_kind(
        a.set_write_timeout(Some(Duration::ZERO)),
        ErrorKind::InvalidInput,
    );
    a.set_read_timeout(Some(Duration::MAX)).unwrap();
    assert!(a.read_timeout().unwrap() > Some(Duration::from_secs(1 << 33)));
    a.set_read_timeout(Some(Duration::from_nanos(1))).unwrap();
    assert_kind((&a).read(&mut [0; 1]), ErrorKind::TimedOut);
}

#[test]
fn every_kind_of_socket_has_timeouts() {
    let (udp, _other) = udp_pair();
    udp.set_read_timeout(Some(MOMENT)).unwrap();
    assert_kind(udp.recv(&mut [0; 8]), ErrorKind::TimedOut);
    assert_kind(udp.peek(&mut [0; 8]), ErrorKind::TimedOut);
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_read_timeout(Some(MOMENT)).unwrap();
    assert_kind(udp.recv_from(&mut [0; 8]), ErrorKind::TimedOut);
    assert_kind(udp.peek_from(&mut [0; 8]), ErrorKind::TimedOut);

    let (unix, _other) = UnixStream::pair().unwrap();
    unix.set_read_timeout(Some(MOMENT)).unwrap();
    assert_kind((&unix).read(&mut [0; 8]), ErrorKind::TimedOut);
    assert_kind(unix.peek(&mut [0; 8]), ErrorKind::TimedOut);

    let (datagram, _other) = UnixDatagram::pair().unwrap();
    datagram.set_read_timeout(Some(MOMENT)).unwrap();
    datagram.set_write_timeout(Some(MOMENT)).unwrap();
    assert_kind(datagram.recv(&mut [0; 8]), ErrorKind::TimedOut);
    assert_kind(datagram.recv_from(&mut [0; 8]), ErrorKind::TimedOut);
    datagram.set_nonblocking(true).unwrap();
    fill(|| datagram.send(b"fill"));
    datagram.set_nonblocking(false).unwrap();
    assert_kind(datagram.send(b"more"), ErrorKind::TimedOut);
}

#[test]
fn a_full_receiver_times_out_its_senders() {
    let path = Path::new();
    let _receiver = UnixDatagram::bind(&path).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    assert!(fill_path(&sender, &path) > 0);
    sender.set_write_timeout(Some(MOMENT)).unwrap();
    let (result, elapsed) = timed(|| sender.send_to(b"more", &path));
    assert_kind(result, ErrorKind::TimedOut);
    assert!(elapsed >= MOMENT && elapsed < NEVER, "{elapsed:?}");
}
