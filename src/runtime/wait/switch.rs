//! The switch from the running task to the loop.

#![allow(unsafe_code)]

use crate::coroutine::Hosted;
use crate::runtime::core::{Core, CoreRef, SCHEDULED, TaskBlock, TaskContext, TaskPtr};

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
