//! How a wait delivers requests to cancel the running task: [`raise`] unwinds the task, [`io_error`] returns an error, and
//! [`before_wait`] cancels what the task is about to wait for.
//!
//! The payload of an unwind names the task, so only that task's root takes the unwind for a cancel. Other code that
//! catches the payload on the way sees an ordinary panic payload, and should resume it. The unwind starts by
//! `resume_unwind`, so no panic hook runs. An unwind is delivered once: a body that catches it continues, and its next
//! operation works. An error is delivered again by each further I/O that waits, until the request is taken back.

use std::io;
use std::panic::resume_unwind;

use super::forward;
use super::switch::{abandon_running, awaiting};
use crate::coroutine::{InPanic, MAX_UNWIND_RETRIES, OpenFrame, Payload, Unwind, abort_in_unwind};
use crate::error::{Cancelled, Elapsed};
use crate::runtime::core::{
    Awaiting, CANCEL_FORWARDED, FORCE_UNWIND, FrameKind, TaskContext, TaskId, TaskPtr, cancel_frame,
};

/// The number of errors that standing requests return before an I/O wait unwinds.
const MAX_ERRORS: u8 = 8;

/// The payload of a cancel.
struct CancelPayload {
    task: TaskId,
    /// The loop closes: the task may not catch this cancel.
    is_final: bool,
    _noted: Option<InPanic>,
}

/// Unwinds the running task with a cancel.
#[cold]
#[inline(never)]
pub(crate) fn raise(here: TaskContext) -> ! {
    let task = here.task;
    cancel_frame::withdraw(task);
    task.clear(CANCEL_FORWARDED);
    abandon_if_stuck(here);
    if cfg!(panic = "abort") {
        // Only a closing loop reaches this point. A program whose panics abort can't unwind.
        abandon_running(here);
    }
    resume_unwind(Box::new(CancelPayload {
        task: task.id,
        is_final: task.has(FORCE_UNWIND),
        _noted: InPanic::note(Unwind::Task(task.id.0)),
    }))
}

/// The error that an I/O operation returns instead of waiting while a request stands. The code that gets the error may
/// still do I/O that is ready, for example to send a last message.
///
/// Unwinds after too many errors, and when the loop closes.
#[cold]
#[inline(never)]
pub(crate) fn io_error(here: TaskContext) -> io::Error {
    let task = here.task;
    let n_errors = task.n_errors.get();
    if n_errors >= MAX_ERRORS || task.has(FORCE_UNWIND) {
        raise(here);
    }
    task.n_errors.set(n_errors + 1);
    task.n_immediate.set(0);
    match cancel_frame::return_outermost(task) {
        Some(FrameKind::Timeout) => Elapsed.into(),
        _ => Cancelled::new(task.message()).into(),
    }
}

/// Called before a wait while a request stands: cancels the tasks and promises that the wait is for, or else
/// unwinds.
#[cold]
#[inline(never)]
pub(super) fn before_wait(here: TaskContext, what: &dyn Awaiting) {
    let task = here.task;
    let is_forwarded = !task.has(FORCE_UNWIND) && awaiting(task, what, || forward::forward(task));
    if !is_forwarded {
        raise(here);
    }
    cancel_frame::withdraw(task);
    task.set(CANCEL_FORWARDED);
    // Runs destructors. If one abandons the running coroutine, whose frames name the task, the task is abandoned as well.
    // On another library's stack no coroutine can be abandoned.
    let _open = OpenFrame::try_open_for_task();
    forward::walk_is_over();
}

/// Abandons a task that has continued too often after a forced unwind.
pub(crate) fn abandon_if_stuck(here: TaskContext) {
    let task = here.task;
    if task.has(FORCE_UNWIND) {
        let n = task.n_swallowed.get().saturating_add(1);
        task.n_swallowed.set(n);
        if u32::from(n) > MAX_UNWIND_RETRIES {
            if InPanic::has(Unwind::Task(task.id.0)) {
                abort_in_unwind();
            }
            abandon_running(here);
        }
    }
}

/// Whether a payload is a cancel of this task.
pub(crate) fn is_cancel(payload: &Payload, task: TaskPtr) -> bool {
    payload
        .downcast_ref::<CancelPayload>()
        .is_some_and(|cancel| cancel.task == task.id)
}

/// Whether a payload is a cancel of this task that the task may catch.
pub(crate) fn may_be_caught(payload: &Payload, task: TaskPtr) -> bool {
    payload
        .downcast_ref::<CancelPayload>()
        .is_some_and(|cancel| cancel.task == task.id && !cancel.is_final)
}

/// Makes every further suspension of a task unwind, because its loop closes.
pub(crate) fn force_unwind(task: TaskPtr) {
    task.set(FORCE_UNWIND);
    task.n_swallowed.set(0);
}
