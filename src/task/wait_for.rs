//! `wait_for`: one, for so long.

use std::time::Duration;

use crate::error::TaskError;
use crate::runtime::core::block::CANCEL_FORWARDED;
use crate::runtime::core::context::TaskContext;
use crate::runtime::task::any_handle::AnyHandle;
use crate::runtime::task::join::Need;
use crate::runtime::task::waitable::{Joinable, WaitSite, Waitable};
use crate::runtime::time::timer::Alarm;

/// May suspend: waits until a task is done, for so long at most; then cancels it, and waits until it has
/// ended. Closures and coroutines become tasks; of a promise the value is taken.
///
/// ```
/// use std::time::Duration;
/// use selvedge::{sleep, wait_for};
///
/// # selvedge::run(|| {
/// let quick = wait_for(|| 42, Duration::from_secs(5));
/// assert_eq!(quick.unwrap(), 42);
///
/// let slow = wait_for(|| sleep(Duration::MAX), Duration::from_millis(1));
/// assert!(slow.unwrap_err().is_elapsed());
/// # });
/// ```
///
/// With no time at all it returns the result of what is done, and else cancels: a closure does not run
/// then.
///
/// # Errors
/// That the time has passed: [`TaskError::is_elapsed`]. A task that swallows the cancel and returns
/// gives its value nevertheless, and one that fails meanwhile its error. Otherwise as
/// [`Task::join`](crate::Task::join).
///
/// # Cancellation
/// As [`Task::join`](crate::Task::join): a cancel of the waiting task is passed on, and never taken for
/// the end of the time.
#[track_caller]
pub fn wait_for<I: Joinable>(awaitable: I, timeout: Duration) -> Result<I::Output, TaskError> {
    let wait_site = WaitSite::new(Need::All);
    let handle = awaitable.into_handle(&wait_site)?;
    let mut is_late = false;
    if let Ok(here) = wait_site.here()
        && !handle.any_handle().is_done()
    {
        is_late = wait_until_late(here, handle.any_handle(), timeout);
        if is_late && !end(here, handle.any_handle()) {
            return Err(TaskError::elapsed());
        }
        handle.any_handle().unwind_if_forwarded(here);
    }
    match I::outcome(handle) {
        Err(error) if error.is_cancelled() && is_late => Err(TaskError::elapsed()),
        result => result,
    }
}

/// Waits for so long at most; answers whether it was not enough.
fn wait_until_late(here: TaskContext, any_handle: AnyHandle<'_>, timeout: Duration) -> bool {
    if !timeout.is_zero() {
        let deadline = here.core.clock.after(timeout);
        Alarm::with(here, deadline, |alarm| {
            any_handle.wait(here, || alarm.has_gone_off());
        });
    }
    !any_handle.is_done()
}

/// Cancels what was waited for and waits until it has ended. False if it can't be cancelled, because
/// panics abort in this program.
fn end(here: TaskContext, any_handle: AnyHandle<'_>) -> bool {
    // A cancel that is on its way through has asked it already, and it may be cleaning up.
    if !here.task.has(CANCEL_FORWARDED) && !any_handle.request_cancel() {
        return false;
    }
    any_handle.wait(here, || false);
    true
}
