//! The unwind that delivers a cancel to a task.

use std::panic::resume_unwind;

use super::switch::park_forever;
use crate::coroutine::{MAX_UNWIND_RETRIES, Payload};
use crate::runtime::core::block::{CANCEL_FORWARDED, FORCE_UNWIND, MUST_CANCEL, TaskPtr};
use crate::runtime::core::context::TaskContext;
use crate::runtime::core::id::TaskId;

/// The payload of a cancel.
struct CancelPayload {
    task: TaskId,
    /// Its loop closes: nobody may catch this.
    is_final: bool,
}

/// Unwinds the running task.
#[cold]
#[inline(never)]
pub(crate) fn raise(here: TaskContext) -> ! {
    let task = here.task;
    task.clear(MUST_CANCEL | CANCEL_FORWARDED);
    abandon_if_stuck(here);
    if cfg!(panic = "abort") {
        // Only a loop that closes for good gets here, and there is nothing to unwind.
        park_forever(here);
    }
    resume_unwind(Box::new(CancelPayload {
        task: task.id,
        is_final: task.has(FORCE_UNWIND),
    }))
}

/// Leaves a doomed task where it is, for ever, if it has gone on too often.
pub(crate) fn abandon_if_stuck(here: TaskContext) {
    let task = here.task;
    if task.has(FORCE_UNWIND) {
        let n = task.n_swallowed.get().saturating_add(1);
        task.n_swallowed.set(n);
        if n > MAX_UNWIND_RETRIES {
            park_forever(here);
        }
    }
}

/// Whether a payload is a cancel of this task.
pub(crate) fn is_cancel(payload: &Payload, task: TaskPtr) -> bool {
    payload
        .downcast_ref::<CancelPayload>()
        .is_some_and(|cancel| cancel.task == task.id)
}

/// Whether a payload is a cancel of this task that it may catch.
pub(crate) fn may_be_caught(payload: &Payload, task: TaskPtr) -> bool {
    payload
        .downcast_ref::<CancelPayload>()
        .is_some_and(|cancel| cancel.task == task.id && !cancel.is_final)
}

/// Has every further suspension of a task unwind: its loop closes for good.
pub(crate) fn force_unwind(task: TaskPtr) {
    task.set(FORCE_UNWIND);
    task.n_swallowed.set(0);
}
