//! [`is_cancelled`]: whether a cancel of the task caused an I/O error.

use std::io;

use super::task::{Cancelled, TaskError};

/// Whether a cancel of the running task caused an I/O error. Once the task is cancelled, I/O that has to wait returns
/// such an error.
///
/// The kind of the error is `Other`, because std retries after `Interrupted`. Code that continues after errors, such as
/// a loop that accepts connections, should end on this error. Code that returns errors by `?` needs no check.
///
/// ```
/// use std::io::Read;
/// use selvedge::io::is_cancelled;
/// use selvedge::net::unix::UnixStream;
/// use selvedge::{run, spawn, yield_now};
///
/// run(|| {
///     let (mut near, _far) = UnixStream::pair().unwrap();
///     let task = spawn(move || {
///         let error = near.read(&mut [0; 512]).unwrap_err();
///         assert!(is_cancelled(&error));
///     });
///     yield_now();
///     task.cancel();
///     // The value of a cancelled task is dropped.
///     assert!(task.join().unwrap_err().is_cancelled());
/// });
/// ```
#[must_use]
pub fn is_cancelled(error: &io::Error) -> bool {
    let inner = error.get_ref();
    inner.is_some_and(|inner| {
        inner.is::<Cancelled>()
            || inner
                .downcast_ref::<TaskError>()
                .is_some_and(TaskError::is_cancelled)
    })
}
