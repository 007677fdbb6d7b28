//! [`pause`]: a wait before another attempt.

use std::io;
use std::thread;
use std::time::Duration;

use super::Side;
use super::registration::wait_at_most;
use crate::error::WaitError;
use crate::runtime::core::{InsertAt, NEVER};
use crate::runtime::threads::{JobKind, Label, off_loop};
use crate::runtime::wait::task_context;

/// May suspend. Waits for a duration of real time before the next attempt of an operation, because no event reports
/// when the attempt could succeed. A request to the task ends the pause early, as it ends a wait for a descriptor.
pub(crate) fn pause(duration: Duration) -> io::Result<()> {
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
    let until = clock.instant_of(clock.after(duration));
    let side = Side::of_pause();
    let io_deadline = here.task.io_deadline().unwrap_or(NEVER);
    let place = InsertAt::Back;
    match wait_at_most(
        Some(duration),
        io_deadline,
        here,
        place,
        &side,
        &mut Some(until),
    ) {
        // Not that of `timeout`, which has an inner error.
        Err(error)
            if error.kind() == io::ErrorKind::TimedOut
                && error.get_ref().is_none()
                && clock.instant() >= until =>
        {
            Ok(())
        }
        result => result,
    }
}
