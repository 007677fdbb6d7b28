//! Making a parked task runnable.

#![allow(unsafe_code)]

use super::block::{COMPLETED, NOTIFIED, SCHEDULED, TaskPtr};

/// Makes a parked task runnable. One that runs, or will, comes back at once the next time that it
/// parks; one that is over is left as it is.
#[inline(always)]
pub(crate) fn unpark(task: TaskPtr) {
    if task.has(SCHEDULED) {
        task.set(NOTIFIED);
    } else if !task.has(COMPLETED) {
        task.set(SCHEDULED);
        // SAFETY: a task that is not over has a living loop.
        let core = unsafe { task.core.as_ref() };
        core.run_queue.push_task(task, task.parked.get());
    }
}
