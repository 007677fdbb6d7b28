//! The poller: tells which of many descriptors are ready, and sleeps until one is.
//!
//! Each platform owes, in a file of its own:
//! - `Queue::{new, add, remove, wait}`: the system's queue of events, edge-triggered, each
//!   descriptor in it once for both directions;
//! - `RawEvent` and `decode`: what the system fills in, and the [`Event`] that it stands for, or
//!   nothing for a notification;
//! - `TELLS_OF_URGENT_DATA`: whether events say so;
//! - [`Notifier`]: ends a sleep from another thread.
//!
//! On Linux that is `epoll.rs`, on Apple's systems and the BSDs `kqueue.rs`. For tests the latter
//! can be had on Linux as well, by `--cfg selvedge_poller="kqueue"`, with something to link that
//! exports `kqueue` and `kevent` (`tests/kqueue-shim`).
//!
//! It knows tokens, not sockets or tasks: which waiter a token stands for is the reactor's affair.

#[cfg_attr(
    all(
        any(target_os = "linux", target_os = "android"),
        not(selvedge_poller = "kqueue")
    ),
    path = "epoll.rs"
)]
#[cfg_attr(
    not(all(
        any(target_os = "linux", target_os = "android"),
        not(selvedge_poller = "kqueue")
    )),
    path = "kqueue.rs"
)]
mod system;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

pub(crate) use system::{Notifier, TELLS_OF_URGENT_DATA};

/// How many events one wait takes at most. What is left stays in the system's queue.
pub(crate) const BATCH: usize = 1024;

/// How many events are given together, so that what they lead to can be fetched together.
pub(crate) const GROUP: usize = 16;

/// The longest sleep. Some systems refuse timeouts of years, and whoever sleeps looks at the clock
/// again anyway.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The token that no descriptor may have.
const RESERVED_TOKEN: u64 = u64::MAX;

/// What became ready. A direction that is closed is also ready: trying it gives the end or an
/// error at once.
///
/// Both directions may come in one event or in two. An event may be about what has been read or
/// written meanwhile, so the attempt decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// What the descriptor was added with.
    pub(crate) token: u64,
    /// Reading would not block.
    pub(crate) readable: bool,
    /// Writing would not block.
    pub(crate) writable: bool,
    /// Nothing more will arrive: once true, reading never blocks again, and no other event says
    /// so.
    pub(crate) read_closed: bool,
    /// Nothing more can be sent: once true, writing never blocks again, and no other event says
    /// so.
    ///
    /// An error alone sets neither: a datagram socket that was told of an unreachable peer is
    /// ready once, for the error, and goes on. So on Linux a pipe whose reader has gone is
    /// writable and not closed.
    pub(crate) write_closed: bool,
    /// Urgent data has come, at which reads stop short although more is there.
    pub(crate) is_urgent: bool,
}

const NO_EVENT: Event = Event {
    token: RESERVED_TOKEN,
    readable: false,
    writable: false,
    read_closed: false,
    write_closed: false,
    is_urgent: false,
};

/// The system's queue of events. It belongs to the thread of its loop; [`Notifier`]s go elsewhere.
pub(crate) struct Poller {
    queue: system::Queue,
    /// Storage for the events of a wait, kept between waits.
    buffer: Cell<Vec<system::RawEvent>>,
}

impl Poller {
    /// Makes a queue with nothing in it but the notifier.
    ///
    /// # Errors
    /// What the system answers; at the limit of open files the message says how to raise it.
    pub(crate) fn new() -> io::Result<Self> {
        let queue = system::Queue::new().map_err(explain_new)?;
        let buffer = Cell::new(Vec::with_capacity(BATCH));
        Ok(Self { queue, buffer })
    }

    /// Watches both directions of a descriptor. Each change to ready gives an event that carries
    /// the token, beginning with what is ready now; nothing has to be armed again.
    ///
    /// A descriptor is added once. The token is any but `u64::MAX`; where pointers have 32 bits
    /// and the system is not Linux, it has 32 bits too. A socket that is neither connected nor
    /// connecting counts as closed on Linux: add it after `connect`.
    ///
    /// # Errors
    /// What the system answers, for files that are always ready among others.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        debug_assert_ne!(token, RESERVED_TOKEN, "the token is the notifier's");
        self.queue.add(fd, token).map_err(explain_add)
    }

    /// Watches a descriptor no longer. Events that a wait has already taken still arrive.
    ///
    /// Closing a descriptor does it too, if no duplicate of it is open.
    ///
    /// # Errors
    /// `NotFound` if the descriptor is not being watched. A kqueue does not watch what was at its
    /// end in both directions when it was added.
    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.queue.remove(fd)
    }

    /// Sleeps until something is ready, a notification arrives or the time is over, and gives
    /// what is ready to `on_events`, some at a time, `n_max` or [`BATCH`] at most. Answers the number
    /// of events given.
    ///
    /// No timeout means for ever. A sleep is never shorter than the timeout (the system's clock
    /// tick rounds it up), save that a signal ends it, and that it ends after a day. Nothing of
    /// the poller is borrowed while `on_events` runs, so that it may add, remove and even wait. If
    /// it panics, the events behind it are lost.
    ///
    /// # Errors
    /// What the system answers, which means a bug or that it is out of memory.
    pub(crate) fn wait(
        &self,
        timeout: Option<Duration>,
        n_max: usize,
        on_events: &mut dyn FnMut(&[Event]),
    ) -> io::Result<usize> {
        let timeout = timeout.map(|timeout| timeout.min(LONGEST));
        // Whoever waits inside of `on_events` finds an empty vector here, and makes another.
        let mut raw_events = self.buffer.take();
        raw_events.reserve(BATCH);
        let result = self
            .queue
            .wait(timeout, n_max.clamp(1, BATCH), &mut raw_events);
        let mut n_events = 0;
        let mut group = [NO_EVENT; GROUP];
        for raw_events in raw_events.chunks(GROUP) {
            let mut len = 0;
            for event in raw_events.iter().filter_map(|raw| system::decode(*raw)) {
                group[len] = event;
                len += 1;
            }
            on_events(&group[..len]);
            n_events += len;
        }
        raw_events.clear();
        self.buffer.set(raw_events);
        match result {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(n_events),
        }
    }

    /// What other threads wake this poller with.
    pub(crate) fn notifier(&self) -> Notifier {
        self.queue.notifier()
    }
}

/// Says what failed, and what to do at the limit of open files.
fn explain_new(error: io::Error) -> io::Error {
    let advice = match error.raw_os_error() {
        Some(libc::EMFILE) => "; raise the process's limit of open files (`ulimit -n`)",
        Some(libc::ENFILE) => "; the whole system has too many open files",
        _ => "",
    };
    let message = format!("cannot make the poller of an event loop: {error}{advice}");
    io::Error::new(error.kind(), message)
}

/// Linux's "No space left on device" would send people to look at their disks.
fn explain_add(error: io::Error) -> io::Error {
    if error.raw_os_error() != Some(libc::ENOSPC) {
        return error;
    }
    let message = "the user's limit of descriptors watched by epoll is reached; raise it with \
                   `sysctl -w fs.epoll.max_user_watches=...`";
    io::Error::new(io::ErrorKind::QuotaExceeded, message)
}
