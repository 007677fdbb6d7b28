//! Sleeping: parking a task until a deadline.

use std::thread;
use std::time::{Duration, Instant};

use crate::runtime::core::TaskContext;
use crate::runtime::time::alarm;
use crate::runtime::wait::{park, task_context};

/// May suspend: parks the running task for a duration. Zero yields to the other tasks; `Duration::MAX` waits
/// for ever.
///
/// Returns at once while the thread is panicking.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// selvedge::run(|| selvedge::sleep(Duration::from_micros(300)));
/// assert!(start.elapsed() >= Duration::from_micros(300));
/// ```
///
/// # Panics
/// If no task is running: outside of a loop, and in callbacks. `std::thread::sleep` blocks the thread.
///
/// # Cancellation
/// Unwinds at once.
#[track_caller]
pub fn sleep(duration: Duration) {
    let Some(here) = here() else { return };
    if duration.is_zero() {
        park::yield_now(here);
    } else {
        alarm::sleep_until(here, here.core.clock.after(duration));
    }
}

/// May suspend: parks the running task until a time of its loop's clock.
///
/// Returns at once while the thread is panicking.
///
/// # Panics
/// As [`sleep`].
///
/// # Cancellation
/// Unwinds at once.
#[track_caller]
pub fn sleep_until(deadline: Instant) {
    let Some(here) = here() else { return };
    let deadline = here.core.clock.at(deadline);
    if deadline <= here.core.clock.now() {
        park::yield_now(here);
    } else {
        alarm::sleep_until(here, deadline);
    }
}

/// The running task's context; `None` while the thread panics.
#[track_caller]
pub(super) fn here() -> Option<TaskContext> {
    match task_context() {
        Ok(here) => Some(here),
        Err(_) if thread::panicking() => None,
        Err(why) => panic!("{}", why.sentence()),
    }
}
