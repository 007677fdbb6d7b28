//! [`pause`]: a wait before another attempt.

use std::io;
use std::thread;
use std::time::Duration;

use crate::error::WaitError;
use crate::runtime::core::{InsertAt, NEVER, WaitList};
use crate::runtime::threads::{JobKind, Label, off_loop};
use crate::runtime::time::Alarm;
use crate::runtime::wait::task_context;

/// May suspend. Waits for a duration of real time before the next attempt of an operation, because no event reports
/// when the attempt could succeed. `what` names the event for a report of waiting tasks.
///
/// # Errors
/// If the task has a pending cancel, or the deadline of its I/O passes first.
pub(crate) fn pause(duration: Duration, what: &'static str) -> io::Result<()> {
    let here = match task_context() {
        Ok(here) => here,
        Err(WaitError::NoLoop) => {
            thread::sleep(duration);
            return Ok(());
        }
        Err(why) => return Err(io::Error::other(why.sentence())),
    };
    let clock = &here.core.clock;
    if clock.is_virtual() {
        // The clock stands still during a job.
        let kind = JobKind::network(Label::Operation("a pause between two attempts"));
        return off_loop(kind, move || thread::sleep(duration));
    }
    let io_deadline = here.task.io_deadline().unwrap_or(NEVER);
    let until = clock.after(duration).min(io_deadline);
    // Only the alarm wakes the task.
    let list = WaitList::new();
    Alarm::with(here, until, |alarm| {
        list.wait_io(here, InsertAt::Back, &what, || alarm.has_fired())
    })?;
    if until == io_deadline {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(())
}
