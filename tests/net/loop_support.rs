//! Helpers for the tests of sockets in tasks.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use selvedge::net::TcpStream;
use selvedge::net::unix::UnixStream;
use selvedge::{Task, spawn, yield_now};

use crate::sockets::tcp_pair;

/// Lets every task that can run do so, until it has to wait; so many turns that the loop asks what
/// is ready, too.
pub fn settle() {
    for _ in 0..200 {
        yield_now();
    }
}

/// A task that has begun, and most likely waits.
pub fn begun<T: 'static>(f: impl FnOnce() -> T + 'static) -> Task<T> {
    let task = spawn(f);
    settle();
    task
}

/// Both ends of a connection, to be shared by tasks.
pub fn shared_tcp() -> (Rc<TcpStream>, Rc<TcpStream>) {
    let (a, b) = tcp_pair();
    (Rc::new(a), Rc::new(b))
}

/// Both ends of a connection, to be shared by tasks.
pub fn shared_unix() -> (Rc<UnixStream>, Rc<UnixStream>) {
    let (a, b) = UnixStream::pair().unwrap();
    (Rc::new(a), Rc::new(b))
}

/// What several tasks write down, in order. Clones share one list.
#[derive(Debug)]
pub struct Log<T>(Rc<RefCell<Vec<T>>>);

impl<T> Log<T> {
    pub fn new() -> Self {
        Self(Rc::default())
    }

    pub fn push(&self, entry: T) {
        self.0.borrow_mut().push(entry);
    }

    pub fn len(&self) -> usize {
        self.0.borrow().len()
    }

    pub fn take(&self) -> Vec<T> {
        self.0.take()
    }
}

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

/// A task that counts its turns until it is cancelled.
pub fn counter() -> (Task<()>, Rc<Cell<usize>>) {
    let turns = Rc::new(Cell::new(0));
    let task = spawn({
        let turns = Rc::clone(&turns);
        move || {
            loop {
                turns.set(turns.get() + 1);
                yield_now();
            }
        }
    });
    (task, turns)
}

/// The error's text, which a user reads.
#[track_caller]
pub fn text<T: std::fmt::Debug>(result: io::Result<T>) -> String {
    result.expect_err("it fails").to_string()
}
