//! Requests to cancel a task: from other code, and from the task's own frames. `core/cancel_frame.rs` has the states of a
//! request, `wait/delivery.rs` its delivery.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::error::Cancelled;
use crate::runtime::core::{
    CANCEL_FORWARDED, COMPLETED, CancelFrame, MUST_CANCEL, TaskPtr, cancel_frame, context,
};
use crate::runtime::wait::{delivery, forward};

/// Requests a cancel of a task. A task that waits for other tasks or promises forwards the request to them, and so on
/// down the chain; the task itself is cancelled when its wait ends. False if the task is done, or has begun in a program
/// whose panics abort, where it can't be unwound.
pub(crate) fn cancel(task: TaskPtr, message: Option<&str>) -> bool {
    let may_be = may_be_cancelled(task);
    if may_be {
        forward::cancel_chain(task, None, message);
        forward::walk_is_over();
    }
    may_be
}

/// As [`cancel`], for a cancel that a scope's host forwards to a child. Returns true if the child waits for the host,
/// through other tasks.
pub(crate) fn cancel_child(child: TaskPtr, host: TaskPtr, message: Option<&str>) -> bool {
    let is_cycle = may_be_cancelled(child) && forward::cancel_child(child, host, message);
    forward::walk_is_over();
    is_cycle
}

/// As [`cancel`], without forwarding: what the task waits for is being cancelled anyway.
pub(crate) fn cancel_at_once(task: TaskPtr) {
    if may_be_cancelled(task) && !cancel_frame::defers(task, None) {
        stop_waiting(task, None);
    }
}

/// A task that has begun can't be unwound where panics abort.
fn may_be_cancelled(task: TaskPtr) -> bool {
    !(task.has(COMPLETED) || cfg!(panic = "abort") && task.has_begun())
}

fn stop_waiting(task: TaskPtr, from: Option<&CancelFrame>) {
    task.n_cancels.set(task.n_cancels.get() + 1);
    forward::set_standing(task, from);
}

impl CancelFrame {
    /// Requests a cancel of the frame's task, once, and forwards the request to what the task waits for.
    pub(crate) fn request(&self) {
        if self.begin_request() {
            forward::cancel_chain(self.task(), Some(self), None);
            forward::walk_is_over();
        }
    }

    /// As [`request`](Self::request), without forwarding.
    pub(crate) fn request_at_once(&self) {
        if self.begin_request() && !cancel_frame::defers(self.task(), Some(self)) {
            stop_waiting(self.task(), Some(self));
        }
    }

    fn begin_request(&self) -> bool {
        let begins = !self.is_made() && may_be_cancelled(self.task());
        if begins {
            self.set_made();
        }
        begins
    }
}

/// Requests a cancel of a task while all tasks of its loop are cancelled. Each task gets its own request, so this does
/// not follow the chain of tasks that the task waits for.
pub(crate) fn cancel_one_of_all(task: TaskPtr) {
    let is_passed_on = || task.with_awaiting(|what| what.cancel(None)) == Some(true);
    if !task.has(MUST_CANCEL) && !cancel_frame::is_masked(task) && is_passed_on() {
        task.n_cancels.set(task.n_cancels.get() + 1);
        task.set(CANCEL_FORWARDED);
        forward::walk_is_over();
    } else {
        cancel(task, None);
    }
}

/// Whether a cancel was forwarded to what the task has just stopped waiting for. Clears the flag.
pub(crate) fn take_forwarded(task: TaskPtr) -> bool {
    let through = task.has(CANCEL_FORWARDED);
    task.clear(CANCEL_FORWARDED);
    through
}

/// Calls a function. If a cancel of the running task is delivered in the function, as an unwind or as an I/O error,
/// returns the cancel's message as an error; any other unwind continues.
///
/// May suspend if the function does. A task whose cancel was caught continues and is not cancelled. If I/O has returned
/// the cancel as an error, the value of the function is dropped. The task goes on counting the request until
/// [`uncancel`](crate::task::TaskRef::uncancel): a later [`scope`](crate::scope()) that fails delivers the cancel again, as
/// asyncio's TaskGroup does.
///
/// ```
/// let caught = selvedge::run(|| {
///     let task = selvedge::spawn(|| {
///         let caught = selvedge::task::catch_cancelled(|| selvedge::sleep(std::time::Duration::MAX));
///         caught.unwrap_err().message().unwrap().to_owned()
///     });
///     selvedge::yield_now();
///     task.cancel_with("enough");
///     task.join()
/// });
/// assert_eq!(caught.unwrap(), "enough");
/// ```
///
/// # Errors
/// [`Cancelled`], with the message.
///
/// # Panics
/// With any other panic of the function.
pub fn catch_cancelled<T>(f: impl FnOnce() -> T) -> Result<T, Cancelled> {
    let running = || context::current().and_then(|core| core.current());
    // The count of errors restarts, so that it contains only the function's errors.
    let before = running().map(|task| (task.id, task.n_errors.replace(0)));
    let result = catch_unwind(AssertUnwindSafe(f));
    let Some(task) = running() else {
        return result.or_else(|payload| resume_unwind(payload));
    };
    // Another task may have resumed this coroutine.
    let n_before = before.and_then(|(id, n_errors)| (id == task.id).then_some(n_errors));
    let is_caught = match &result {
        Ok(_) => {
            let has_errors = n_before.is_some() && task.n_errors.get() > 0;
            has_errors && cancel_frame::is_returned(task)
        }
        Err(payload) => delivery::may_be_caught(payload, task),
    };
    if is_caught {
        if result.is_ok() {
            cancel_frame::withdraw(task);
        }
        return Err(Cancelled::new(task.message()));
    }
    if task.has(MUST_CANCEL) {
        let n_errors = n_before.unwrap_or(0);
        task.n_errors.update(|n| n.saturating_add(n_errors));
    }
    result.or_else(|payload| resume_unwind(payload))
}
