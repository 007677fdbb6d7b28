//! The switch from the running task to the loop, and the record of what the task waits for
//! meanwhile.

#![allow(unsafe_code)]

use std::mem::transmute;
use std::ptr::NonNull;

use crate::coroutine::Hosted;
use crate::runtime::core::{Awaiting, Core, CoreRef, SCHEDULED, TaskBlock, TaskContext, TaskPtr};

/// A bit of the word that a task passes to the loop: the task yields, and wants to run again.
pub(crate) const YIELD: usize = 1;

const _: () = assert!(align_of::<Core>() > YIELD);

/// Switches from the running task to the loop; returns when the loop enters the task again.
///
/// The switch carries the address of the loop's core in a register. Otherwise the loop would have to load the
/// address from its own stack before it can find the next task (40% of a yield between two tasks, benches/yield.rs).
#[inline(always)]
pub(crate) fn switch(core: CoreRef, task: TaskPtr) {
    let word = core.as_ptr();
    // SAFETY: `task` is the running one, so the loop entered it and waits.
    unsafe { Hosted::<TaskBlock>::park(task.0, word.cast_mut().cast()) };
}

/// Abandons the running task, which can't be ended: control never returns, and its stack is never given back.
pub(crate) fn abandon_running(here: TaskContext) -> ! {
    loop {
        here.task.clear(SCHEDULED);
        switch(here.core, here.task);
    }
}

/// Calls a function while the task's block records what the task waits for. The function does not
/// unwind.
#[inline(always)]
pub(super) fn awaiting<R>(task: TaskPtr, what: &dyn Awaiting, f: impl FnOnce() -> R) -> R {
    // SAFETY: only the lifetime changes. The pointer is cleared below, before `what` can be freed: this frame can't
    // be left while the task is parked.
    let pointer = unsafe { transmute::<&dyn Awaiting, &'static dyn Awaiting>(what) };
    task.awaiting.set(Some(NonNull::from(pointer)));
    let result = f();
    task.awaiting.set(None);
    result
}
