//! When the wait of an operation ends: by the operation's timeout, or by the deadline of the task's I/O.

use std::io;
use std::time::{Duration, Instant};

use crate::runtime::core::{FORCE_UNWIND, MUST_CANCEL, NEVER, Nanoseconds, TaskContext};

/// The time at which the wait of a task ends. The first call sets the operation's deadline.
///
/// # Errors
/// `TimedOut` if that time has passed. But a cancel takes precedence: the wait returns it.
pub(super) fn wait_until(
    timeout: Option<Duration>,
    here: TaskContext,
    deadline: &mut Option<Instant>,
) -> io::Result<Nanoseconds> {
    let clock = &here.core.clock;
    let until = timeout.map_or(NEVER, |timeout| {
        clock.at(*deadline.get_or_insert_with(|| clock.instant_of(clock.after(timeout))))
    });
    let until = until.min(here.task.io_deadline().unwrap_or(NEVER));
    if until <= clock.now() && !here.task.has(MUST_CANCEL | FORCE_UNWIND) {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(until)
}

/// The rest of a timeout on a thread without a loop. The first call sets the deadline.
pub(super) fn time_left(
    timeout: Option<Duration>,
    deadline: &mut Option<Instant>,
) -> Option<Duration> {
    match (timeout, *deadline) {
        (None, _) => None,
        (Some(timeout), None) => {
            *deadline = Instant::now().checked_add(timeout);
            Some(timeout)
        }
        (Some(_), Some(until)) => Some(until.saturating_duration_since(Instant::now())),
    }
}
