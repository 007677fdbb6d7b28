//! A job of the [`pool`](super::pool): its function, how the pool treats it, and its name in reports.

use std::fmt;
use std::io;
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;

/// A function for a thread of the pool. It does not panic.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// The kind of a job by its origin. Each kind has its own queue and threads, so that no kind waits
/// behind another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// The program, which may have set limits.
    Program,
    /// This library's operations on files, for a task that waits for this job only.
    Files,
    /// This library's look-ups of names, and pauses in real time, for a task that waits for this job alone.
    Network,
}

impl Lane {
    pub(super) const ALL: [Self; 3] = [Self::Program, Self::Files, Self::Network];
}

/// What happens to a job that still runs when its loop closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtClose {
    /// The loop waits for the job for a bounded time, because the job may have effects.
    Awaited,
    /// The loop does not wait: the job's only effect is a result, which is dropped.
    Detached,
}

/// How the pool treats a job.
#[derive(Clone, Debug)]
pub(crate) struct JobKind {
    pub(super) lane: Lane,
    pub(super) at_close: AtClose,
    pub(super) label: Label,
}

impl JobKind {
    /// A function of the program.
    pub(crate) const fn program(what: &'static str, site: &'static Location<'static>) -> Self {
        Self {
            lane: Lane::Program,
            at_close: AtClose::Awaited,
            label: Label::Code(what, site),
        }
    }

    pub(crate) const fn file(at_close: AtClose, label: Label) -> Self {
        Self {
            lane: Lane::Files,
            at_close,
            label,
        }
    }

    pub(crate) const fn network(label: Label) -> Self {
        Self {
            lane: Lane::Network,
            at_close: AtClose::Detached,
            label,
        }
    }
}

/// Describes a job in reports.
#[derive(Clone, Debug)]
pub(crate) enum Label {
    Operation(&'static str),
    Path(&'static str, Arc<Path>),
    Host(Arc<str>),
    /// A function of the program, and the place of the call that gave it to the pool.
    Code(&'static str, &'static Location<'static>),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation(what) => f.write_str(what),
            Self::Path(what, path) => write!(f, "{what} of {path:?}"),
            Self::Host(name) => write!(f, "the look-up of host {name:?}"),
            Self::Code(what, site) => write!(f, "{what} at {site}"),
        }
    }
}

/// Names a queued job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket(pub(super) Lane, pub(super) u64);

/// The reason for which a job was refused and dropped.
#[derive(Debug)]
pub(crate) enum Refused {
    Closed,
    Full(usize),
    /// The pool has no thread, and none can be started.
    NoThread(io::Error),
}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Closed => Self::other("event loop is closed"),
            Refused::Full(limit) => Self::new(
                io::ErrorKind::QuotaExceeded,
                format!(
                    "the queue of the loop's blocking pool is full: {limit} jobs wait for a thread; wait \
                     for some of them first, or raise `event_loop::Builder::max_blocking_queued`"
                ),
            ),
            Refused::NoThread(error) => Self::new(
                error.kind(),
                format!("no thread can be started for blocking work: {error}"),
            ),
        }
    }
}
