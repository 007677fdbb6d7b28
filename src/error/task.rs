//! How a task or a promise failed.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use super::panic_text;
use super::predicates::predicates;
use crate::util::fmt::{impl_error, impl_fmt};
use crate::util::lock::{ignore_poison, lock};

/// How a task or a promise failed: it was cancelled, it panicked, it returned an error, or its state did not
/// allow the call.
///
/// Cloning is cheap, and all clones are the same error.
///
/// ```
/// let task_error = selvedge::run(|| {
///     let task = selvedge::spawn(|| -> u32 { panic!("no thread left on the bobbin") });
///     task.join().unwrap_err()
/// });
/// assert!(task_error.is_panic());
/// assert_eq!(task_error.message().unwrap(), "no thread left on the bobbin");
/// ```
#[derive(Clone)]
pub struct TaskError(Arc<Kind>);

enum Kind {
    Cancelled(Option<String>),
    Panic {
        /// The name of the task; `None` for a panic outside of a task's body.
        task: Option<String>,
        text: String,
        payload: Payload,
    },
    Exception(Box<dyn Error + Send + Sync>),
    Elapsed,
    InvalidState(String),
    Misuse(String),
}

/// The payload of a panic, until `into_panic` takes it.
struct Payload(Mutex<Option<Box<dyn Any + Send>>>);

impl Drop for Payload {
    fn drop(&mut self) {
        let payload = ignore_poison(self.0.get_mut()).take();
        if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            // The payload of this second panic might panic in its drop too, and so on for ever.
            std::mem::forget(another);
        }
    }
}

impl TaskError {
    pub(crate) fn cancelled(message: Option<String>) -> Self {
        Self(Arc::new(Kind::Cancelled(message)))
    }

    pub(crate) fn panic(payload: Box<dyn Any + Send>) -> Self {
        Self::panic_of(None, payload)
    }

    /// The panic of a task with this name.
    pub(crate) fn panic_of(task: Option<String>, payload: Box<dyn Any + Send>) -> Self {
        Self(Arc::new(Kind::Panic {
            task,
            text: panic_text(&*payload).to_owned(),
            payload: Payload(Mutex::new(Some(payload))),
        }))
    }

    pub(crate) fn exception(error: Box<dyn Error + Send + Sync>) -> Self {
        Self(Arc::new(Kind::Exception(error)))
    }

    pub(crate) fn elapsed() -> Self {
        Self(Arc::new(Kind::Elapsed))
    }

    pub(crate) fn invalid_state(text: impl Into<String>) -> Self {
        Self(Arc::new(Kind::InvalidState(text.into())))
    }

    pub(crate) fn misuse(text: impl Into<String>) -> Self {
        Self(Arc::new(Kind::Misuse(text.into())))
    }

    /// The error's kind as an `io::Error`.
    pub(super) fn io_kind(&self) -> io::ErrorKind {
        match &*self.0 {
            Kind::Exception(error) => error
                .downcast_ref::<io::Error>()
                .map_or(io::ErrorKind::Other, io::Error::kind),
            Kind::Elapsed => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::Other,
        }
    }

    predicates! { |error| *error.0;
        /// Whether the task or promise was cancelled.
        fn is_cancelled => Kind::Cancelled(_),

        /// Whether the task panicked.
        fn is_panic => Kind::Panic { .. },

        /// Whether the timeout of [`wait_for`](crate::task::wait_for) passed.
        fn is_elapsed => Kind::Elapsed,

        /// Whether the task or promise can't return its result yet, or not any more.
        fn is_invalid_state => Kind::InvalidState(_),
    }

    /// The message of the cancel, the text of the panic, or the error's own text; `None` for a cancel without
    /// a message.
    #[must_use]
    pub fn message(&self) -> Option<Cow<'_, str>> {
        Some(match &*self.0 {
            Kind::Cancelled(message) => Cow::from(message.as_deref()?),
            Kind::Panic { text, .. } => Cow::from(text),
            Kind::Exception(error) => Cow::from(error.to_string()),
            Kind::Elapsed => Cow::from(Elapsed.to_string()),
            Kind::InvalidState(text) | Kind::Misuse(text) => Cow::from(text),
        })
    }

    /// The payload of the panic, to be resumed with `std::panic::resume_unwind`.
    ///
    /// # Errors
    /// The error itself, if it is not a panic, or if the payload was taken through a clone.
    pub fn into_panic(self) -> Result<Box<dyn Any + Send>, Self> {
        let taken = match &*self.0 {
            Kind::Panic { payload, .. } => lock(&payload.0).take(),
            _ => None,
        };
        taken.ok_or(self)
    }

    /// The error that a task of `spawn_fallible` returned or that a promise was failed with, if it is of this
    /// type; [`Elapsed`] if [`is_elapsed`](Self::is_elapsed).
    #[must_use]
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        match &*self.0 {
            Kind::Exception(error) => error.downcast_ref(),
            Kind::Elapsed => (&Elapsed as &(dyn Error + 'static)).downcast_ref(),
            _ => None,
        }
    }
}

impl_fmt!(Display for TaskError, |this, f| match &*this.0 {
    Kind::Cancelled(None) => f.write_str("cancelled"),
    Kind::Cancelled(Some(message)) => write!(f, "cancelled: {message}"),
    Kind::Panic { task: Some(task), text, .. } => write!(f, "task {task} panicked: {text}"),
    Kind::Panic { text, .. } => write!(f, "panicked: {text}"),
    Kind::Exception(error) => error.fmt(f),
    Kind::Elapsed => Elapsed.fmt(f),
    Kind::InvalidState(text) | Kind::Misuse(text) => f.write_str(text),
});

impl_fmt!(Debug for TaskError, |this, f| match &*this.0 {
    Kind::Cancelled(message) => f.debug_tuple("Cancelled").field(message).finish(),
    Kind::Panic { task, text, .. } => {
        let mut panic = f.debug_tuple("Panic");
        if let Some(task) = task {
            panic.field(task);
        }
        panic.field(text).finish()
    }
    Kind::Exception(error) => f.debug_tuple("Exception").field(error).finish(),
    Kind::Elapsed => f.write_str("Elapsed"),
    Kind::InvalidState(text) => f.debug_tuple("InvalidState").field(text).finish(),
    Kind::Misuse(text) => f.debug_tuple("Misuse").field(text).finish(),
});

/// An `io::Error` that a task returned becomes that error again, if no clone exists. Any other error is wrapped:
/// an `io::Error` with its kind, an elapsed timeout as `TimedOut`, the others as `Other`.
///
/// ```
/// use std::io;
///
/// fn length_of(path: &'static str) -> io::Result<usize> {
///     let task = selvedge::spawn_fallible(move || selvedge::fs::read(path));
///     Ok(task.join()?.len())
/// }
///
/// let error = selvedge::run(|| length_of("/no/such/file")).unwrap_err();
/// assert_eq!(error.kind(), io::ErrorKind::NotFound);
/// assert!(error.raw_os_error().is_some());
/// ```
impl From<TaskError> for io::Error {
    fn from(error: TaskError) -> Self {
        let error = match Arc::try_unwrap(error.0) {
            Ok(Kind::Exception(exception)) => match exception.downcast::<Self>() {
                Ok(own) => return *own,
                Err(exception) => TaskError::exception(exception),
            },
            Ok(kind) => TaskError(Arc::new(kind)),
            Err(shared) => TaskError(shared),
        };
        Self::new(error.io_kind(), error)
    }
}

impl Error for TaskError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &*self.0 {
            Kind::Exception(error) => error.source(),
            _ => None,
        }
    }
}

/// The running task was cancelled. `catch_cancelled` returns this error. I/O that has to wait returns it in an
/// `io::Error`, for which [`io::is_cancelled`](crate::io::is_cancelled) returns true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    message: Option<String>,
}

impl Cancelled {
    pub(crate) fn new(message: Option<String>) -> Self {
        Self { message }
    }

    /// The message of the cancel; `None` for a cancel without a message.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

impl_error!(for Cancelled, |this, f| match &this.message {
    None => f.write_str("cancelled"),
    Some(message) => write!(f, "cancelled: {message}"),
});

/// A deadline has passed: the error of [`timeout`](crate::timeout()) and its variants. It converts into an `io::Error`
/// of the kind `TimedOut`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Elapsed;

impl_error!(for Elapsed, "the deadline has passed");

/// The set of awaitables to wait for is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmptySet;

impl_error!(for EmptySet, "cannot wait on an empty set; check it first");

/// `Other`, so that std does not retry.
impl From<Cancelled> for io::Error {
    fn from(cancelled: Cancelled) -> Self {
        Self::other(cancelled)
    }
}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(io::ErrorKind::TimedOut, elapsed)
    }
}
