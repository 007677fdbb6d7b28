//! Entering tasks, and handling their return to the loop.

#![allow(unsafe_code)]

use super::end::clean_up;
use crate::arch::Parked;
use crate::coroutine::Hosted;
use crate::runtime::core::{Core, SCHEDULED, TaskBlock, TaskPtr};
use crate::runtime::wait::YIELD;

/// Makes a task current and enters it. Returns the core when a task has left for the loop: this one, or
/// another that was entered from it by a direct switch.
#[inline(always)]
pub(crate) fn dispatch(core: &Core, task: TaskPtr, parked: Parked) -> &Core {
    let (core, task, left) = enter(core, task, parked);
    match left {
        Left::Yielded(parked) => core.run_queue.requeue(task, parked),
        Left::Parked => core.run_queue.remove_current(),
    }
    core
}

/// Makes a task current that is not the queue's next one and enters it. Returns when the task has
/// yielded, parked or ended.
pub(crate) fn dispatch_now(core: &Core, task: TaskPtr) {
    core.run_queue.disable_direct();
    // The caller may be a task, possibly a hidden one; that state is restored even if the entered task is
    // abandoned together with guards of its own.
    let before = core.entered();
    let (_, task, left) = enter(core, task, task.parked.get());
    core.set_entered(before);
    if let Left::Yielded(parked) = left {
        core.run_queue.push_task(task, parked);
    }
}

/// How a task has left for the loop.
enum Left {
    /// It gave the other tasks a turn, and is parked at this address.
    Yielded(Parked),
    /// It waits to be woken, or has ended.
    Parked,
}

/// Makes a task current and enters it; returns the core and the task that left for the loop.
#[inline(always)]
fn enter(core: &Core, task: TaskPtr, parked: Parked) -> (&Core, TaskPtr, Left) {
    core.set_current(Some(task));
    debug_assert!(task.has(SCHEDULED));
    // SAFETY: the caller took the task from the run queue, or has just made it: it is parked there.
    match unsafe { Hosted::<TaskBlock>::enter(parked) } {
        Ok((parked, word)) => {
            // SAFETY: the word is the core's address, and a bit. That core is the same one, which
            // the caller keeps.
            let core = unsafe { &*word.map_addr(|address| address & !YIELD).cast::<Core>() };
            // SAFETY: the loop's core has a current task from a dispatch to the end of it.
            let task = unsafe { core.current().unwrap_unchecked() };
            if word.addr() & YIELD != 0 {
                return (core, task, Left::Yielded(parked));
            }
            task.parked.set(parked);
            (core, task, Left::Parked)
        }
        Err(word) => {
            let task = core.take_entered().unwrap_or(task);
            clean_up(core, task, word);
            (core, task, Left::Parked)
        }
    }
}
