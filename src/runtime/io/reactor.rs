//! [`Reactor`]: maps readiness of descriptors to the tasks that wait for it. [`Reactor::deliver`] is where readiness arrives.
//!
//! A descriptor is registered with the poller once, for both directions, when an operation on it has to wait for the
//! first time. Wrappers of one descriptor share this registration, because the poller has only one for the descriptor.
//! The waiters of a side are woken one by one, in FIFO order; a task that leaves a side which is still ready wakes the
//! next.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::Side;
use super::files::{self, Files};
use crate::runtime::core::{Core, TaskPtr};
use crate::runtime::threads::Injector;
use crate::sys::fork::Generation;
use crate::sys::poller::{self, Event, Poller, TELLS_OF_URGENT_DATA};
use crate::sys::prefetch::prefetch;
use crate::sys::socket::is_tcp;
use crate::sys::wait_fd::Direction;
use crate::util::slots::{Key, Slots};

/// The number of events that an idle loop asks for.
const IDLE_EVENTS: usize = 32;

/// The registered descriptors of a loop.
pub(crate) struct Reactor {
    pub(super) poller: Poller,
    sources: RefCell<Slots<Sides>>,
    /// The token under which the poller watches a descriptor's number.
    tokens: RefCell<Tokens>,
    /// Number of tasks that wait for a descriptor.
    pub(crate) n_waiting: Cell<usize>,
    pub(crate) files: Files,
    fork: Generation,
    pub(crate) injector: Arc<Injector>,
}

/// A registered descriptor.
struct Sides {
    read: Rc<Side>,
    write: Rc<Side>,
}

/// Tokens by descriptors' numbers, which the system keeps small.
#[derive(Default)]
struct Tokens(Vec<u64>);

impl Tokens {
    const NONE: u64 = u64::MAX;

    fn get(&self, fd: RawFd) -> Option<u64> {
        let token = self.0.get(Self::index(fd)).copied();
        token.filter(|token| *token != Self::NONE)
    }

    fn insert(&mut self, fd: RawFd, token: u64) {
        let index = Self::index(fd);
        if index >= self.0.len() {
            self.0.resize(index + 1, Self::NONE);
        }
        self.0[index] = token;
    }

    fn remove(&mut self, fd: RawFd) {
        self.0[Self::index(fd)] = Self::NONE;
    }

    fn index(fd: RawFd) -> usize {
        usize::try_from(fd).expect("an open descriptor")
    }
}

impl Sides {
    fn new(fd: BorrowedFd<'_>) -> Self {
        // Other protocols than TCP end a read at the end of a message, although more messages have arrived.
        let short_read_drains = TELLS_OF_URGENT_DATA && is_tcp(fd);
        let fd = fd.as_raw_fd();
        Self {
            read: Side::new(fd, Direction::Read, short_read_drains),
            write: Side::new(fd, Direction::Write, TELLS_OF_URGENT_DATA),
        }
    }

    fn of(&self, direction: Direction) -> &Rc<Side> {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }
}

impl Reactor {
    /// `io_uring`: whether there is a ring for files. `true` makes it now, and fails without it.
    pub(crate) fn new(
        poller: Poller,
        injector: Arc<Injector>,
        io_uring: Option<bool>,
    ) -> io::Result<Rc<Self>> {
        let io_uring = io_uring.or_else(files::from_environment);
        let files = Files::new(io_uring.unwrap_or(true));
        if io_uring == Some(true) {
            files.make(&poller)?;
        }
        Ok(Rc::new(Self {
            poller,
            sources: RefCell::default(),
            tokens: RefCell::default(),
            n_waiting: Cell::new(0),
            files,
            fork: Generation::now(),
            injector,
        }))
    }

    pub(crate) fn n_waiting(&self) -> usize {
        self.n_waiting.get()
    }

    /// Sleeps until a descriptor is ready, another thread notifies, or the timeout passes. Wakes the tasks that wait for
    /// ready descriptors, and returns the number of events.
    ///
    /// An idle loop takes few events at a time: each socket's task then runs while the memory that the system touched
    /// to report the socket is still cached. A loop with other work takes all events, so that tasks that only compute
    /// do not get all the turns.
    pub(crate) fn poll(&self, timeout: Option<Duration>, is_idle: bool) -> io::Result<usize> {
        let n_max = if is_idle { IDLE_EVENTS } else { poller::BATCH };
        self.poller
            .wait(timeout, n_max, &mut |events| self.deliver(events))
    }

    /// Wakes the waiters of descriptors that have become ready. Runs no user code.
    fn deliver(&self, events: &[Event]) {
        let sources = self.sources.borrow();
        let sides = |event: &Event| sources.get(Key::from_u64(event.token));
        if events.len() > 1 {
            fetch(events, sides);
        }
        for event in events {
            let Some(sides) = sides(event) else {
                continue;
            };
            if event.is_urgent {
                sides.read.set_urgent();
            }
            if event.is_error {
                sides.read.set_error();
            }
            if event.readable || event.read_closed {
                sides.read.set_ready(event.read_closed);
            }
            if event.writable || event.write_closed {
                sides.write.set_ready(event.write_closed);
            }
        }
    }

    /// A side of the descriptor with this token, while it is registered.
    pub(super) fn side(&self, token: u64, direction: Direction) -> Option<Rc<Side>> {
        let sources = self.sources.borrow();
        let sides = sources.get(Key::from_u64(token))?;
        Some(Rc::clone(sides.of(direction)))
    }

    /// Registers a descriptor for both directions; returns its token.
    pub(crate) fn register(&self, fd: BorrowedFd<'_>) -> io::Result<u64> {
        if let Some(token) = self.share(fd) {
            return Ok(token);
        }
        let key = self.sources.borrow_mut().insert(Sides::new(fd));
        let token = key.to_u64();
        let added = self.change(|poller| {
            poller.add(fd, token).or_else(|error| {
                if error.kind() != io::ErrorKind::AlreadyExists {
                    return Err(error);
                }
                // A stale registration of a socket with the same number: another thread dropped it, and a clone keeps
                // the file open.
                poller.remove(fd)?;
                poller.add(fd, token)
            })
        });
        if let Err(error) = added {
            self.sources.borrow_mut().remove(key);
            return Err(error);
        }
        self.tokens.borrow_mut().insert(fd.as_raw_fd(), token);
        Ok(token)
    }

    /// Changes the set of watched descriptors. A forked child shares the set with its parent and changes nothing; the
    /// child's loop ends when its task parks.
    fn change(&self, f: impl FnOnce(&Poller) -> io::Result<()>) -> io::Result<()> {
        match self.fork.is_this() {
            true => f(&self.poller),
            false => Ok(()),
        }
    }

    /// The token of a descriptor that another wrapper of the same descriptor has registered.
    fn share(&self, fd: BorrowedFd<'_>) -> Option<u64> {
        let token = self.tokens.borrow().get(fd.as_raw_fd())?;
        let sources = self.sources.borrow();
        let sides = sources.get(Key::from_u64(token))?;
        // `NotFound` if the descriptor was closed without a notice to the loop, and its number now
        // belongs to another file.
        self.change(|poller| poller.renew(fd, token)).ok()?;
        sides.read.n_shares.update(|n| n + 1);
        Some(token)
    }

    /// Ends a wrapper's registration. With the last registration the descriptor is deregistered, and tasks that wait
    /// for it get an error. The descriptor may already be closed, and its number reused.
    pub(crate) fn forget(&self, token: u64) {
        let key = Key::from_u64(token);
        let fd = match self.sources.borrow().get(key) {
            Some(sides) if sides.read.n_shares.get() == 1 => sides.read.fd(),
            Some(sides) => return sides.read.n_shares.update(|n| n - 1),
            None => return,
        };
        if self.tokens.borrow().get(fd) == Some(token) {
            self.tokens.borrow_mut().remove(fd);
            // SAFETY: the call accepts any number, and fails for a number that is not registered.
            let fd = unsafe { BorrowedFd::borrow_raw(fd) };
            // The poller may have stopped watching the descriptor already.
            drop(self.change(|poller| poller.remove(fd)));
        }
        let sides = self.sources.borrow_mut().remove(key);
        if let Some(sides) = sides {
            sides.read.set_gone();
            sides.write.set_gone();
        }
    }

    /// Marks a direction of a descriptor as closed: the poller does not report each `shutdown` by this process.
    pub(crate) fn shut(&self, token: u64, direction: Direction) {
        if let Some(side) = self.side(token, direction) {
            side.set_ready(true);
        }
    }
}

impl Core {
    /// The reactor of the core's loop.
    pub(crate) fn reactor(&self) -> &Reactor {
        let reactor = self.parts().reactor.downcast_ref();
        reactor.expect("the slot holds a reactor")
    }
}

/// Prefetches what delivering some events touches: side, first waiter, task. Of a thousand descriptors and their waiters
/// little is in the cache. Each step reads what the step before has loaded.
fn fetch<'a>(events: &[Event], sides: impl Fn(&Event) -> Option<&'a Sides>) {
    let mut lists = [const { None }; poller::GROUP];
    for (list, event) in lists.iter_mut().zip(events) {
        let Some(sides) = sides(event) else {
            continue;
        };
        let side = match event.readable {
            true => &sides.read,
            false => &sides.write,
        };
        prefetch(ptr::from_ref(&**side).cast());
        *list = Some(&side.waiters);
    }
    lists.iter().flatten().for_each(|list| list.prefetch());
    for list in lists.iter().flatten() {
        list.with_first_task(TaskPtr::prefetch);
    }
}
