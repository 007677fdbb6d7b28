//! The unwind that delivers a cancel to a task.

use std::panic::resume_unwind;

use super::switch::abandon_running;
use crate::coroutine::{MAX_UNWIND_RETRIES, Payload};
use crate::runtime::core::{
    CANCEL_FORWARDED, FORCE_UNWIND, MUST_CANCEL, TaskContext, TaskId, TaskPtr,
};

/// The payload of a cancel.
struct CancelPayload {
    task: TaskId,
    /// The loop closes: the task may not catch this cancel.
    is_final: bool,
}

/// Unwinds the running task with a cancel.
#[cold]
#[inline(never)]
pub(crate) fn raise(here: TaskContext) -> ! {
    let task = here.task;
    task.clear(MUST_CANCEL | CANCEL_FORWARDED);
    abandon_if_stuck(here);
    if cfg!(panic = "abort") {
        // Only a closing loop gets here, and a program whose panics abort can't unwind.
        abandon_running(here);
    }
    resume_unwind(Box::new(CancelPayload {
        task: task.id,
        is_final: task.has(FORCE_UNWIND),
    }))
}

/// Abandons a task that has gone on too often after a forced unwind.
pub(crate) fn abandon_if_stuck(here: TaskContext) {
    let task = here.task;
    if task.has(FORCE_UNWIND) {
        let n = task.n_swallowed.get().saturating_add(1);
        task.n_swallowed.set(n);
        if n > MAX_UNWIND_RETRIES {
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
