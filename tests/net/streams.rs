//! Transfers over TCP: whole, in parts, from several buffers, peeked at, ended from either side.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};

use selvedge::net::{Shutdown, TcpStream};

use crate::sockets::{MOMENT, assert_kind, beside, fill, listener, reset, tcp_pair};

#[test]
fn an_echo_server_returns_what_was_sent() {
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let server = beside(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::copy(&mut stream.try_clone().unwrap(), &mut stream).unwrap()
    });
    let sent: Vec<u8> = (0..1_000_000u32).map(|n| n as u8).collect();
    let client = TcpStream::connect(address).unwrap();
    let writer = beside({
        let mut client = client.try_clone().unwrap();
        let sent = sent.clone();
        move || {
            client.write_all(&sent).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        }
    });
    let mut received = Vec::new();
    (&client).read_to_end(&mut received).unwrap();
    assert!(received == sent);
    writer.join().unwrap();
    assert_eq!(server.join().unwrap(), 1_000_000);
}

#[test]
fn several_buffers_are_written_and_filled_in_order() {
    let (mut a, mut b) = tcp_pair();
    let buffers = [
        IoSlice::new(b"warp"),
        IoSlice::new(b""),
        IoSlice::new(b" and weft"),
    ];
    assert_eq!(a.write_vectored(&buffers).unwrap(), 13);
    drop(a);

    let (mut first, mut second) = ([0; 6], [0; 20]);
    let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    assert_eq!(b.read_vectored(&mut buffers).unwrap(), 13);
    assert_eq!(
        (&first[..], &second[..7]),
        (&b"warp a"[..], &b"nd weft"[..])
    );
    let mut buffers = [IoSliceMut::new(&mut first)];
    assert_eq!(b.read_vectored(&mut buffers).unwrap(), 0);
}

#[test]
fn more_buffers_than_the_system_takes_are_a_short_transfer() {
    let (mut a, mut b) = tcp_pair();
    let buffers = [IoSlice::new(b"x"); 5000];
    let n_sent = a.write_vectored(&buffers).unwrap();
    assert!((1..=5000).contains(&n_sent), "{n_sent}");
    drop(a);
    let mut bytes = vec![0; 5000];
    let mut buffers: Vec<IoSliceMut> = bytes.chunks_mut(1).map(IoSliceMut::new).collect();
    let n_received = b.read_vectored(&mut buffers).unwrap();
    assert!((1..=n_sent).contains(&n_received), "{n_received}");
}

#[test]
fn peeking_takes_nothing() {
    let (mut a, mut b) = tcp_pair();
    a.write_all(b"once").unwrap();
    let mut bytes = [0; 16];
    for _ in 0..3 {
        assert_eq!(b.peek(&mut bytes).unwrap(), 4);
    }
    assert_eq!(b.peek(&mut bytes[..2]).unwrap(), 2);
    assert_eq!(b.read(&mut bytes).unwrap(), 4);
    assert_eq!(&bytes[..4], b"once");
    drop(a);
    assert_eq!(b.peek(&mut bytes).unwrap(), 0);
}

#[test]
fn reading_into_nothing_does_not_wait() {
    let (_a, mut b) = tcp_pair();
    assert_eq!(b.read(&mut []).unwrap(), 0);
    assert_eq!(b.read_vectored(&mut [IoSliceMut::new(&mut [])]).unwrap(), 0);
}

#[test]
fn the_end_of_a_stream_is_read_again_and_again() {
    let (a, mut b) = tcp_pair();
    (&a).write_all(b"last").unwrap();
    drop(a);
    let mut bytes = [0; 100];
    assert_eq!(b.read(&mut bytes).unwrap(), 4);
    for _ in 0..3 {
        assert_eq!(b.read(&mut bytes).unwrap(), 0);
    }
}

#[test]
fn a_direction_that_is_shut_down_leaves_the_other() {
    let (mut a, mut b) = tcp_pair();
    a.write_all(b"question").unwrap();
    a.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    b.read_to_string(&mut text).unwrap();
    assert_eq!(text, "question");
    assert_kind(a.write(b"more"), ErrorKind::BrokenPipe);

    b.write_all(b"answer").unwrap();
    drop(b);
    let mut text = String::new();
    a.read_to_string(&mut text).unwrap();
    assert_eq!(text, "answer");
}

#[test]
fn a_shutdown_wakes_the_reader() {
    let (a, _b) = tcp_pair();
    let reader = beside({
        let mut a = a.try_clone().unwrap();
        move || a.read(&mut [0; 8])
    });
    a.shutdown(Shutdown::Read).unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), 0);
}

#[test]
fn a_reset_is_an_error_of_kind_connection_reset() {
    let (a, mut b) = tcp_pair();
    reset(a);
    assert_kind(b.read(&mut [0; 8]), ErrorKind::ConnectionReset);
}

#[test]
fn writing_to_a_closed_peer_is_a_broken_pipe() {
    let (a, mut b) = tcp_pair();
    reset(a);
    assert_kind(b.read(&mut [0; 8]), ErrorKind::ConnectionReset);
    assert_kind(b.write(b"hello?"), ErrorKind::BrokenPipe);
}

#[test]
fn an_error_of_the_socket_can_be_taken_once() {
    let (a, b) = tcp_pair();
    assert!(a.take_error().unwrap().is_none());
    reset(a);
    // The reset has arrived when the socket is readable: with an error, which peeking would take.
    let mut entry = libc::pollfd {
        fd: std::os::fd::AsRawFd::as_raw_fd(&b),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: there is one entry, on this stack.
    assert_eq!(unsafe { libc::poll(&mut entry, 1, -1) }, 1);
    let error = b.take_error().unwrap().expect("the reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(b.take_error().unwrap().is_none());
}

#[test]
fn a_nonblocking_socket_and_its_clones_would_block() {
    let (a, mut b) = tcp_pair();
    let mut clone = b.try_clone().unwrap();
    b.set_nonblocking(true).unwrap();
    assert_kind(b.read(&mut [0; 8]), ErrorKind::WouldBlock);
    assert_kind(clone.read(&mut [0; 8]), ErrorKind::WouldBlock);
    assert_kind(b.peek(&mut [0; 8]), ErrorKind::WouldBlock);
    let mut one = [0; 8];
    let mut buffers = [IoSliceMut::new(&mut one)];
    assert_kind(b.read_vectored(&mut buffers), ErrorKind::WouldBlock);
    let n_full = fill(|| b.write(&[0; 65536]));
    assert!(n_full > 0);
    // There may be room again when the system has moved bytes on.
    fill(|| b.write_vectored(&[IoSlice::new(b"more")]));

    clone.set_nonblocking(false).unwrap();
    (&a).write_all(b"now").unwrap();
    let mut bytes = [0; 3];
    b.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"now");
}

#[test]
fn a_nonblocking_listener_would_block() {
    let listener = listener();
    listener.set_nonblocking(true).unwrap();
    assert_kind(listener.accept(), ErrorKind::WouldBlock);
    assert_kind(listener.incoming().next().unwrap(), ErrorKind::WouldBlock);
}

#[test]
fn a_writer_waits_for_room_and_loses_no_byte() {
    let (a, mut b) = tcp_pair();
    a.set_nonblocking(true).unwrap();
    let n_filled = fill(|| (&a).write(b"0123456789"));
    a.set_nonblocking(false).unwrap();
    let writer = beside(move || (&a).write_all(&[b'x'; 300_000]).unwrap());
    let mut received = Vec::new();
    b.read_to_end(&mut received).unwrap();
    writer.join().unwrap();
    assert!(received.len() > 300_000 && n_filled > 0);
    assert!(received.ends_with(&[b'x'; 300_000]));
}

#[test]
fn clones_are_the_same_connection() {
    let (a, mut b) = tcp_pair();
    let clone = a.try_clone().unwrap();
    assert_eq!(clone.local_addr().unwrap(), a.local_addr().unwrap());
    drop(a);
    (&clone).write_all(b"still here").unwrap();
    clone.set_read_timeout(Some(MOMENT)).unwrap();
    assert_kind((&clone).read(&mut [0; 8]), ErrorKind::TimedOut);
    drop(clone);
    let mut text = String::new();
    b.read_to_string(&mut text).unwrap();
    assert_eq!(text, "still here");
}

#[test]
fn connections_are_accepted_one_after_the_other() {
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let clients: Vec<TcpStream> = (0..5)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    for (client, server) in clients.iter().zip(listener.incoming()) {
        let server = server.unwrap();
        assert_eq!(server.peer_addr().unwrap(), client.local_addr().unwrap());
        assert_eq!(client.peer_addr().unwrap(), address);
    }
}

#[test]
fn options_are_what_they_were_set_to() {
    let (a, _b) = tcp_pair();
    for choice in [true, false] {
        a.set_nodelay(choice).unwrap();
        assert_eq!(a.nodelay().unwrap(), choice);
    }
    a.set_ttl(42).unwrap();
    assert_eq!(a.ttl().unwrap(), 42);
    let listener = listener();
    listener.set_ttl(43).unwrap();
    assert_eq!(listener.ttl().unwrap(), 43);
    assert!(listener.take_error().unwrap().is_none());
}
