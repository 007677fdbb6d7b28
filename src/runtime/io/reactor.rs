//! From readiness of descriptors to tasks that wait for it.
//!
//! A descriptor is registered with the poller once, for both directions, when an operation on it
//! has to wait for the first time. The poller tells of changes only, so what it said is kept: a
//! direction counts as ready until an attempt shows that it is not. Tasks that wait for a direction
//! are woken one after the other, in the order in which they came; one that is done with a
//! direction that is still ready wakes the next.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::side::Side;
use crate::runtime::core::block::TaskPtr;
use crate::runtime::core::context::Core;
use crate::runtime::threads::injector::Injector;
use crate::sys::fork::Generation;
use crate::sys::poller::{self, Event, Poller};
use crate::sys::prefetch::prefetch;
use crate::sys::wait_fd::Direction;
use crate::util::slots::{Key, Slots};

/// How many events are few.
const FEW: usize = 32;

/// The descriptors of a loop on which tasks have waited.
pub(crate) struct Reactor {
    poller: Poller,
    sources: RefCell<Slots<Sides>>,
    /// How many tasks wait for a descriptor.
    pub(crate) n_waiting: Cell<usize>,
    fork: Generation,
    pub(crate) injector: Arc<Injector>,
}

/// A registered descriptor.
struct Sides {
    read: Rc<Side>,
    write: Rc<Side>,
}

impl Sides {
    fn new(fd: RawFd) -> Self {
        Self {
            read: Side::new(fd, Direction::Read),
            write: Side::new(fd, Direction::Write),
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
    pub(crate) fn new(poller: Poller, injector: Arc<Injector>) -> Rc<Self> {
        Rc::new(Self {
            poller,
            sources: RefCell::default(),
            n_waiting: Cell::new(0),
            fork: Generation::now(),
            injector,
        })
    }

    pub(crate) fn n_waiting(&self) -> usize {
        self.n_waiting.get()
    }

    /// Sleeps until something is ready, somebody notifies or the time is over, and makes the tasks
    /// runnable that wait for what is ready.
    ///
    /// A loop that has nothing else to run takes few events and comes back soon: so each socket's
    /// turn comes while what the system has touched to tell of it is still in the cache. One that has
    /// takes what there is, lest whoever only computes gets all the turns.
    pub(crate) fn poll(&self, timeout: Option<Duration>, is_idle: bool) -> io::Result<usize> {
        let n_max = if is_idle { FEW } else { poller::BATCH };
        self.poller
            .wait(timeout, n_max, &mut |events| self.deliver(events))
    }

    /// Wakes who waits for what has become ready, which runs nobody's code.
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
            if event.readable || event.read_closed {
                sides.read.set_ready(event.read_closed);
            }
            if event.writable || event.write_closed {
                sides.write.set_ready(event.write_closed);
            }
        }
    }

    /// A side of the descriptor that is registered under a token, unless that token is over.
    pub(super) fn side(&self, token: u64, direction: Direction) -> Option<Rc<Side>> {
        let sources = self.sources.borrow();
        let sides = sources.get(Key::from_u64(token))?;
        Some(Rc::clone(sides.of(direction)))
    }

    /// Registers a descriptor for both directions; returns its token.
    pub(crate) fn register(&self, fd: BorrowedFd<'_>) -> io::Result<u64> {
        let sides = Sides::new(fd.as_raw_fd());
        let token = self.sources.borrow_mut().insert(sides).to_u64();
        let added = self.poller.add(fd, token).or_else(|error| {
            if error.kind() != io::ErrorKind::AlreadyExists {
                return Err(error);
            }
            // Left by a socket of this number that another thread has dropped, and of which a clone
            // keeps the file open.
            self.poller.remove(fd)?;
            self.poller.add(fd, token)
        });
        if let Err(error) = added {
            self.forget(token);
            return Err(error);
        }
        Ok(token)
    }

    /// Forgets a descriptor that is still open.
    pub(crate) fn remove(&self, fd: BorrowedFd<'_>, token: u64) {
        // In a forked child the poller is the parent's as well, and so is what it watches.
        if self.fork.is_this() {
            // One that is not watched any more is none the worse for it.
            drop(self.poller.remove(fd));
        }
        self.forget(token);
    }

    /// Forgets a descriptor; whoever waits for it learns that it is gone.
    pub(crate) fn forget(&self, token: u64) {
        let sides = self.sources.borrow_mut().remove(Key::from_u64(token));
        if let Some(sides) = sides {
            sides.read.set_gone();
            sides.write.set_gone();
        }
    }

    /// Forgets a descriptor that was closed or given away by another thread. Its number may be
    /// somebody else's by now.
    pub(crate) fn forget_foreign(&self, token: u64) {
        let Some(side) = self.side(token, Direction::Read) else {
            return;
        };
        self.forget(token);
        let is_taken = |sides: &Sides| sides.read.fd() == side.fd();
        if !self.sources.borrow().values().any(is_taken) {
            // SAFETY: the call takes any number; for one that is not registered it is an error.
            let fd = unsafe { BorrowedFd::borrow_raw(side.fd()) };
            drop(self.poller.remove(fd));
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

/// Starts to load what delivering a few events touches: of a thousand descriptors, and the tasks that
/// wait for them, little is in the cache. Each step finds its way by what the one before has loaded.
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
