//! [`Side`]: one direction of a registered descriptor, with its readiness and the tasks that wait for it.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::os::fd::RawFd;
use std::rc::Rc;

use crate::runtime::core::{Awaiting, WaitList};
use crate::sys::wait_fd::Direction;

/// One direction of a descriptor.
///
/// The poller reports changes only, so a side keeps the last report: it counts as ready until an attempt would have
/// blocked.
pub(crate) struct Side {
    fd: RawFd,
    direction: Direction,
    pub(crate) is_ready: Cell<bool>,
    /// No more data will arrive, or can be sent: the side stays ready.
    pub(crate) is_closed: Cell<bool>,
    /// An error was reported. The end of a pipe's reader is one: the poller does not call the writer's side closed.
    pub(crate) has_error: Cell<bool>,
    /// The descriptor is no longer registered.
    pub(crate) is_gone: Cell<bool>,
    /// A transfer of fewer bytes than there was room for has drained the side.
    short_means_drained: Cell<bool>,
    /// The number of wrappers of the descriptor that have registered it. The read side counts them, for both.
    pub(super) n_shares: Cell<u32>,
    pub(crate) waiters: WaitList,
    /// The tasks that wait for the end of the direction only. Few descriptors have any.
    closers: OnceCell<Box<WaitList>>,
}

/// With the counts of its `Rc`, a side fits an allocation of 64 bytes: an idle connection is its task and two of these.
const _: () = assert!(size_of::<Side>() <= 40 || size_of::<usize>() != 8);

impl Side {
    pub(super) fn new(fd: RawFd, direction: Direction, short_means_drained: bool) -> Rc<Self> {
        Rc::new(Self {
            fd,
            direction,
            is_ready: Cell::new(true),
            is_closed: Cell::new(false),
            has_error: Cell::new(false),
            is_gone: Cell::new(false),
            short_means_drained: Cell::new(short_means_drained),
            n_shares: Cell::new(1),
            waiters: WaitList::new(),
            closers: OnceCell::new(),
        })
    }

    pub(super) fn fd(&self) -> RawFd {
        self.fd
    }

    /// The list of the tasks that wait for the end of the direction only.
    pub(super) fn closers(&self) -> &WaitList {
        self.closers.get_or_init(|| Box::new(WaitList::new()))
    }

    #[cold]
    fn wake_closers(&self) {
        self.closers.get().inspect(|closers| closers.wake_all());
    }

    /// The poller has reported readiness.
    pub(super) fn set_ready(&self, is_closed: bool) {
        self.is_ready.set(true);
        if is_closed {
            self.is_closed.set(true);
            self.waiters.wake_all();
            self.wake_closers();
        } else {
            self.waiters.wake_one();
        }
    }

    /// The poller has reported an error.
    pub(super) fn set_error(&self) {
        self.has_error.set(true);
        self.wake_closers();
    }

    /// The descriptor is no longer registered: its waiters end with an error.
    pub(super) fn set_gone(&self) {
        self.is_gone.set(true);
        self.waiters.wake_all();
        self.wake_closers();
    }

    /// The stream contains urgent data. A read stops before it, so from now on a short read does not mean "drained".
    pub(super) fn set_urgent(&self) {
        self.short_means_drained.set(false);
    }

    /// An attempt would have blocked.
    pub(super) fn set_drained(&self) {
        self.is_ready.set(self.is_closed.get());
    }

    /// A transfer was shorter than it could have been.
    pub(super) fn set_short(&self) {
        if self.short_means_drained.get() {
            self.set_drained();
        }
    }
}

impl Awaiting for Side {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.direction {
            Direction::Read => write!(f, "descriptor {} to be readable", self.fd),
            Direction::Write => write!(f, "descriptor {} to be writable", self.fd),
        }
    }
}
