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

use crate::runtime::core::block::TaskPtr;
use crate::runtime::core::context::Core;
use crate::runtime::core::wait_list::WaitList;
use crate::runtime::threads::injector::Injector;
use crate::sys::fork::Generation;
use crate::sys::poller::{self, Event, Poller, TELLS_OF_URGENT_DATA};
use crate::sys::prefetch::prefetch;
pub(crate) use crate::sys::wait_fd::Direction;

/// How many events are few.
const FEW: usize = 32;

/// The descriptors of a loop on which tasks have waited.
pub(crate) struct Reactor {
    poller: Poller,
    sources: RefCell<Vec<Slot>>,
    free: RefCell<Vec<u32>>,
    /// How many tasks wait for a descriptor.
    pub(crate) n_waiting: Cell<usize>,
    fork: Generation,
    pub(crate) injector: Arc<Injector>,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    source: Option<Rc<Source>>,
}

/// A descriptor.
pub(crate) struct Source {
    pub(crate) fd: RawFd,
    read: Side,
    write: Side,
    pub(crate) is_gone: Cell<bool>,
}

/// One direction of a descriptor.
pub(crate) struct Side {
    pub(crate) is_ready: Cell<bool>,
    /// Nothing more will come, or can go: it stays ready.
    pub(crate) is_closed: Cell<bool>,
    /// Whether a transfer of fewer bytes than there was room for has drained it.
    is_short_read_telling: Cell<bool>,
    pub(crate) waiters: WaitList,
}

impl Side {
    fn new() -> Self {
        Self {
            is_ready: Cell::new(true),
            is_closed: Cell::new(false),
            is_short_read_telling: Cell::new(TELLS_OF_URGENT_DATA),
            waiters: WaitList::new(),
        }
    }

    fn becomes_ready(&self, is_closed: bool) {
        self.is_ready.set(true);
        if is_closed {
            self.is_closed.set(true);
            self.waiters.wake_all();
        } else {
            self.waiters.wake_one();
        }
    }

    /// An attempt would have blocked.
    pub(crate) fn is_drained(&self) {
        self.is_ready.set(self.is_closed.get());
    }

    /// A transfer was shorter than it could have been. Behind urgent data, at which reads stop
    /// short, that says nothing.
    pub(crate) fn fell_short(&self) {
        if self.is_short_read_telling.get() {
            self.is_drained();
        }
    }
}

impl Source {
    pub(crate) fn side(&self, direction: Direction) -> &Side {
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
            free: RefCell::default(),
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
        let source = |event: &Event| find(&sources, event.token).map(|source| &**source);
        if events.len() > 1 {
            fetch(events, source);
        }
        for event in events {
            let Some(source) = source(event) else {
                continue;
            };
            if event.is_urgent {
                source.read.is_short_read_telling.set(false);
            }
            if event.readable || event.read_closed {
                source.read.becomes_ready(event.read_closed);
            }
            if event.writable || event.write_closed {
                source.write.becomes_ready(event.write_closed);
            }
        }
    }

    /// What is registered under a token, unless that token is over.
    pub(crate) fn source(&self, token: u64) -> Option<Rc<Source>> {
        find(&self.sources.borrow(), token).cloned()
    }

    pub(crate) fn register(&self, fd: BorrowedFd<'_>) -> io::Result<(u64, Rc<Source>)> {
        let source = Rc::new(Source {
            fd: fd.as_raw_fd(),
            read: Side::new(),
            write: Side::new(),
            is_gone: Cell::new(false),
        });
        let mut sources = self.sources.borrow_mut();
        let index = self.free.borrow_mut().pop().unwrap_or_else(|| {
            sources.push(Slot::default());
            u32::try_from(sources.len() - 1).expect("fewer than 2^32 descriptors")
        });
        let slot = &mut sources[index as usize];
        slot.source = Some(Rc::clone(&source));
        let token = u64::from(slot.generation) << 32 | u64::from(index);
        drop(sources);
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
        Ok((token, source))
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
        let (index, generation) = split(token);
        let mut sources = self.sources.borrow_mut();
        let Some(slot) = sources
            .get_mut(index)
            .filter(|slot| slot.generation == generation)
        else {
            return;
        };
        slot.generation += 1;
        // Tokens are never used again, and the last is reserved: a slot that has had them is retired.
        let is_worn = slot.generation == u32::MAX;
        let source = slot.source.take();
        drop(sources);
        if !is_worn {
            self.free.borrow_mut().push(index as u32);
        }
        if let Some(source) = source {
            source.is_gone.set(true);
            source.read.waiters.wake_all();
            source.write.waiters.wake_all();
        }
    }

    /// Forgets a descriptor that was closed or given away by another thread. Its number may be
    /// somebody else's by now.
    pub(crate) fn forget_foreign(&self, token: u64) {
        let Some(source) = self.source(token) else {
            return;
        };
        self.forget(token);
        let is_taken = |slot: &Slot| slot.source.as_ref().is_some_and(|s| s.fd == source.fd);
        if !self.sources.borrow().iter().any(is_taken) {
            // SAFETY: the call takes any number; for one that is not registered it is an error.
            let fd = unsafe { BorrowedFd::borrow_raw(source.fd) };
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
fn fetch<'a>(events: &[Event], source: impl Fn(&Event) -> Option<&'a Source>) {
    let mut lists = [const { None }; poller::GROUP];
    for (list, event) in lists.iter_mut().zip(events) {
        let Some(source) = source(event) else {
            continue;
        };
        prefetch(ptr::from_ref(source).cast());
        prefetch(ptr::from_ref(&source.write).cast());
        let side = match event.readable {
            true => &source.read,
            false => &source.write,
        };
        *list = Some(&side.waiters);
    }
    lists.iter().flatten().for_each(|list| list.prefetch());
    for list in lists.iter().flatten() {
        list.with_first_task(TaskPtr::prefetch);
    }
}

/// What is registered under a token, unless that token is over.
fn find(sources: &[Slot], token: u64) -> Option<&Rc<Source>> {
    let (index, generation) = split(token);
    let slot = sources.get(index)?;
    slot.source
        .as_ref()
        .filter(|_| slot.generation == generation)
}

fn split(token: u64) -> (usize, u32) {
    ((token & u64::from(u32::MAX)) as usize, (token >> 32) as u32)
}
