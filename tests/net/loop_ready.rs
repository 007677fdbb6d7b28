//! `when_readable`, `when_writable` and `when_peer_closed`: what they leave to other operations, and which ends they tell.

use std::cell::Cell;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::rc::Rc;

use selvedge::io::Pollable;
use selvedge::net::Shutdown;
use selvedge::net::unix::{UnixDatagram, UnixStream};
use selvedge::sync::Event;
use selvedge::task::Wait;
use selvedge::{run, select, spawn};

use crate::loop_support::{begun, shared_unix};
use crate::sockets::{fill, tcp_pair};

type Readiness<'a> = Box<dyn Wait<Output = io::Result<()>> + 'a>;

/// Begins to wait, and ends the wait by another arm.
fn lose(mut wait: impl Wait<Output = io::Result<()>>) {
    let is_over = Event::new();
    let theirs = is_over.clone();
    spawn(move || theirs.set()).detach();
    select! {
        () = is_over.when_set() => {}
        ready = &mut wait => unreachable!("nothing has happened: {ready:?}"),
    }
}

fn pipe() -> (Pollable<PipeReader>, Pollable<PipeWriter>) {
    let (reader, writer) = io::pipe().expect("a pipe");
    let reader = Pollable::new(reader).expect("the reader");
    (reader, Pollable::new(writer).expect("the writer"))
}

/// A wait for the end of the peer neither takes the bytes nor the report that there are some.
#[test]
fn unread_bytes_stay_readable_after_a_wait_for_the_end() {
    fn check<R: 'static>(
        reader: R,
        mut writer: impl Write + 'static,
        closed: fn(&R) -> Readiness<'_>,
    ) where
        for<'a> &'a R: Read,
    {
        run(|| {
            // The read has to wait, and leaves a byte.
            spawn(move || {
                writer.write_all(b"ab").expect("written");
                // The end comes later.
                std::mem::forget(writer);
            })
            .detach();
            let mut byte = [0; 1];
            { &reader }.read_exact(&mut byte).expect("a byte");
            lose(closed(&reader));
            { &reader }.read_exact(&mut byte).expect("a byte");
            assert_eq!(&byte, b"b");
        });
    }
    let (a, b) = tcp_pair();
    check(a, b, |stream| Box::new(stream.when_peer_closed()));
    let (a, b) = UnixStream::pair().expect("a pair");
    check(a, b, |stream| Box::new(stream.when_peer_closed()));
    let (reader, writer) = pipe();
    check(reader, writer, |reader| Box::new(reader.when_peer_closed()));
}

#[test]
fn a_wait_that_is_kept_serves_the_next_loop_too() {
    let kinds: [fn(&UnixStream) -> Readiness<'_>; 3] = [
        |stream| Box::new(stream.when_readable()),
        |stream| Box::new(stream.when_writable()),
        |stream| Box::new(stream.when_peer_closed()),
    ];
    for kind in kinds {
        let (near, far) = UnixStream::pair().expect("a pair");
        fill_stream(&near);
        let mut wait = kind(&near);
        run(|| lose(&mut wait));
        run(|| {
            // When the wait has begun: makes room, sends a byte, and closes.
            let ends = spawn(move || {
                { &far }.read_exact(&mut [0; 10_000]).expect("bytes");
                { &far }.write_all(b"x").expect("written");
                far.shutdown(Shutdown::Both).expect("shut down");
            });
            select! { ready = &mut wait => ready.expect("ready") }
            ends.join().expect("no panic");
        });
    }
}

/// Fills a stream's buffers.
fn fill_stream(stream: &UnixStream) {
    stream.set_nonblocking(true).expect("nonblocking");
    fill(|| { stream }.write(&[0; 10_000]));
    stream.set_nonblocking(false).expect("blocking");
}

/// The system does not say that a write would not block.
#[test]
fn a_side_shut_down_before_ends_a_wait_for_it() {
    run(|| {
        for is_registered in [true, false] {
            for by_clone in [true, false] {
                let (near, _far) = shared_unix();
                fill_stream(&near);
                if is_registered {
                    lose(near.when_writable());
                }
                match by_clone {
                    true => near.try_clone().expect("a clone").shutdown(Shutdown::Write),
                    false => near.shutdown(Shutdown::Write),
                }
                .expect("shut down");
                select! { ready = near.when_writable() => ready.expect("ready") }
                assert!({ &*near }.write(b"more").is_err());
            }
        }
        let (near, _far) = UnixDatagram::pair().expect("a pair");
        near.set_nonblocking(true).expect("nonblocking");
        fill(|| near.send(&[0; 1000]));
        near.set_nonblocking(false).expect("blocking");
        near.shutdown(Shutdown::Write).expect("shut down");
        select! { ready = near.when_writable() => ready.expect("ready") }
    });
}

#[test]
fn the_writer_of_a_pipe_is_told_that_the_reader_is_gone() {
    run(|| {
        let (reader, writer) = pipe();
        let writer = Rc::new(writer);
        let is_told = Rc::new(Cell::new(false));
        let waits = begun({
            let (writer, is_told) = (writer.clone(), is_told.clone());
            move || {
                select! { closed = writer.when_peer_closed() => closed.expect("the end") }
                is_told.set(true);
            }
        });
        assert!(!is_told.get());
        drop(reader);
        waits.join().expect("no panic");
        // The report came once.
        select! { closed = writer.when_peer_closed() => closed.expect("the end") }
    });
}
