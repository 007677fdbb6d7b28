//! Parking the running task.
//!
//! | wait for | blocks the task | blocks the thread |
//! |---|---|---|
//! | tasks, promises, time, sockets, files, blocking work in a task | yes | no |
//! | sockets and files with no loop on the thread | | yes |
//! | `std::thread::sleep`, std's locks and files | | yes: the loop stalls |
//!
//! No borrow of the runtime, no lock guard and no address of a thread-local is held across a switch.

#![allow(unsafe_code)]

use std::mem::transmute;
use std::ptr::NonNull;

use super::switch::{YIELD, switch};
use crate::coroutine::Hosted;
use crate::runtime::core::{
    Awaiting, FORCE_UNWIND, MUST_CANCEL, NOTIFIED, SCHEDULED, TaskBlock, TaskContext, Turn,
};
use crate::runtime::wait::unwind;

/// Parks the running task until it is unparked. May return spuriously: callers check their condition again.
///
/// A cancel unwinds from here, before or after the wait.
#[inline(always)]
pub(crate) fn park(here: TaskContext, what: &dyn Awaiting) {
    if here.task.has(MUST_CANCEL | FORCE_UNWIND) {
        unwind::raise(here);
    }
    park_shielded(here, what);
    if here.task.has(MUST_CANCEL | FORCE_UNWIND) {
        unwind::raise(here);
    }
}

/// As [`park`], but nothing unwinds from here: a cancel ends the wait like any wake-up, and stays pending.
pub(crate) fn park_shielded(here: TaskContext, what: &dyn Awaiting) {
    let task = here.task;
    // SAFETY: only the lifetime changes. The pointer is cleared below, before `what` can go: this frame can't be left
    // while the task is parked.
    let pointer = unsafe { transmute::<&dyn Awaiting, &'static dyn Awaiting>(what) };
    task.awaiting.set(Some(NonNull::from(pointer)));
    if task.has(NOTIFIED) {
        task.clear(NOTIFIED);
    } else {
        task.clear(SCHEDULED);
        switch(here.core, task);
    }
    task.awaiting.set(None);
}

/// Moves the running task to the end of the queue, and lets the others run. Enters the next task directly if the loop
/// has nothing to do in between.
#[inline(always)]
pub(crate) fn yield_now(here: TaskContext) {
    let (core, task) = (here.core, here.task);
    match core.run_queue.switch_direct(task) {
        Turn::Task {
            task: next,
            parked,
            save,
        } => {
            debug_assert!(next.has(SCHEDULED));
            core.set_current(Some(next));
            // SAFETY: `task` is the running one, so the loop waits at its link. The queue says where the next one is
            // parked, and takes the position of this one at `save`.
            unsafe { Hosted::<TaskBlock>::transfer(task.0, save, parked) };
        }
        Turn::Loop => {
            let word = core.as_ptr().map_addr(|address| address | YIELD);
            // SAFETY: as in `switch`.
            unsafe { Hosted::<TaskBlock>::park(task.0, word.cast_mut().cast()) };
        }
        Turn::Own => {}
    }
    if task.has(MUST_CANCEL | FORCE_UNWIND) {
        unwind::raise(here);
    }
}
