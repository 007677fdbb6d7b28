//! [`ScopedTask`]: the handle to a scope's child.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::rc::{Rc, Weak};

use crate::error::TaskError;
use crate::runtime::core::block::DETACHED;
use crate::runtime::core::context::Core;
use crate::runtime::core::id::next_task_id;
use crate::runtime::core::id::{CallbackId, TaskId};
use crate::runtime::core::packet::Packet;
use crate::runtime::task::any_handle::AnyHandle;
use crate::runtime::task::into_task::{self, Joinable};
use crate::runtime::task::join::wait_done;
use crate::runtime::task::task_ref::TaskRef;
use crate::runtime::task::waitable::{self, Awaitable, WaitSite, Waitable};

/// A task of a [`Scope`](super::Scope), and its result.
///
/// It owns nothing: dropping it lets the task go on, and forgetting it changes nothing. The scope waits
/// for the task, and drops a result that nobody has taken, before it returns.
///
/// ```
/// let words = ["warp", "weft"];
/// let lengths = selvedge::run(|| {
///     selvedge::scope(|s| {
///         let tasks = words.each_ref().map(|word| s.spawn(|| word.len()));
///         tasks.map(|task| task.join().unwrap())
///     })
/// });
/// assert_eq!(lengths.unwrap(), [4, 4]);
/// ```
///
/// [`gather`](crate::gather()) and whatever else waits for tasks takes these as well.
///
/// ```
/// # let words = ["warp", "weft"];
/// # selvedge::run(|| {
/// let lengths = selvedge::scope(|s| {
///     selvedge::gather(words.each_ref().map(|word| s.spawn(|| word.len())))
/// });
/// assert_eq!(lengths.unwrap().unwrap(), [4, 4]);
/// # });
/// ```
pub struct ScopedTask<'scope, T> {
    slot: Rc<Slot<T>>,
    packet: Packet<()>,
    core: Weak<Core>,
    scope: PhantomData<&'scope mut &'scope ()>,
}

/// Where a child leaves its value. The scope has a share, so that it can drop what is left there.
pub(super) struct Slot<T>(Cell<Option<T>>);

impl<T> Slot<T> {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self(Cell::new(None)))
    }

    /// Puts the value in. The slot is empty: a task ends once.
    pub(super) fn put(&self, value: T) {
        self.0.set(Some(value));
    }
}

/// A slot, whatever is in it.
pub(super) trait AnySlot {
    /// Drops what is in it.
    fn clear(&self);
}

impl<T> AnySlot for Slot<T> {
    fn clear(&self) {
        drop(self.0.take());
    }
}

impl<T> ScopedTask<'_, T> {
    pub(super) fn new(slot: Rc<Slot<T>>, packet: Packet<()>, core: Weak<Core>) -> Self {
        Self {
            slot,
            packet,
            core,
            scope: PhantomData,
        }
    }

    /// The handle of a task that was not made.
    pub(super) fn refused(error: TaskError) -> Self {
        let packet = Packet::new();
        packet.link().finish(next_task_id(), None);
        packet.put(Err(error));
        Self::new(Slot::new(), packet, Weak::new())
    }

    /// May suspend: waits until the task is done, and returns what it returned.
    ///
    /// # Errors
    /// As [`Task::join`](crate::Task::join). An error is one of the scope's as well, unless it is a
    /// cancel; and as it cancels the body and the siblings, none of them normally gets to see it here.
    ///
    /// # Cancellation
    /// As [`Task::join`](crate::Task::join): a cancel is passed on to the task.
    pub fn join(self) -> Result<T, TaskError> {
        wait_done(&self.packet, &self.core)?;
        self.take()
    }

    /// What a task that is done has returned.
    pub(super) fn take(self) -> Result<T, TaskError> {
        match self.packet.error() {
            Some(error) => Err(error.clone()),
            None => self.slot.0.take().ok_or_else(|| {
                TaskError::invalid_state("the scope has ended, and dropped the task's result")
            }),
        }
    }

    /// Asks the task to end, without a message: see [`Task::cancel_with`](crate::Task::cancel_with).
    /// The scope does not count that as a failure.
    pub fn cancel(&self) -> bool {
        self.task_ref().cancel()
    }

    /// Asks the task to end, with a message: see [`Task::cancel_with`](crate::Task::cancel_with).
    pub fn cancel_with(&self, message: impl Into<String>) -> bool {
        self.task_ref().cancel_with(message)
    }

    /// How many requests to cancel it has that were not taken back.
    #[must_use]
    pub fn cancelling(&self) -> u32 {
        self.task_ref().cancelling()
    }

    /// Takes a request to cancel back: see [`Task::uncancel`](crate::Task::uncancel).
    pub fn uncancel(&self) -> u32 {
        self.task_ref().uncancel()
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

    /// The error of a task that is done, `None` if it has returned.
    ///
    /// # Errors
    /// That it is not done, or was cancelled.
    pub fn exception(&self) -> Result<Option<TaskError>, TaskError> {
        match self.packet.error() {
            _ if !self.is_done() => Err(TaskError::invalid_state(
                "the task is not done, so it has no result yet; join waits for it",
            )),
            Some(error) if error.is_cancelled() => Err(error.clone()),
            error => Ok(error.cloned()),
        }
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

    /// A view of the task without its result. It may outlive the scope.
    #[must_use]
    pub fn task_ref(&self) -> TaskRef {
        TaskRef::new(self.packet.erase(), self.core.clone())
    }

    /// Lets the task go on by itself, until the scope's end.
    pub fn detach(self) {
        drop(self);
    }
}

impl<T> waitable::sealed::Sealed for ScopedTask<'_, T> {}

impl<T> Waitable for ScopedTask<'_, T> {
    fn any_handle(&self) -> AnyHandle<'_> {
        AnyHandle::task(&self.packet, &self.core)
    }

    fn when_done(&self, f: Box<dyn FnOnce()>) -> CallbackId {
        self.task_ref().add_done_callback(|_| f())
    }

    fn forget(&self, callback: CallbackId) {
        self.task_ref().remove_done_callback(callback);
    }
}

impl<T> into_task::sealed::Sealed for ScopedTask<'_, T> {}

impl<T> Joinable for ScopedTask<'_, T> {
    type Output = T;
    type Handle = Self;

    fn into_handle(self, _: &WaitSite) -> Result<Self, TaskError> {
        Ok(self)
    }

    fn outcome(task: Self) -> Result<T, TaskError> {
        task.take()
    }
}

impl<T> Awaitable for ScopedTask<'_, T> {
    fn shared_outcome(task: Self) -> Result<T, TaskError> {
        task.take()
    }
}

impl<T> Drop for ScopedTask<'_, T> {
    fn drop(&mut self) {
        match self.packet.link().task() {
            Some(task) => task.set(DETACHED),
            None => self.slot.clear(),
        }
    }
}

impl<T> fmt::Debug for ScopedTask<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.task_ref().fmt(f)
    }
}
