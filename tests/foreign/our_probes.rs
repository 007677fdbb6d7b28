//! Probes of the state in which interruptions leave this crate's types.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use selvedge::io::{Pollable, StreamReader};
use selvedge::net::unix::UnixStream;
use selvedge::net::{TcpListener, TcpStream, UdpSocket};
use selvedge::sync::{Event, Mutex, Queue, Semaphore, channel};
use selvedge::task::shield;
use selvedge::{Promise, run, sleep, spawn, yield_now};

use crate::interrupt::By;
use crate::probe::{Middle, Outcome, Row, State, reading};

const LINES: &[u8] = b"the warp\nthe weft\n";

/// The ways to interrupt an operation of a descriptor that has no timeouts of its own.
const ANY_DESCRIPTOR: &[By] = &[
    By::Timeout,
    By::MovedTimeout,
    By::Deadline,
    By::Select,
    By::Race,
    By::Scope,
    By::Cancel,
];

/// The ways to interrupt a wait that has no error to return: all but a deadline.
const ANY_WAIT: &[By] = &[
    By::Timeout,
    By::MovedTimeout,
    By::Select,
    By::Race,
    By::Scope,
    By::Cancel,
];

fn lines(operation: &'static str, probe: impl Fn(&UnixStream, &Middle<'_>) -> Outcome) -> Row {
    reading(operation, LINES, 5, LINES, probe)
}

fn rest(mut reader: impl Read, mut received: Vec<u8>) -> Outcome {
    reader.read_to_end(&mut received).unwrap();
    Some(received)
}

/// A row about something that is no byte stream. The probe calls its last argument in the middle.
fn other(
    operation: &'static str,
    ways: &[By],
    probe: impl Fn(&dyn Fn(&mut dyn FnMut() -> io::Result<()>)) -> State,
) -> Row {
    Row::of(operation, ways, |by| {
        run(|| {
            let (unused, _peer) = UnixStream::pair().unwrap();
            probe(&|operation| {
                let after = Duration::from_millis(1);
                assert!(by.interrupts(&unused, after, operation).is_none());
            })
        })
    })
}

/// A row of an operation without an error.
fn wait(operation: &'static str, probe: impl Fn(&dyn Fn(&mut dyn FnMut())) -> State) -> Row {
    other(operation, ANY_WAIT, |middle| {
        probe(&|wait| {
            middle(&mut || {
                wait();
                Ok(())
            });
        })
    })
}

fn whole_if(is_whole: bool) -> State {
    assert!(is_whole, "the operation left something behind");
    State::Whole
}

pub fn rows() -> Vec<Row> {
    let mut rows = streams();
    rows.extend(descriptors());
    rows.extend(tasks());
    rows.extend(synchronization());
    rows
}

fn streams() -> Vec<Row> {
    vec![
        lines(
            "[`StreamReader::read_line`](crate::io::StreamReader::read_line)",
            |stream, middle| {
                let mut reader = StreamReader::new(stream);
                middle.of(|| Ok(reader.read_line()?));
                let line = reader.read_line().unwrap();
                rest(reader, line)
            },
        ),
        lines(
            "[`StreamReader::read_until`](crate::io::StreamReader::read_until)",
            |stream, middle| {
                let mut reader = StreamReader::new(stream);
                middle.of(|| Ok(reader.read_until("\n")?));
                let line = reader.read_until("\n").unwrap();
                rest(reader, line)
            },
        ),
        lines(
            "[`StreamReader::read_exactly`](crate::io::StreamReader::read_exactly)",
            |stream, middle| {
                let mut reader = StreamReader::new(stream);
                middle.of(|| Ok(reader.read_exactly(12)?));
                let bytes = reader.read_exactly(12).unwrap();
                rest(reader, bytes)
            },
        ),
    ]
}

fn descriptors() -> Vec<Row> {
    vec![
        other("`accept` of a listener", ANY_DESCRIPTOR, |middle| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            middle(&mut || listener.accept().map(drop));
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (_, peer) = listener.accept().unwrap();
            whole_if(client.local_addr().unwrap() == peer)
        }),
        other("`recv` of a datagram", ANY_DESCRIPTOR, |middle| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let mut datagram = [0; 8];
            middle(&mut || socket.recv(&mut datagram).map(drop));
            let address = socket.local_addr().unwrap();
            UdpSocket::bind("127.0.0.1:0")
                .unwrap()
                .send_to(b"warp", address)
                .unwrap();
            whole_if(socket.recv(&mut datagram).unwrap() == 4)
        }),
        other(
            "`read` of an [`io::Pollable`](crate::io::Pollable)",
            ANY_DESCRIPTOR,
            |middle| {
                let (reader, mut writer) = io::pipe().unwrap();
                let mut reader = Pollable::new(reader).unwrap();
                let mut chunk = [0; 8];
                middle(&mut || reader.read(&mut chunk).map(drop));
                writer.write_all(b"warp").unwrap();
                whole_if(reader.read(&mut chunk).unwrap() == 4)
            },
        ),
    ]
}

fn tasks() -> Vec<Row> {
    vec![
        wait("[`sleep`](crate::sleep())", |middle| {
            middle(&mut || sleep(Duration::MAX));
            State::Whole
        }),
        wait("[`Task::join`](crate::Task::join)", |middle| {
            let mut task = Some(spawn(|| sleep(Duration::MAX)));
            let view = task.as_ref().unwrap().task_ref();
            middle(&mut || task.take().unwrap().join().unwrap_or_default());
            if view.is_cancelled() {
                State::Cancelled
            } else {
                State::Whole
            }
        }),
        wait("`join` of a [`shield`](crate::task::shield())", |middle| {
            let task = spawn(|| sleep(Duration::MAX));
            let view = task.task_ref();
            let mut task = Some(task);
            middle(&mut || shield(task.take().unwrap()).unwrap());
            whole_if(!view.is_done())
        }),
        wait("[`Promise::wait`](crate::Promise::wait)", |middle| {
            let promise = Promise::<()>::new();
            middle(&mut || promise.wait().unwrap_or_default());
            if promise.is_cancelled() {
                State::Cancelled
            } else {
                State::Whole
            }
        }),
    ]
}

fn synchronization() -> Vec<Row> {
    vec![
        wait("`get` of a [`Queue`](crate::sync::Queue)", |middle| {
            let queue = Queue::new(8);
            middle(&mut || queue.get().unwrap());
            queue.put(()).unwrap();
            whole_if(queue.get().is_ok())
        }),
        wait("`put` of a `Queue`", |middle| {
            let queue = Queue::new(1);
            queue.put(Rc::new(())).unwrap();
            let item = Cell::new(Some(Rc::new(())));
            let dropped = item
                .take()
                .inspect(|value| item.set(Some(Rc::clone(value))));
            let dropped = Rc::downgrade(&dropped.unwrap());
            middle(&mut || queue.put(item.take().unwrap()).unwrap());
            queue.get().unwrap();
            assert!(queue.is_empty());
            if dropped.upgrade().is_none() {
                State::Dropped
            } else {
                State::Whole
            }
        }),
        wait("[`Mutex::lock`](crate::sync::Mutex::lock)", |middle| {
            let mutex = Mutex::new(());
            let guard = mutex.lock();
            middle(&mut || drop(mutex.lock()));
            drop(guard);
            whole_if(mutex.try_lock().is_some())
        }),
        wait(
            "[`Semaphore::acquire`](crate::sync::Semaphore::acquire)",
            |middle| {
                let semaphore = Semaphore::new(1);
                let permit = semaphore.acquire();
                middle(&mut || drop(semaphore.acquire()));
                drop(permit);
                whole_if(semaphore.available_permits() == 1)
            },
        ),
        wait("[`Event::wait`](crate::sync::Event::wait)", |middle| {
            let event = Event::new();
            middle(&mut || event.wait());
            event.set();
            event.wait();
            State::Whole
        }),
        wait("`recv` of a [`channel`](crate::sync::channel)", |middle| {
            let (sender, receiver) = channel::bounded(1);
            middle(&mut || receiver.recv().unwrap());
            sender.send(()).unwrap();
            yield_now();
            whole_if(receiver.recv().is_ok())
        }),
        wait("`send` of a `channel`", |middle| {
            let (sender, receiver) = channel::bounded(1);
            sender.send(1).unwrap();
            middle(&mut || sender.send(2).unwrap());
            assert_eq!(receiver.recv(), Ok(1));
            if receiver.try_recv().is_err() {
                State::Dropped
            } else {
                State::Whole
            }
        }),
    ]
}
