//! Where an operation on the file system runs: on the pool or on the calling thread.

use std::io;

use crate::error::WaitError;
use crate::runtime::threads::{AtClose, JobKind, Label, off_loop, off_loop_to_end};
use crate::runtime::wait::task_context;

/// Where an operation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunOn {
    /// On a thread of the loop's pool, while the task is parked.
    Pool,
    /// On the calling thread, which may block.
    ThisThread,
}

/// Where an operation that may block has to run.
///
/// # Errors
/// In a callback, which can neither park nor block.
pub(super) fn run_on() -> io::Result<RunOn> {
    match task_context() {
        Ok(_) => Ok(RunOn::Pool),
        // A panicking task can't park. Blocking the thread lets a destructor write its bytes.
        Err(WaitError::NoLoop | WaitError::Panicking) => Ok(RunOn::ThisThread),
        Err(why @ WaitError::NoTask) => Err(io::Error::other(why.sentence())),
    }
}

/// May suspend. Runs an operation that may block where [`run_on`] says.
pub(super) fn offload<T: Send + 'static>(
    at_close: AtClose,
    label: Label,
    f: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match run_on()? {
        RunOn::Pool => off_loop(JobKind::file(at_close, label), f)?,
        RunOn::ThisThread => f(),
    }
}

/// May suspend. As [`offload`], for a change that a later operation of the same task must find done: the task waits for a
/// change that a thread has begun.
pub(super) fn offload_to_end<T: Send + 'static>(
    label: Label,
    f: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match run_on()? {
        RunOn::Pool => off_loop_to_end(JobKind::file(AtClose::Awaited, label), f)?,
        RunOn::ThisThread => f(),
    }
}
