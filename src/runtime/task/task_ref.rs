//! [`TaskRef`]: a handle of a task without the type of its result.

#![allow(unsafe_code)]

use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Weak;

use super::methods::task_methods;
use crate::runtime::core::{AnyPacket, Core, TaskPtr};

/// Handle of a task that does not know the type of its result, and owns nothing.
#[derive(Clone)]
pub struct TaskRef {
    packet: AnyPacket,
    core: Weak<Core>,
}

impl TaskRef {
    pub(crate) fn new(packet: AnyPacket, core: Weak<Core>) -> Self {
        Self { packet, core }
    }

    /// The view of a task that is not done.
    pub(crate) fn of(task: TaskPtr) -> Option<Self> {
        let packet = task.packet.take()?;
        let view = packet.clone();
        task.packet.set(Some(packet));
        // SAFETY: the loop of a task that is not done is alive.
        let core = unsafe { task.core.as_ref() }.weak();
        Some(Self { packet: view, core })
    }

    task_methods!();
}

impl PartialEq for TaskRef {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for TaskRef {}

impl Hash for TaskRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl fmt::Debug for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Task");
        debug.field("name", &format_args!("{}", self.name()));
        match self.packet.link().task() {
            Some(task) => {
                debug.field("waits_for", &format_args!("{}", task.waits_for()));
            }
            None => {
                debug.field("is_done", &true);
                if let Some(error) = self.packet.error() {
                    debug.field("error", error);
                }
            }
        }
        debug.finish_non_exhaustive()
    }
}
