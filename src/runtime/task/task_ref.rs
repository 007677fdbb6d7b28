//! [`TaskRef`]: a task whatever the type of its result.

#![allow(unsafe_code)]

use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::Location;
use std::rc::Weak;

use super::any_handle::AnyHandle;
use super::late_callbacks;
use crate::error::TaskError;
use crate::runtime::cancel::request;
use crate::runtime::core::block::TaskPtr;
use crate::runtime::core::callback::Callback;
use crate::runtime::core::context::Core;
use crate::runtime::core::id::{CallbackId, TaskId, next_in_turn};
use crate::runtime::core::packet::AnyPacket;
use crate::runtime::core::task_stack::TaskStack;

/// A view of a task that does not know the type of its result.
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
        // SAFETY: a task that is not done has a living loop.
        let core = unsafe { task.core.as_ref() }.weak();
        Some(Self { packet: view, core })
    }

    /// Asks the task to end: see [`Task::cancel_with`](crate::Task::cancel_with).
    pub fn cancel(&self) -> bool {
        let task = self.packet.link().task();
        task.is_some_and(|task| request::cancel(task, None))
    }

    /// Asks the task to end, with a message: see [`Task::cancel_with`](crate::Task::cancel_with).
    pub fn cancel_with(&self, message: impl Into<String>) -> bool {
        // Somebody's code, in which the task may end.
        let message = message.into();
        let task = self.packet.link().task();
        task.is_some_and(|task| request::cancel(task, Some(&message)))
    }

    /// How many requests to cancel it has that were not taken back.
    #[must_use]
    pub fn cancelling(&self) -> u32 {
        let task = self.packet.link().task();
        task.map_or(0, request::n_requests)
    }

    /// Takes a request to cancel back: see [`Task::uncancel`](crate::Task::uncancel).
    pub fn uncancel(&self) -> u32 {
        self.packet.link().task().map_or(0, request::take_back)
    }

    /// Whether it has ended, in whatever way.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.packet.link().task().is_none()
    }

    /// Whether it has ended by a cancel.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.packet.error().is_some_and(TaskError::is_cancelled)
    }

    /// Its name: `Task-N` unless it was given another.
    #[must_use]
    pub fn name(&self) -> String {
        self.packet.link().name()
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.packet.link().id()
    }

    /// Where the task stands, and what it waits for: see [`Task::get_stack`](crate::Task::get_stack).
    #[must_use]
    pub fn get_stack(&self) -> TaskStack {
        TaskStack::of(&self.packet)
    }

    /// Prints where the task stands to standard error: see [`Task::print_stack`](crate::Task::print_stack).
    pub fn print_stack(&self) {
        self.get_stack().print();
    }

    /// Has a function called when the task is done: see [`Task::add_done_callback`](crate::Task::add_done_callback).
    #[track_caller]
    pub fn add_done_callback(&self, f: impl FnOnce(&Self) + 'static) -> CallbackId {
        let site = Location::caller();
        let view = self.clone();
        let function = Box::new(move || f(&view));
        match self.packet.link().task() {
            Some(task) => {
                let callback = Callback::new(function, site);
                task.with_extras(|extras| extras.add_callback(callback))
            }
            None => {
                late_callbacks::offer(&self.core, function, site);
                CallbackId(next_in_turn())
            }
        }
    }

    /// Takes a callback back; false if it is not there (any more).
    pub fn remove_done_callback(&self, id: CallbackId) -> bool {
        let Some(task) = self.packet.link().task() else {
            return false;
        };
        let removed = task.with_extras(|extras| {
            let index = extras.callbacks.iter().position(|entry| entry.0 == id)?;
            Some(extras.callbacks.remove(index))
        });
        // What it captured goes when nothing is borrowed.
        removed.is_some()
    }

    /// Takes all callbacks back; answers how many there were.
    pub fn clear_done_callbacks(&self) -> usize {
        let Some(task) = self.packet.link().task() else {
            return 0;
        };
        let removed = task.with_extras(|extras| std::mem::take(&mut extras.callbacks));
        removed.len()
    }

    pub(crate) fn as_any_handle(&self) -> AnyHandle<'_> {
        AnyHandle::task(&self.packet, &self.core)
    }
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
