//! Waiting for a task.

use std::collections::HashSet;
use std::fmt;
use std::rc::Weak;

use super::any_handle::AnyHandle;
use crate::error::TaskError;
use crate::runtime::cancel::request::{self, WaitGraphWalk};
use crate::runtime::core::block::{Awaiting, TaskPtr};
use crate::runtime::core::context::{Core, TaskContext, WaitError};
use crate::runtime::core::packet::AnyPacket;
use crate::runtime::wait::here::task_context;
use crate::runtime::wait::unwind;

const ITSELF: &str = "selvedge: a task can't wait for itself, not even by way of other tasks that wait \
                      for each other, or whose scopes wait for their children";

/// Parks the running task until another is done.
#[inline]
pub(crate) fn wait_done(packet: &AnyPacket, core: &Weak<Core>) -> Result<(), TaskError> {
    match packet.link().task() {
        Some(task) => wait_for_end(packet, core, task),
        None => Ok(()),
    }
}

fn wait_for_end(packet: &AnyPacket, core: &Weak<Core>, task: TaskPtr) -> Result<(), TaskError> {
    let here = task_context().map_err(|why| TaskError::misuse(why.sentence()))?;
    check(here, task, core)?;
    let what = Joining(packet);
    let is_done = || packet.link().task().is_none();
    while !is_done() {
        task.waiters.wait(here, &what, is_done);
    }
    if request::was_forwarded(here.task) && packet.error().is_some_and(TaskError::is_cancelled) {
        packet.link().set_retrieved();
        unwind::raise(here);
    }
    Ok(())
}

/// Whether the running task may wait for another.
fn check(here: TaskContext, task: TaskPtr, core: &Weak<Core>) -> Result<(), TaskError> {
    if !std::ptr::eq(core.as_ptr(), &raw const *here.core) {
        return Err(TaskError::misuse(
            "selvedge: this task belongs to another event loop; send its result over by a channel, \
             or spawn it by spawn_threadsafe, whose handle any loop can join",
        ));
    }
    if is_circle(here, task) {
        return Err(TaskError::misuse(ITSELF));
    }
    Ok(())
}

/// Whether a wait ends without something that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It does not: whoever waits for it in a circle waits for ever.
    All,
    /// It may.
    OneOfMany,
}

/// Whether something may be waited for in a place; what is done may be anywhere.
pub(crate) fn admit(
    here: Result<TaskContext, WaitError>,
    any_handle: AnyHandle<'_>,
    need: Need,
) -> Result<(), TaskError> {
    if any_handle.is_done() {
        return Ok(());
    }
    let here = here.map_err(|why| TaskError::misuse(why.sentence()))?;
    if !any_handle.is_of(&here.core) {
        return Err(TaskError::misuse(
            "selvedge: this task or promise belongs to another event loop; send the result over by \
             a channel, or spawn the task by spawn_threadsafe, whose handle any loop can join",
        ));
    }
    match any_handle.as_task() {
        Some(task) if task == here.task => Err(TaskError::misuse(ITSELF)),
        Some(task) if need == Need::All && is_circle(here, task) => Err(TaskError::misuse(ITSELF)),
        _ => Ok(()),
    }
}

/// Whether the running task would wait for itself if it waited for another.
fn is_circle(here: TaskContext, task: TaskPtr) -> bool {
    // Nobody can be in a circle for whom nobody waits; that keeps long chains cheap.
    if here.task.waiters.is_empty() && here.task.scope.get().is_none() {
        return task == here.task;
    }
    if task.awaiting.get().is_none() {
        return task == here.task || task.is_host_of(here.task);
    }
    // Each is followed once: a scope's children may wait for each other, and the scope for all.
    let mut seen = HashSet::new();
    let mut trail = WaitGraphWalk::from(task);
    while let Some(task) = trail.next() {
        if task == here.task || task.is_host_of(here.task) {
            return true;
        }
        if trail.is_chain() || seen.insert(task.id) {
            trail.follow(task);
        }
    }
    false
}

/// Waiting for a task.
struct Joining<'a>(&'a AnyPacket);

impl Awaiting for Joining<'_> {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the task {}", self.0.link().name())
    }

    fn tasks(&self, visit: &mut dyn FnMut(TaskPtr)) {
        if let Some(task) = self.0.link().task() {
            visit(task);
        }
    }

    fn cancel(&self, _: Option<&str>) -> bool {
        self.0.link().task().is_some()
    }
}
