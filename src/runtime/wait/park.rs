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

use std::convert::Infallible;
use std::io;

use super::delivery;
use super::switch::{YIELD, awaiting, switch};
use crate::coroutine::Hosted;
use crate::runtime::core::{
    Awaiting, FORCE_UNWIND, MUST_CANCEL, NOTIFIED, SCHEDULED, TaskBlock, TaskContext, Turn,
};

/// A parking function: [`park_or_unwind`] or [`park_io`]. May return spuriously: callers check their condition
/// again.
pub(crate) type Park<E> = fn(TaskContext, &dyn Awaiting) -> Result<(), E>;

/// Parks the running task until it is unparked. May return spuriously: callers check their condition again.
///
/// A cancel unwinds from here, before or after the wait, unless what the task waits for can be cancelled instead.
#[inline(always)]
pub(crate) fn park(here: TaskContext, what: &dyn Awaiting) {
    park_unless(here, what, || false);
}

/// As [`park`]. After the wait, no cancel unwinds from here if `has_result` returns true.
#[inline(always)]
pub(crate) fn park_unless(
    here: TaskContext,
    what: &dyn Awaiting,
    has_result: impl FnOnce() -> bool,
) {
    if here.task.has(MUST_CANCEL | FORCE_UNWIND) {
        delivery::before_wait(here, what);
    }
    park_shielded(here, what);
    if here.task.has(MUST_CANCEL | FORCE_UNWIND) && !has_result() {
        delivery::raise(here);
    }
}

/// [`park`] as a [`Park`].
#[inline(always)]
pub(crate) fn park_or_unwind(here: TaskContext, what: &dyn Awaiting) -> Result<(), Infallible> {
    park(here, what);
    Ok(())
}

/// As [`park`], for I/O.
///
/// # Errors
/// If a cancel of the task is pending before or after the wait. A cancel that arrives together with readiness is an
/// error, too: the operation has transferred nothing.
#[inline(always)]
pub(crate) fn park_io(here: TaskContext, what: &dyn Awaiting) -> io::Result<()> {
    if here.task.has(MUST_CANCEL | FORCE_UNWIND) {
        return Err(delivery::io_error(here));
    }
    park_shielded(here, what);
    if here.task.has(MUST_CANCEL | FORCE_UNWIND) {
        return Err(delivery::io_error(here));
    }
    Ok(())
}

/// As [`park`], but never unwinds: a cancel ends the wait like any wake-up, and its request still stands.
pub(crate) fn park_shielded(here: TaskContext, what: &dyn Awaiting) {
    let task = here.task;
    awaiting(task, what, || {
        if task.has(NOTIFIED) {
            task.clear(NOTIFIED);
        } else {
            task.clear(SCHEDULED);
            switch(here.core, task);
        }
    });
}

/// As [`park_shielded`], but unwinds if the loop closes.
pub(crate) fn park_until_close(here: TaskContext, what: &dyn Awaiting) -> Result<(), Infallible> {
    if !here.task.has(FORCE_UNWIND) {
        park_shielded(here, what);
    }
    if here.task.has(FORCE_UNWIND) {
        delivery::raise(here);
    }
    Ok(())
}

/// Moves the running task to the end of the queue, and lets the others run. A cancel unwinds from here.
#[inline(always)]
pub(crate) fn yield_now(here: TaskContext) {
    yield_shielded(here);
    if here.task.has(MUST_CANCEL | FORCE_UNWIND) {
        delivery::raise(here);
    }
}

/// As [`yield_now`], but never unwinds.
#[cold]
#[inline(never)]
pub(crate) fn give_turn(here: TaskContext) {
    yield_shielded(here);
}

/// As [`yield_now`], for I/O that has not begun.
///
/// # Errors
/// If the task has a pending cancel.
pub(crate) fn yield_io(here: TaskContext) -> io::Result<()> {
    yield_shielded(here);
    if here.task.has(MUST_CANCEL | FORCE_UNWIND) {
        return Err(delivery::io_error(here));
    }
    Ok(())
}

/// As [`yield_now`], but never unwinds. Enters the next task directly if the loop has nothing to do in between.
#[inline(always)]
fn yield_shielded(here: TaskContext) {
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
}
