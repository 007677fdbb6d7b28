//! Parking the running task and making a parked one runnable.
//!
//! | waits for | blocks the task | blocks the thread |
//! |---|---|---|
//! | tasks, promises, time, sockets in a task | yes | no |
//! | sockets with no loop on the thread | | yes |
//! | `std::thread::sleep`, std's locks and files | | yes: the loop stalls |
//!
//! No borrow of the runtime's, no lock guard and no address of a thread-local is held across a
//! switch.

#![allow(unsafe_code)]

use std::mem::transmute;
use std::ptr::NonNull;

use super::cancel;
use super::context::Here;
use super::task::{Awaiting, DOOMED, MUST_CANCEL, OVER, QUEUED, RUNNING, TaskBlock, TaskPtr};
use crate::coroutine::Hosted;

/// Parks the running task until somebody unparks it. It may come back without its condition
/// being met: callers look again.
///
/// A cancel unwinds from here, before or after the wait.
pub(crate) fn park(here: Here, what: &dyn Awaiting) {
    let task = here.task;
    if task.has(MUST_CANCEL | DOOMED) {
        cancel::raise(task);
    }
    // SAFETY: only the lifetime is changed. The pointer is taken back below, before `what` can go:
    // this frame can't be left while the task is parked.
    let pointer = unsafe { transmute::<&dyn Awaiting, &'static dyn Awaiting>(what) };
    task.awaiting.set(Some(NonNull::from(pointer)));
    switch(task);
    task.awaiting.set(None);
    if task.has(MUST_CANCEL | DOOMED) {
        cancel::raise(task);
    }
}

/// Lets the others run: the running task goes to the end of the queue.
#[inline(always)]
pub(crate) fn yield_now(here: Here) {
    here.task.exchange(RUNNING, QUEUED);
    // SAFETY: it is the running task, so the loop entered it and waits.
    unsafe { Hosted::<TaskBlock>::park(here.task.0) };
    if here.task.has(MUST_CANCEL | DOOMED) {
        cancel::raise(here.task);
    }
}

/// Makes a task runnable. One that runs comes back at once from its next suspension; one that is
/// runnable already, or over, is left as it is.
#[inline(always)]
pub(crate) fn unpark(task: TaskPtr) {
    if task.has(QUEUED | OVER) {
        return;
    }
    task.set(QUEUED);
    // Of one that runs nobody knows yet where it will be parked: its dispatch queues it.
    if !task.has(RUNNING) {
        // SAFETY: a task that is not over has a living loop.
        let core = unsafe { task.core.as_ref() };
        core.run_queue.push_task(task, task.parked.get());
    }
}

/// Leaves the running task for good: it can't be ended, so its stack is never given back.
pub(crate) fn park_for_ever(task: TaskPtr) -> ! {
    loop {
        switch(task);
    }
}

/// Leaves the running task for the loop; comes back when the loop enters it again.
#[inline(always)]
fn switch(task: TaskPtr) {
    task.clear(RUNNING);
    // SAFETY: `task` is the running one, so the loop entered it and waits.
    unsafe { Hosted::<TaskBlock>::park(task.0) };
}
