//! The waits of sockets beside other operations of the same socket: no wait takes the readiness from another operation.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net;
use std::rc::Rc;

use selvedge::io::Pollable;
use selvedge::net::unix::UnixStream;
use selvedge::sync::Event;
use selvedge::{run, select, spawn, task::Wait, yield_now};

use crate::support::finished;

/// Waits for the socket until another task has ended the wait.
fn wait_in_vain(mut wait: impl Wait<Output = std::io::Result<()>>) {
    let is_over = Event::new();
    let ends = is_over.clone();
    spawn(move || ends.set()).detach();
    select! {
        ready = &mut wait => unreachable!("nothing has happened: {ready:?}"),
        () = is_over.when_set() => {}
    }
}

#[test]
fn a_wait_for_the_end_of_the_peer_leaves_bytes_to_readers() {
    run(|| {
        let (mut near, mut far) = UnixStream::pair().expect("a pair");
        let reads = spawn(move || {
            near.read_exact(&mut [0]).expect("a byte");
            near
        });
        yield_now();
        far.write_all(b"0123456789").expect("written");
        let mut near = finished(reads.join());
        // The system reports no more bytes: those that are left were reported with the first.
        wait_in_vain(near.when_peer_closed());
        select! { ready = near.when_readable() => ready.expect("bytes") }
        let mut bytes = [0; 9];
        near.read_exact(&mut bytes[..4]).expect("bytes");
        wait_in_vain(near.when_peer_closed());
        near.read_exact(&mut bytes[4..]).expect("bytes");
        assert_eq!(bytes, *b"123456789");
    });
}

#[test]
fn a_wait_by_reference_may_go_on_in_another_loop() {
    let (near, mut far) = UnixStream::pair().expect("a pair");
    let mut readable = near.when_readable();
    run(|| wait_in_vain(&mut readable));
    run(|| {
        spawn(move || {
            far.write_all(b"x").expect("written");
            // The end of the peer would be an event, too.
            Event::new().wait();
        })
        .detach();
        select! { ready = &mut readable => ready.expect("a byte") }
    });
}

/// A stream that has no room for another byte, and its peer.
fn full_stream() -> (Rc<UnixStream>, net::UnixStream) {
    let (mut near, far) = net::UnixStream::pair().expect("a pair");
    near.set_nonblocking(true).expect("set");
    while near.write(&[0; 4096]).is_ok() {}
    (Rc::new(UnixStream::from(near)), far)
}

#[test]
fn a_shutdown_of_a_full_stream_makes_it_writable() {
    for is_registered in [false, true] {
        run(|| {
            let (near, _far) = full_stream();
            if is_registered {
                wait_in_vain(near.when_writable());
            }
            near.shutdown(Shutdown::Write).expect("shut down");
            for _ in 0..2 {
                select! { ready = near.when_writable() => ready.expect("the write fails at once") }
                let error = (&*near).write(b"x").expect_err("shut down");
                assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
            }
        });
    }
}

#[test]
fn the_end_of_a_pipes_reader_ends_the_waits_of_the_writer() {
    run(|| {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let writer = Rc::new(Pollable::new(writer).expect("a pipe can be polled"));
        let watches = spawn({
            let writer = Rc::clone(&writer);
            move || select! { closed = writer.when_peer_closed() => closed.expect("the end") }
        });
        wait_in_vain(writer.when_peer_closed());
        drop(reader);
        finished(watches.join());
        // Known by now.
        select! { closed = writer.when_peer_closed() => closed.expect("the end") }
    });
}
