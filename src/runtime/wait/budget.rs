//! The budget of operations that succeed without waiting, after which a task yields.

use std::io;

use super::{delivery, park, task_context};
use crate::runtime::core::{MUST_CANCEL, TaskContext, context};

/// How many operations without a wait a task may do before it yields.
const N_IMMEDIATE: u8 = 128;

/// Counts an operation that did not wait, and yields when the budget is used up. A long operation costs more than one.
///
/// A cancel unwinds from here.
#[inline]
pub(crate) fn consume_budget(cost: u8) {
    if is_used_up(cost)
        && let Ok(here) = task_context()
    {
        here.task.n_immediate.set(0);
        park::yield_now(here);
    }
}

/// As [`consume_budget`], for I/O that has not begun.
///
/// # Errors
/// If the budget is used up, and the task has a pending cancel or the deadline of its I/O has
/// passed.
#[inline]
pub(crate) fn consume_io_budget(cost: u8) -> io::Result<()> {
    match is_used_up(cost) {
        true => task_context().map_or(Ok(()), yield_io),
        false => Ok(()),
    }
}

#[inline]
fn is_used_up(cost: u8) -> bool {
    let Some(task) = context::current().and_then(|core| core.current()) else {
        return false;
    };
    let n = task.n_immediate.get().saturating_add(cost);
    task.n_immediate.set(n);
    n >= N_IMMEDIATE
}

/// Gives the other tasks a turn before I/O begins.
///
/// # Errors
/// If the task has a pending cancel, or the deadline of its I/O has passed.
#[cold]
pub(crate) fn yield_io(here: TaskContext) -> io::Result<()> {
    here.task.n_immediate.set(0);
    park::yield_io(here)?;
    if is_deadline_over(here) {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(())
}

/// Whether I/O that waits fails at once, because the running task has a pending cancel or the deadline of its I/O
/// has passed.
pub(crate) fn is_io_ending() -> bool {
    task_context().is_ok_and(|here| here.task.has(MUST_CANCEL) || is_deadline_over(here))
}

/// The error of I/O that [ends](is_io_ending).
pub(crate) fn io_end(here: TaskContext) -> io::Error {
    if here.task.has(MUST_CANCEL) {
        return delivery::io_error(here);
    }
    io::ErrorKind::TimedOut.into()
}

fn is_deadline_over(here: TaskContext) -> bool {
    let deadline = here.task.io_deadline();
    deadline.is_some_and(|deadline| deadline <= here.core.clock.now())
}
