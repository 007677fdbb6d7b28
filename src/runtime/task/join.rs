//! Waiting for one task or promise: whether the running task may, and the wait.

use std::fmt;

use super::AnyHandle;
use crate::error::TaskError;
use crate::error::WaitError;
use crate::runtime::core::{Awaiting, TaskContext, TaskPtr, WaitList};
use crate::runtime::first::Source;
use crate::runtime::wait::WaitGraphWalk;
use crate::runtime::wait::{consume_budget, task_context};

const ITSELF: &str = "selvedge: a task can't wait for itself, not even by way of other tasks that wait \
                      for each other, or whose scopes wait for their children";

/// Parks the running task until a task or promise is done.
#[inline]
pub(crate) fn wait_done(handle: AnyHandle<'_>) -> Result<(), TaskError> {
    match handle.is_done() {
        true => {
            consume_budget(1);
            Ok(())
        }
        false => wait_pending(handle),
    }
}

fn wait_pending(handle: AnyHandle<'_>) -> Result<(), TaskError> {
    let here = task_context();
    admit(here, handle, Need::All)?;
    let here = here.map_err(refuse)?;
    handle.wait(here, || false);
    handle.unwind_if_forwarded(here);
    Ok(())
}

fn refuse(why: WaitError) -> TaskError {
    TaskError::misuse(why.sentence())
}

/// Whether a wait needs the end of each of its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Yes: in a circle of tasks it would never end.
    All,
    /// No: one of many is enough.
    OneOfMany,
}

/// Checks that the running task may wait for a task or promise. One that is done is admitted anywhere.
pub(crate) fn admit(
    here: Result<TaskContext, WaitError>,
    handle: AnyHandle<'_>,
    need: Need,
) -> Result<(), TaskError> {
    if handle.is_done() {
        return Ok(());
    }
    let here = here.map_err(refuse)?;
    if !handle.is_of(&here.core) {
        return Err(TaskError::misuse(
            "selvedge: this task or promise belongs to another event loop; send the result over by \
             a channel, or spawn the task by spawn_threadsafe, whose handle any loop can join",
        ));
    }
    match handle.as_task() {
        Some(task) if task == here.task => Err(TaskError::misuse(ITSELF)),
        Some(task) if need == Need::All && is_circle(here, task) => Err(TaskError::misuse(ITSELF)),
        _ => Ok(()),
    }
}

/// Whether the running task would wait for itself if it waited for another.
fn is_circle(here: TaskContext, task: TaskPtr) -> bool {
    // A task for which no other waits is in no circle; this test keeps long chains cheap.
    if here.task.waiters.is_empty() && here.task.scope.get().is_none() {
        return task == here.task;
    }
    if task.awaiting.get().is_none() {
        return task == here.task || task.is_host_of(here.task);
    }
    WaitGraphWalk::from(task).reaches(|task| task == here.task || task.is_host_of(here.task))
}

/// The wait for the end of a task or promise, among other waits.
impl Source for AnyHandle<'_> {
    type Output = ();

    fn try_now(&self) -> Option<()> {
        self.is_done().then_some(())
    }

    fn check(&self, here: TaskContext) {
        if let Err(error) = admit(Ok(here), *self, Need::OneOfMany) {
            panic!("{error}");
        }
    }

    fn with_list(&self, f: impl FnOnce(&WaitList)) {
        self.with_waiters(f);
    }

    fn finish(&self, _is_handed: bool) {}

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Awaiting::describe(self, f)
    }
}
