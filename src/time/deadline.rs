//! Deadlines of I/O. After a deadline, I/O that has to wait fails; other operations are not
//! affected.

use std::time::{Duration, Instant};

use super::sleep;
use crate::coroutine::OpenFrame;
use crate::runtime::core::{Nanoseconds, TaskContext, TaskPtr};

/// May suspend if the function does: calls a function. After the duration, I/O in the function that has to wait fails
/// with [`TimedOut`](std::io::ErrorKind::TimedOut).
///
/// I/O is an operation with an [`std::io::Result`]: on sockets, pipes, terminals and files, name lookups, and HTTP. The
/// deadline is like Go's `SetDeadline`, but for all I/O of the function, of code that the function calls, and of the
/// tasks that it spawns in a [`scope`](crate::scope()), a [`race`](crate::race()) or a [`select!`](crate::select).
/// Other waits (sleep, join, locks, queues) have no such error, and continue; [`timeout`](crate::timeout()) also ends
/// those. After the deadline, an operation that is ready succeeds, and work on files that has not begun does not begin.
/// With nested deadlines the earliest applies.
///
/// ```
/// use std::io::{ErrorKind, Read};
/// use std::time::Duration;
/// use selvedge::net::unix::UnixStream;
/// use selvedge::time::deadline;
///
/// selvedge::run(|| {
///     let (mut near, _far) = UnixStream::pair()?;
///     let answer = deadline(Duration::from_millis(1), || near.read(&mut [0; 512]));
///     assert_eq!(answer.unwrap_err().kind(), ErrorKind::TimedOut);
///     Ok::<(), std::io::Error>(())
/// })
/// # .unwrap();
/// ```
///
/// While the thread is panicking the function runs without a deadline.
///
/// # Panics
/// If no task is running: outside of a loop, and in callbacks.
///
/// A coroutine that calls this in its body can't suspend to its resumer meanwhile.
///
/// # Cancellation
/// As the function.
#[track_caller]
pub fn deadline<T>(duration: Duration, f: impl FnOnce() -> T) -> T {
    let here = sleep::here();
    run(here, |here| here.core.clock.after(duration), f)
}

/// May suspend if the function does: like [`deadline`], with a time of the loop's clock.
///
/// # Panics
/// As [`deadline`].
///
/// # Cancellation
/// As the function.
#[track_caller]
pub fn deadline_at<T>(at: Instant, f: impl FnOnce() -> T) -> T {
    let here = sleep::here();
    run(here, |here| here.core.clock.at(at), f)
}

fn run<T>(
    here: Option<TaskContext>,
    deadline: impl FnOnce(TaskContext) -> Nanoseconds,
    f: impl FnOnce() -> T,
) -> T {
    let Some(here) = here else { return f() };
    let outer = here.task.io_deadline();
    let deadline = deadline(here);
    // The deadline belongs to the task, so the code that resumes this coroutine must not run meanwhile.
    let _open = OpenFrame::open_for_task();
    let _restored = Restored {
        task: here.task,
        outer,
    };
    set(
        here.task,
        Some(outer.map_or(deadline, |outer| outer.min(deadline))),
    );
    f()
}

fn set(task: TaskPtr, deadline: Option<Nanoseconds>) {
    task.with_extras(|extras| extras.io_deadline = deadline);
}

/// Restores the outer deadline.
struct Restored {
    task: TaskPtr,
    outer: Option<Nanoseconds>,
}

impl Drop for Restored {
    fn drop(&mut self) {
        set(self.task, self.outer);
    }
}
