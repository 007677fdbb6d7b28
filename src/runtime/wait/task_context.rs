//! [`task_context`]: whether the running code may wait.

use std::thread;

use super::abandon_if_stuck;
use crate::error::WaitError;
use crate::runtime::core::{TaskContext, current};

/// The running task and its loop, if the task may wait now.
#[inline(always)]
pub(crate) fn task_context() -> Result<TaskContext, WaitError> {
    let core = current().ok_or(WaitError::NoLoop)?;
    let task = core.current().ok_or(WaitError::NoTask)?;
    let here = TaskContext { core, task };
    if thread::panicking() {
        if core.is_closing_in_panic.get() {
            abandon_if_stuck(here);
        }
        return Err(WaitError::Panicking);
    }
    Ok(here)
}

/// The same for operations that return no error: panics if the caller can't wait.
#[track_caller]
pub(crate) fn here_or_panic() -> TaskContext {
    match task_context() {
        Ok(here) => here,
        Err(why) => panic!("{}", why.sentence()),
    }
}
