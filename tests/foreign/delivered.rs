//! How each operation delivers a cancel, compared with the table in the documentation.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use selvedge::io::{Pollable, StreamReader, is_cancelled};
use selvedge::net::unix::{UnixDatagram, UnixStream};
use selvedge::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use selvedge::signal::{self, Listener, Signal};
use selvedge::sync::{Barrier, Condition, Event, Mutex, Queue, Semaphore, channel};
use selvedge::task::current_task;
use selvedge::time::sleep_until;
use selvedge::{Promise, block_on, fs, gather, run, sleep, spawn, to_thread, yield_now};

use crate::page;

const AN_ERROR: &str = "an error";
const AN_UNWIND: &str = "an unwind";
const FORWARDED: &str = "a cancel of what is awaited, then an unwind";

/// A row of the table: the cells, and operations that have to wait.
type Row = (
    &'static str,
    &'static str,
    &'static [fn() -> io::Result<()>],
);

const ROWS: &[Row] = &[
    (
        "sockets of [`net`](crate::net): `read`, `write`, `accept`, `connect`, `recv`, `send`, `peek`",
        AN_ERROR,
        &[read, write, accept, receive, send, peek],
    ),
    (
        "lookups of names: `connect`, `bind`, [`ToSocketAddrs`](crate::net::ToSocketAddrs)",
        AN_ERROR,
        &[
            || ("localhost", 1).to_socket_addrs().map(drop),
            || TcpStream::connect("localhost:1").map(drop),
            || TcpListener::bind("localhost:0").map(drop),
        ],
    ),
    (
        "[`io::Pollable`](crate::io::Pollable), [`io::stdin`](crate::io::stdin)",
        AN_ERROR,
        &[|| {
            let (reader, _writer) = io::pipe()?;
            Pollable::new(reader)?.read(&mut [0]).map(drop)
        }],
    ),
    (
        "files and paths of [`fs`](crate::fs)",
        AN_ERROR,
        &[
            || fs::metadata("/").map(drop),
            || fs::read_dir("/").map(drop),
            || fs::File::open("Cargo.toml").map(drop),
            || fs::canonicalize("/").map(drop),
        ],
    ),
    (
        "[`signal::wait`](crate::signal::wait), [`signal::Listener::wait`](crate::signal::Listener::wait)",
        AN_ERROR,
        &[
            || signal::wait(Signal::SIGUSR1),
            || Listener::new(Signal::SIGUSR1)?.wait(),
        ],
    ),
    (
        "[`io::StreamReader`](crate::io::StreamReader), std's buffers and other crates",
        "the error of the stream inside",
        &[|| {
            let (near, _far) = UnixStream::pair()?;
            StreamReader::new(near).read_line()?;
            Ok(())
        }],
    ),
    (
        "[`sleep`](crate::sleep()), [`sleep_until`](crate::time::sleep_until), [`yield_now`](crate::yield_now)",
        AN_UNWIND,
        &[
            || {
                sleep(Duration::MAX);
                Ok(())
            },
            || {
                sleep_until(std::time::Instant::now() + Duration::from_secs(3600));
                Ok(())
            },
            || {
                yield_now();
                Ok(())
            },
        ],
    ),
    (
        "[`Task::join`](crate::Task::join), [`Promise::wait`](crate::Promise::wait), [`gather`](crate::gather()) and their kin",
        FORWARDED,
        &[
            || Ok(spawn(|| sleep(Duration::MAX)).join()?),
            || Ok(Promise::<()>::new().wait()?),
            || Ok(gather([|| sleep(Duration::MAX); 2]).map(drop)?),
        ],
    ),
    (
        "queues, locks, events, barriers and channels of [`sync`](crate::sync)",
        AN_UNWIND,
        &[
            queue_get,
            queue_put,
            lock,
            acquire,
            event,
            barrier,
            condition,
            receive_item,
            send_item,
        ],
    ),
    (
        "[`to_thread`](crate::to_thread()), [`block_on`](crate::block_on)",
        AN_UNWIND,
        &[
            || Ok(to_thread(|| ())?),
            || {
                block_on(std::future::pending::<()>());
                Ok(())
            },
        ],
    ),
];

#[test]
fn the_table_says_how_each_operation_delivers_a_cancel() {
    let written = page::first_two_cells(page::CANCELLATION, "# What is delivered where");
    // `tests/http` is about HTTP, which needs a feature.
    let written = written
        .into_iter()
        .filter(|(operation, _)| !operation.starts_with("`http::"));
    let rows = ROWS
        .iter()
        .map(|(operation, delivered, _)| (*operation, *delivered));
    assert_eq!(written.collect::<Vec<_>>(), rows.collect::<Vec<_>>());
    for (row, delivered, operations) in ROWS {
        let is_error = !delivered.ends_with(AN_UNWIND);
        for (n, operation) in operations.iter().enumerate() {
            assert_eq!(
                delivers_error(*operation),
                is_error,
                "operation {n} of {row}"
            );
        }
    }
}

/// Whether a cancel that meets the operation is its error. Otherwise it unwinds.
fn delivers_error(operation: fn() -> io::Result<()>) -> bool {
    let seen = Rc::new(Cell::new(false));
    let told = Rc::clone(&seen);
    run(|| {
        let task = spawn(move || {
            assert!(current_task().unwrap().cancel());
            let error = operation().expect_err("it waits");
            assert!(is_cancelled(&error), "{error:?}");
            told.set(true);
        });
        let error = task.join().unwrap_err();
        assert!(error.is_cancelled(), "{error}");
    });
    seen.get()
}

fn read() -> io::Result<()> {
    let (mut near, _far) = UnixStream::pair()?;
    near.read(&mut [0]).map(drop)
}

fn write() -> io::Result<()> {
    let (mut near, _far) = UnixStream::pair()?;
    near.write_all(&[0; 1 << 20])
}

fn accept() -> io::Result<()> {
    TcpListener::bind("127.0.0.1:0")?.accept().map(drop)
}

fn receive() -> io::Result<()> {
    UdpSocket::bind("127.0.0.1:0")?.recv(&mut [0]).map(drop)
}

fn send() -> io::Result<()> {
    let (near, _far) = UnixDatagram::pair()?;
    loop {
        near.send(&[0; 1000])?;
    }
}

fn peek() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    TcpStream::connect(listener.local_addr()?)?
        .peek(&mut [0])
        .map(drop)
}

fn queue_get() -> io::Result<()> {
    Queue::<()>::new(1).get().map_err(io::Error::other)
}

fn queue_put() -> io::Result<()> {
    let queue = Queue::new(1);
    queue.try_put(1).unwrap();
    queue.put(2).map_err(io::Error::other)
}

fn lock() -> io::Result<()> {
    let mutex = Mutex::new(());
    let _guard = mutex.try_lock();
    drop(mutex.lock());
    Ok(())
}

fn acquire() -> io::Result<()> {
    drop(Semaphore::new(0).acquire());
    Ok(())
}

fn event() -> io::Result<()> {
    Event::new().wait();
    Ok(())
}

fn barrier() -> io::Result<()> {
    Barrier::new(2).wait().map(drop).map_err(io::Error::other)
}

fn condition() -> io::Result<()> {
    let mutex = Mutex::new(());
    Condition::new().wait(&mut mutex.try_lock().unwrap());
    Ok(())
}

fn receive_item() -> io::Result<()> {
    let (_sender, receiver) = channel::bounded::<()>(1);
    receiver.recv().map_err(io::Error::other)
}

fn send_item() -> io::Result<()> {
    let (sender, _receiver) = channel::bounded(1);
    sender.try_send(1).unwrap();
    sender.send(2).map_err(io::Error::other)
}
