//! The switch from the running task to the loop.

#![allow(unsafe_code)]

use crate::coroutine::Hosted;
use crate::runtime::core::block::{SCHEDULED, TaskBlock, TaskPtr};
use crate::runtime::core::context::{Core, CoreRef, TaskContext};

/// The bit of the word by which a task leaves that asks for its next turn.
pub(crate) const YIELD: usize = 1;

const _: () = assert!(align_of::<Core>() > YIELD);

/// Leaves the running task for the loop; comes back when the loop enters it again.
///
/// The loop gets its core's address with the switch, because it would otherwise have to wait for its
/// own stack to learn who runs next (benches/yield.rs: 40% of a yield among two).
#[inline(always)]
pub(crate) fn switch(core: CoreRef, task: TaskPtr) {
    let word = core.as_ptr();
    // SAFETY: `task` is the running one, so the loop entered it and waits.
    unsafe { Hosted::<TaskBlock>::park(task.0, word.cast_mut().cast()) };
}

/// Leaves the running task for good: it can't be ended, so its stack is never given back.
pub(crate) fn park_forever(here: TaskContext) -> ! {
    loop {
        here.task.clear(SCHEDULED);
        switch(here.core, here.task);
    }
}
