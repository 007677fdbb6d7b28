//! Why a run ended before its main task, and errors of a loop's handles.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;

use super::{Cancelled, TaskError};
use crate::util::fmt::{impl_error, impl_fmt};

/// Why a run ended without a result.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// No task could ever be woken again.
    Deadlock(Deadlock),
    /// The main task was cancelled.
    Cancelled(Cancelled),
    /// The loop was stopped before the main task was done.
    Stopped,
    /// The call is not possible here; the sentence says what to do instead.
    Misuse(Misuse),
    /// The operating system refused a resource that a loop needs.
    Io(io::Error),
    /// In strict mode: the loop's exception handler got an error that no code had retrieved.
    Unhandled(Unhandled),
}

impl_fmt!(Display for RunError, |this, f| match this {
    Self::Deadlock(deadlock) => deadlock.fmt(f),
    Self::Cancelled(cancelled) => match cancelled.message() {
        None => f.write_str("the main task was cancelled"),
        Some(message) => write!(f, "the main task was cancelled: {message}"),
    },
    Self::Stopped => f.write_str("the loop was stopped before the main task was done"),
    Self::Misuse(misuse) => misuse.fmt(f),
    Self::Io(error) => write!(f, "no event loop: {error}"),
    Self::Unhandled(unhandled) => unhandled.fmt(f),
});

impl Error for RunError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Unhandled(unhandled) => Some(unhandled.error()),
            _ => None,
        }
    }
}

/// The error of a call that is not possible where it is made. Its text says what to do instead.
///
/// ```
/// use selvedge::RunError;
///
/// let nested = selvedge::run(|| selvedge::try_run(|| ()));
/// let Err(RunError::Misuse(misuse)) = nested else { unreachable!() };
/// assert!(misuse.to_string().contains("call the function directly"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misuse(Cow<'static, str>);

impl Misuse {
    pub(crate) fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self(text.into())
    }
}

impl_error!(for Misuse, |this, f| f.write_str(&this.0));

/// An error that no code had retrieved and that made a run in strict mode fail: see
/// [`event_loop::Builder::strict`](crate::event_loop::Builder::strict). Its text is the report that the exception
/// handler got.
///
/// ```
/// use selvedge::{EventLoop, RunError, sleep, spawn};
///
/// let run = EventLoop::builder().strict(true).try_run(|| {
///     spawn(|| "weft".parse::<u32>()).detach();
///     sleep(std::time::Duration::MAX);
/// });
/// let Err(RunError::Unhandled(unhandled)) = run else { unreachable!() };
/// assert!(unhandled.to_string().contains("Task exception was never retrieved"));
/// ```
#[derive(Clone, Debug)]
pub struct Unhandled {
    text: String,
    error: TaskError,
}

impl Unhandled {
    pub(crate) fn new(text: String, error: TaskError) -> Self {
        Self { text, error }
    }

    /// The error.
    #[must_use]
    pub fn error(&self) -> &TaskError {
        &self.error
    }
}

impl_fmt!(Display for Unhandled, |this, f| f.write_str(&this.text));

impl Error for Unhandled {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// The report of a deadlock: the parked tasks and what each waits for.
///
/// A loop reports one when all tasks are parked and no timer, descriptor, job, signal or other thread can wake one.
/// Another thread can wake a task through a handle, a waker or the other end of a channel, and the loop does not know
/// where these objects are. So the following tasks wait without a report, even if the waiting task itself holds the
/// last such object:
///
/// - a task that waits at a [`channel`](crate::sync::channel) whose other end still exists: drop ends that a task does
///   not use before the task waits, or wait by `recv_timeout`;
/// - any task, while a [`LoopHandle`](crate::event_loop::LoopHandle) of its loop exists, or a
///   [`RemoteTask`](crate::task::RemoteTask), which has such a handle;
/// - a task in [`block_on`](crate::block_on()), while a clone of its waker exists.
///
/// A thread that blocks in the kernel is not reported either: in a std lock, in `std::sync::mpsc`, in
/// `std::thread::sleep`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlock {
    waits: Vec<(String, String)>,
    cycle: Vec<String>,
}

impl Deadlock {
    pub(crate) fn new(waits: Vec<(String, String)>, cycle: Vec<String>) -> Self {
        Self { waits, cycle }
    }

    /// The parked tasks by name, each with what it waits for.
    pub fn waits(&self) -> impl Iterator<Item = (&str, &str)> {
        self.waits.iter().map(|(who, what)| (&**who, &**what))
    }

    /// The names of tasks that wait for each other in a cycle, the first name repeated at the end; `None`
    /// if the parked tasks form no cycle. A task that waits for a lock waits for the task that holds the lock.
    #[must_use]
    pub fn cycle(&self) -> Option<&[String]> {
        Some(&*self.cycle).filter(|cycle| !cycle.is_empty())
    }
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// A list of a million tasks would be useless.
        const SHOWN: usize = 20;
        f.write_str(
            "deadlock: no task can run, and no timer, socket or handle is left that could wake one",
        )?;
        for (who, what) in self.waits.iter().take(SHOWN) {
            write!(f, "\n  {who} waits for {what}")?;
        }
        if self.waits.len() > SHOWN {
            write!(f, "\n  ... and {} more", self.waits.len() - SHOWN)?;
        }
        if !self.cycle.is_empty() {
            write!(f, "\n  in a circle: {}", self.cycle.join(" -> "))?;
        }
        Ok(())
    }
}

impl Error for Deadlock {}

/// The loop is closed, or is busy where it must not be. Holds the value that was to be handed to the loop.
///
/// ```
/// let event_loop = selvedge::EventLoop::new()?;
/// let handle = event_loop.handle();
/// event_loop.close()?;
/// let refused = handle.call_soon_threadsafe(|| println!("never mind")).unwrap_err();
/// assert!(refused.is_closed());
/// let function = refused.into_inner();
/// function();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LoopError<F = ()> {
    /// The text of a busy loop's error; `None` for a closed loop.
    busy: Option<&'static str>,
    inner: F,
}

impl<F> LoopError<F> {
    pub(crate) fn closed(inner: F) -> Self {
        Self { busy: None, inner }
    }

    pub(crate) fn busy(text: &'static str, inner: F) -> Self {
        let busy = Some(text);
        Self { busy, inner }
    }

    fn text(&self) -> &'static str {
        // asyncio's message.
        self.busy.unwrap_or("event loop is closed")
    }

    /// Whether the loop is closed for good; otherwise it is busy.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.busy.is_none()
    }

    /// The value that was to be handed to the loop.
    pub fn into_inner(self) -> F {
        self.inner
    }
}

impl_error!([F] for LoopError<F>, |this, f| f.write_str(this.text()));

impl_fmt!([F] Debug for LoopError<F>, |this, f| {
    f.debug_tuple("LoopError").field(&this.text()).finish()
});
