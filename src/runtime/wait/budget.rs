//! The budget of operations that succeed at once, after which a task gives the others a turn.

use super::here::task_context;
use super::park;
use crate::runtime::core::context;

/// How many operations a task may do one after the other before it lets others run.
const N_IMMEDIATE: u32 = 128;

/// Lets others run after so many operations that did not have to wait; one that is longer than usual
/// counts as several.
#[inline]
pub(crate) fn consume_budget(cost: u32) {
    let Some(task) = context::current().and_then(|core| core.current()) else {
        return;
    };
    let n = task.n_immediate.get().saturating_add(cost);
    if n < N_IMMEDIATE {
        task.n_immediate.set(n);
    } else {
        consume_one();
    }
}

#[cold]
fn consume_one() {
    if let Ok(here) = task_context() {
        here.task.n_immediate.set(0);
        park::yield_now(here);
    }
}
