//! Making a parked task runnable.

#![allow(unsafe_code)]

use super::{COMPLETED, NOTIFIED, RUNNABLE, SCHEDULED, TaskPtr};

/// Makes a parked task runnable. A task that runs, or is queued, returns from its next park at once. A task that has
/// ended is left alone.
#[inline(always)]
pub(crate) fn unpark(task: TaskPtr) {
    if task.has(SCHEDULED) {
        task.set(NOTIFIED);
    } else if !task.has(COMPLETED) {
        task.set(RUNNABLE);
        // SAFETY: a task that has not ended has a living loop.
        let core = unsafe { task.core.as_ref() };
        core.run_queue.push_task(task, task.parked.get());
    }
}
