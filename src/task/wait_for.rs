//! [`wait_for`]: the wait for one task, with a timeout.

use std::time::Duration;

use crate::error::TaskError;
use crate::runtime::core::TaskContext;
use crate::runtime::task::{AnyHandle, Joinable, Need, WaitSite, Waitable};
use crate::runtime::time::Alarm;
use crate::runtime::wait::consume_budget;

/// May suspend: waits until a task is done. After the timeout it cancels the task, and waits until the task
/// has ended. Closures and coroutines become tasks; the value of a promise is moved out.
///
/// ```
/// use std::time::Duration;
/// use selvedge::task::wait_for;
/// use selvedge::sleep;
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
/// With a timeout of zero it returns the result of a task that is done, and cancels any other: a closure
/// does not run then.
///
/// # Errors
/// That the timeout has elapsed: [`TaskError::is_elapsed`]. If the task catches the cancel and returns, its
/// value is returned nevertheless; if it fails meanwhile, its error. Otherwise as
/// [`Task::join`](crate::Task::join).
///
/// # Cancellation
/// As [`Task::join`](crate::Task::join): a cancel of the waiting task is forwarded, and never mistaken for
/// the timeout.
#[track_caller]
pub fn wait_for<I: Joinable>(awaitable: I, timeout: Duration) -> Result<I::Output, TaskError> {
    let wait_site = WaitSite::new(Need::All);
    let handle = awaitable.into_handle(&wait_site)?;
    let mut is_late = false;
    if handle.any_handle().is_done() {
        consume_budget(1);
    }
    if let Ok(here) = wait_site.here()
        && !handle.any_handle().is_done()
    {
        is_late = wait_until_late(here, handle.any_handle(), timeout);
        if is_late && !cancel_and_wait(here, handle.any_handle()) {
            return Err(TaskError::elapsed());
        }
        handle.any_handle().unwind_if_forwarded(here);
    }
    match I::outcome(handle) {
        Err(error) if error.is_cancelled() && is_late => Err(TaskError::elapsed()),
        result => result,
    }
}

/// Waits for the timeout at most; returns whether the handle is still pending then.
fn wait_until_late(here: TaskContext, any_handle: AnyHandle<'_>, timeout: Duration) -> bool {
    if !timeout.is_zero() {
        let deadline = here.core.clock.after(timeout);
        Alarm::with(here, deadline, |alarm| {
            any_handle.wait(here, || alarm.has_fired());
        });
    }
    !any_handle.is_done()
}

/// Cancels the handle and waits until it is done. False if it can't be cancelled, because panics abort in
/// this program.
fn cancel_and_wait(here: TaskContext, any_handle: AnyHandle<'_>) -> bool {
    // This cancels even if a cancel was forwarded before, because the task may have caught that
    // cancel.
    if !any_handle.request_cancel() {
        return false;
    }
    any_handle.wait(here, || false);
    true
}
