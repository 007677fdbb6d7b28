//! Entering a task: the one place that does.

#![allow(unsafe_code)]

use super::context::Core;
use super::park::YIELD;
use super::run_queue::Way;
use super::spawn;
use super::task::{AWAKE, TaskBlock, TaskPtr};
use crate::arch::Parked;
use crate::coroutine::Hosted;

/// Makes a task current and enters it; comes back when it has parked or ended, with the core.
#[inline(always)]
pub(crate) fn dispatch(core: &Core, task: TaskPtr, parked: Parked, way: Way) -> &Core {
    core.set_current(Some(task));
    debug_assert!(task.has(AWAKE));
    // SAFETY: the caller took the task from the run queue, or has just made it: it is parked there.
    let back = unsafe {
        match way {
            Way::Call => Hosted::<TaskBlock>::enter_again(parked),
            Way::Jump => Hosted::<TaskBlock>::enter(parked),
        }
    };
    match back {
        Ok((parked, word)) => {
            // SAFETY: the word is the core's address, and a bit. That core is the same one, which
            // the caller keeps.
            let core = unsafe { &*word.map_addr(|address| address & !YIELD).cast::<Core>() };
            // SAFETY: the loop's core has a current task from a dispatch to the end of it.
            let task = unsafe { core.current().unwrap_unchecked() };
            if word.addr() & YIELD != 0 {
                core.run_queue.push_again(task, parked);
            } else {
                task.parked.set(parked);
            }
            core
        }
        Err(word) => {
            spawn::end(core, task, word);
            core
        }
    }
}
