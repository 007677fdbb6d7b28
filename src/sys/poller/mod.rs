//! The poller: reports which of many descriptors are ready, and sleeps until one is.
//!
//! Each platform must supply, in its own file:
//! - `Queue::{new, add, renew, remove, wait, as_fd, notifier}`: the system's queue, edge-triggered, with each descriptor
//!   registered once for both directions;
//! - `RawEvent` and `decode`: the system's event, and its [`Event`], or `None` for a notification;
//! - `TELLS_OF_URGENT_DATA`: whether events report urgent data;
//! - [`Notifier`]: ends a sleep from another thread.
//!
//! On Linux that is `epoll.rs`, on Apple's systems and the BSDs `kqueue.rs`. Tests can use the latter on
//! Linux by `--cfg selvedge_poller="kqueue"`, linked with a library that exports `kqueue` and `kevent`
//! (`tests/kqueue-shim`).
//!
//! The poller knows tokens, not sockets or tasks. The reactor maps a token to its waiters.

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

/// The maximum number of events of one wait. The others stay in the system's queue.
pub(crate) const BATCH: usize = 1024;

/// How many events are delivered together, so that their sources can be prefetched together.
pub(crate) const GROUP: usize = 16;

/// The longest sleep. Some systems refuse timeouts of years, and callers check the clock again anyway.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The notifier's token, which no descriptor may have.
const RESERVED_TOKEN: u64 = u64::MAX;

/// A readiness event. A closed direction is also ready: a transfer returns the end or an error immediately.
///
/// Both directions may arrive in one event or in two. An event may be outdated by a transfer in the
/// meantime, so a transfer must be attempted in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// The token with which the descriptor was added.
    pub(crate) token: u64,
    /// Reading would not block.
    pub(crate) readable: bool,
    /// Writing would not block.
    pub(crate) writable: bool,
    /// Nothing more will arrive: from now on, reading never blocks, and no other event reports that.
    pub(crate) read_closed: bool,
    /// Nothing more can be sent: from now on, writing never blocks, and no other event reports that.
    ///
    /// An error alone sets neither flag: a datagram socket with an unreachable peer is ready once, for the
    /// error, and continues to work. So on Linux a pipe without a reader is writable and not closed.
    pub(crate) write_closed: bool,
    /// Urgent data has arrived: reads stop before it although more data is available.
    pub(crate) is_urgent: bool,
    /// An error has happened, or the peer reads no more.
    pub(crate) is_error: bool,
}

const NO_EVENT: Event = Event {
    token: RESERVED_TOKEN,
    readable: false,
    writable: false,
    read_closed: false,
    write_closed: false,
    is_urgent: false,
    is_error: false,
};

/// The system's queue of events. It stays on its loop's thread; [`Notifier`]s are for other threads.
pub(crate) struct Poller {
    queue: system::Queue,
    /// Storage for the events of a wait, kept between waits.
    buffer: Cell<Vec<system::RawEvent>>,
}

impl Poller {
    /// Creates a queue that contains only the notifier.
    ///
    /// # Errors
    /// The system's error; at the limit of open files the message says how to raise it.
    pub(crate) fn new() -> io::Result<Self> {
        let queue = system::Queue::new().map_err(explain_new)?;
        let buffer = Cell::new(Vec::with_capacity(BATCH));
        Ok(Self { queue, buffer })
    }

    /// Watches both directions of a descriptor. Each change to ready yields an event with the token,
    /// beginning with the current readiness; no rearming is necessary.
    ///
    /// A descriptor is added once. The token is any value but `u64::MAX`; with 32-bit pointers on systems
    /// other than Linux it has only 32 bits. A socket that is neither connected nor connecting counts as
    /// closed on Linux: add it after `connect`.
    ///
    /// # Errors
    /// The system's error, for example for files, which are always ready.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        debug_assert_ne!(token, RESERVED_TOKEN, "the token is the notifier's");
        self.queue.add(fd, token).map_err(explain_add)
    }

    /// Watches a descriptor that reports only that reading would not block, as [`add`](Self::add) does. The token may be
    /// one that no other descriptor has: events are reported in any case.
    #[cfg(all(
        feature = "io-uring",
        target_os = "linux",
        not(selvedge_poller = "kqueue")
    ))]
    pub(crate) fn add_readable(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        debug_assert_ne!(token, RESERVED_TOKEN, "the token is the notifier's");
        self.queue.add_readable(fd, token).map_err(explain_add)
    }

    /// Gives a watched descriptor a token, and reports its current readiness again.
    ///
    /// # Errors
    /// `NotFound` if the descriptor is not watched, including when its number was watched for another file,
    /// which is now closed.
    pub(crate) fn renew(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        self.queue.renew(fd, token)
    }

    /// Stops watching a descriptor. Events that a wait has already taken still arrive.
    ///
    /// Closing a descriptor has the same effect if no duplicate of it is open.
    ///
    /// # Errors
    /// `NotFound` if the descriptor is not watched. A kqueue does not watch a descriptor that was at its end
    /// in both directions when it was added.
    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.queue.remove(fd)
    }

    /// Sleeps until a descriptor is ready, a notification arrives or the timeout elapses. Passes the events
    /// to `on_events` in groups, at most `n_max` or [`BATCH`] in all, and returns their number.
    ///
    /// Without a timeout it sleeps without limit. A sleep is never shorter than the timeout (the system's
    /// clock tick rounds it up), except that a signal ends it, and that it ends after a day. The poller is
    /// not borrowed while `on_events` runs, which may add, remove and even wait. If it panics, the events of
    /// later groups are lost.
    ///
    /// # Errors
    /// The system's error, which means a bug or a lack of memory.
    pub(crate) fn wait(
        &self,
        timeout: Option<Duration>,
        n_max: usize,
        on_events: &mut dyn FnMut(&[Event]),
    ) -> io::Result<usize> {
        let timeout = timeout.map(|timeout| timeout.min(LONGEST));
        // A nested wait inside `on_events` finds an empty vector here, and allocates another.
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

    /// A descriptor that is readable while events are pending.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }

    /// The notifier by which other threads wake this poller.
    pub(crate) fn notifier(&self) -> Notifier {
        self.queue.notifier()
    }
}

/// Adds to the error what failed, and a remedy at the limit of open files.
fn explain_new(error: io::Error) -> io::Error {
    let advice = match error.raw_os_error() {
        Some(libc::EMFILE) => "; raise the process's limit of open files (`ulimit -n`)",
        Some(libc::ENFILE) => "; the whole system has too many open files",
        _ => "",
    };
    let message = format!("cannot make the poller of an event loop: {error}{advice}");
    io::Error::new(error.kind(), message)
}

/// Replaces Linux's "No space left on device", which suggests a full disk.
fn explain_add(error: io::Error) -> io::Error {
    if error.raw_os_error() != Some(libc::ENOSPC) {
        return error;
    }
    let message = "the user's limit of descriptors watched by epoll is reached; raise it with \
                   `sysctl -w fs.epoll.max_user_watches=...`";
    io::Error::new(io::ErrorKind::QuotaExceeded, message)
}
