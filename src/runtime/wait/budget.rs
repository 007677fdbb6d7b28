//! The budget of operations that succeed without waiting, after which a task yields.

use super::{park, task_context};
use crate::runtime::core::context;

/// How many operations without a wait a task may do before it yields.
const N_IMMEDIATE: u32 = 128;

/// Counts an operation that did not wait, and yields when the budget is used up. A long operation costs more than one.
#[inline]
pub(crate) fn consume_budget(cost: u32) {
    let Some(task) = context::current().and_then(|core| core.current()) else {
        return;
    };
    let n = task.n_immediate.get().saturating_add(cost);
    if n < N_IMMEDIATE {
        task.n_immediate.set(n);
    } else {
        reset_and_yield();
    }
}

#[cold]
fn reset_and_yield() {
    if let Ok(here) = task_context() {
        here.task.n_immediate.set(0);
        park::yield_now(here);
    }
}
