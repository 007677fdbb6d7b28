//! What a coroutine answers, and how it refuses.

use std::any::Any;
use std::error::Error;
use std::fmt;

/// What entering a coroutine led to.
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
    /// Whether it suspended, and can be entered again.
    #[must_use]
    pub fn is_yielded(&self) -> bool {
        matches!(self, Self::Yielded(_))
    }

    /// Whether its body returned.
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

/// Where a coroutine is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Its body has not begun.
    Unstarted,
    /// Its body is parked in a call of `suspend`.
    Suspended,
    /// Its body runs, or has entered something that runs.
    Running,
    /// Its body is over: it returned, panicked or was closed, and its stack has gone back.
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

/// A value handed back by a coroutine that could not take it.
///
/// ```
/// use selvedge::{Coroutine, Status, Yielder};
///
/// let mut coroutine = Coroutine::new(|_: &Yielder<String, ()>, first: String| first.len());
/// coroutine.send("all of it".to_owned());
/// let refused = coroutine.try_send("too late".to_owned()).unwrap_err();
/// assert_eq!((refused.value.as_str(), refused.status), ("too late", Status::Done));
/// ```
#[non_exhaustive]
pub struct Refused<T> {
    /// What was sent.
    pub value: T,
    /// The status because of which it was refused.
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
            "the coroutine is {} and can't take a value; it is handed back",
            self.status
        )
    }
}

impl<T> Error for Refused<T> {}

/// A coroutine was closed and suspended again instead of ending; it lives on.
///
/// ```
/// use selvedge::{Coroutine, Thrown, Yielder};
///
/// let mut stubborn = Coroutine::new(|yielder: &Yielder<(), &str>, ()| {
///     if let Err(Thrown::Close) = yielder.try_suspend("working") {
///         yielder.suspend("one moment");
///     }
/// });
/// stubborn.resume();
/// assert_eq!(stubborn.close().unwrap_err().into_value(), Some("one moment"));
/// assert!(stubborn.close().is_ok());
/// ```
pub struct CloseIgnored<Out> {
    value: Option<Out>,
}

impl<Out> CloseIgnored<Out> {
    pub(crate) fn new(value: Option<Out>) -> Self {
        Self { value }
    }

    /// What it suspended with.
    ///
    /// `None` only where panics abort: a started coroutine can't be unwound there, and was not
    /// entered at all.
    pub fn into_value(self) -> Option<Out> {
        self.value
    }
}

impl<Out> fmt::Debug for CloseIgnored<Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloseIgnored").finish_non_exhaustive()
    }
}

impl<Out> fmt::Display for CloseIgnored<Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.value {
            Some(_) => "the coroutine was closed and suspended again; it lives on",
            None => "panics abort in this program, so a coroutine that has begun can't be closed",
        })
    }
}

impl<Out> Error for CloseIgnored<Out> {}

/// What came instead of a value at [`Yielder::try_suspend`](crate::Yielder::try_suspend).
#[non_exhaustive]
pub enum Thrown {
    /// The coroutine is being closed: return soon.
    Close,
    /// Somebody threw this.
    Payload(Box<dyn Any + Send>),
    /// The thread is panicking, and a coroutine must not be parked in the middle of that:
    /// nothing was switched.
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
