//! The results of entering a coroutine, its status, and its errors.

use std::any::Any;
use std::error::Error;
use std::fmt;

/// The result of entering a coroutine.
///
/// ```
/// use selvedge::{Coroutine, CoroutineState, Yielder};
///
/// let mut coroutine = Coroutine::new(|yielder: &Yielder<u32, u32>, first: u32| {
///     let second = yielder.suspend(first + 1);
///     first * second
/// });
/// assert_eq!(coroutine.send(6), CoroutineState::Yielded(7));
/// assert_eq!(coroutine.send(7), CoroutineState::Complete(42));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CoroutineState<Out, Ret> {
    /// It suspended with this value and can be entered again.
    Yielded(Out),
    /// Its body returned this value; it is done.
    Complete(Ret),
}

impl<Out, Ret> CoroutineState<Out, Ret> {
    /// Whether the coroutine suspended.
    #[must_use]
    pub fn is_yielded(&self) -> bool {
        matches!(self, Self::Yielded(_))
    }

    /// Whether the body returned.
    ///
    /// ```
    /// use selvedge::{Coroutine, Yielder};
    ///
    /// let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
    /// assert!(coroutine.resume().is_yielded());
    /// assert!(coroutine.resume().is_complete());
    /// ```
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Complete(_))
    }

    /// The value it suspended with, if it did.
    pub fn yielded(self) -> Option<Out> {
        match self {
            Self::Yielded(out) => Some(out),
            Self::Complete(_) => None,
        }
    }

    /// The value its body returned, if it did.
    pub fn complete(self) -> Option<Ret> {
        match self {
            Self::Yielded(_) => None,
            Self::Complete(ret) => Some(ret),
        }
    }

    /// The value it suspended with.
    ///
    /// # Panics
    /// If the body returned.
    #[track_caller]
    pub fn unwrap_yielded(self) -> Out {
        self.yielded()
            .expect("the coroutine completed where it was expected to suspend")
    }

    /// The value its body returned.
    ///
    /// # Panics
    /// If it suspended.
    #[track_caller]
    pub fn unwrap_complete(self) -> Ret {
        self.complete()
            .expect("the coroutine suspended where it was expected to complete")
    }
}

/// The status of a coroutine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Its body has not begun.
    Unstarted,
    /// Its body is parked in a call of `suspend`.
    Suspended,
    /// Its body runs, or has entered another coroutine that runs.
    Running,
    /// Its body has returned, panicked or was closed, and its stack was released.
    Done,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unstarted => "unstarted",
            Self::Suspended => "suspended",
            Self::Running => "running",
            Self::Done => "done",
        })
    }
}

/// The error of a coroutine that can't take a value; it contains the value.
///
/// ```
/// use selvedge::coroutine::Status;
/// use selvedge::{Coroutine, Yielder};
///
/// let mut coroutine = Coroutine::new(|_: &Yielder<String, ()>, first: String| first.len());
/// coroutine.send("all of it".to_owned());
/// let refused = coroutine.try_send("too late".to_owned()).unwrap_err();
/// assert_eq!((refused.value.as_str(), refused.status), ("too late", Status::Done));
/// ```
#[non_exhaustive]
pub struct Refused<T> {
    /// The value that was sent.
    pub value: T,
    /// The status that caused the refusal.
    pub status: Status,
}

impl<T> Refused<T> {
    pub(crate) fn new(value: T, status: Status) -> Self {
        Self { value, status }
    }
}

impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the coroutine is {} and can't take a value; the value is handed back",
            self.status
        )
    }
}

impl<T> Error for Refused<T> {}

/// The error of closing a coroutine that suspended again instead of ending.
///
/// ```
/// use selvedge::coroutine::Thrown;
/// use selvedge::{Coroutine, Yielder};
///
/// let mut reluctant = Coroutine::new(|yielder: &Yielder<(), &str>, ()| {
///     if let Err(Thrown::Close) = yielder.suspend_catching("working") {
///         yielder.suspend("one moment");
///     }
/// });
/// reluctant.resume();
/// assert_eq!(reluctant.close().unwrap_err().into_value(), Some("one moment"));
/// assert!(reluctant.close().is_ok());
/// ```
#[doc(alias = "CloseIgnored")]
pub struct IgnoredClose<Out> {
    value: Option<Out>,
}

impl<Out> IgnoredClose<Out> {
    pub(crate) fn new(value: Option<Out>) -> Self {
        Self { value }
    }

    /// The value with which it suspended.
    ///
    /// `None` if it was not entered: where panics abort, because a coroutine that has begun can't be unwound there; or
    /// because it was running. The destructor of a thread-local meets a running coroutine if the coroutine exits the
    /// process.
    pub fn into_value(self) -> Option<Out> {
        self.value
    }
}

impl<Out> fmt::Debug for IgnoredClose<Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IgnoredClose").finish_non_exhaustive()
    }
}

impl<Out> fmt::Display for IgnoredClose<Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.value {
            Some(_) => "the coroutine suspended again when it was closed; it is still suspended",
            None if cfg!(panic = "abort") => {
                "panics abort in this program, so a coroutine that has begun can't be closed"
            }
            None => "the coroutine is running, so it can't be closed",
        })
    }
}

impl<Out> Error for IgnoredClose<Out> {}

/// What [`Yielder::suspend_catching`](crate::Yielder::suspend_catching) received instead of a value.
#[non_exhaustive]
pub enum Thrown {
    /// The coroutine is being closed: the body should return soon.
    Close,
    /// A payload was thrown.
    Payload(Box<dyn Any + Send>),
    /// The thread is panicking, and a coroutine must not be parked during a panic: nothing was
    /// switched.
    Panicking,
}

impl fmt::Debug for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Close => "Close",
            Self::Payload(_) => "Payload(..)",
            Self::Panicking => "Panicking",
        })
    }
}
