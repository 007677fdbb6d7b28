//! [`ScopedTask`]: the handle of a scope's child.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::{Rc, Weak};

use crate::error::TaskError;
use crate::runtime::core::{Core, DETACHED, Packet, Place, next_task_id};
use crate::runtime::observe::{report_unretrieved, unread_error};
use crate::runtime::task::waitable::{Awaitable, Joinable, WaitSite, Waitable, sealed::Sealed};
use crate::runtime::task::{AnyHandle, Destination, TaskRef, task_methods, wait_done};
use crate::util::fmt::impl_fmt;

/// Handle of a task of a [`Scope`](super::Scope), and of its result.
///
/// It owns nothing: dropping it does not end the task, and forgetting it changes nothing. Before the scope
/// returns, it waits for the task, and drops a result that was not taken. An `Err` in such a result, with the handle
/// dropped, is reported to the loop's exception handler; a task of `spawn_fallible` fails the scope instead.
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
/// [`gather`](crate::gather()) and the other functions that wait for tasks take these as well.
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
    slot: Rc<ResultSlot<T>>,
    packet: Packet<()>,
    core: Weak<Core>,
    scope: PhantomData<&'scope mut &'scope ()>,
}

/// Where a child stores its value. The scope has a share, so that it can drop a value that is left.
pub(super) struct ResultSlot<T>(RefCell<Option<T>>);

impl<T> ResultSlot<T> {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self(RefCell::new(None)))
    }
}

/// A slot for the value, and the place in the task's packet, which records that there is a value.
pub(super) struct InSlot<T>(pub(super) Rc<ResultSlot<T>>, pub(super) Place<()>);

impl<T> Destination<T> for InSlot<T> {
    fn store(&self, body: impl FnOnce() -> Result<T, TaskError>) -> Result<(), TaskError> {
        // The slot is empty: a task ends once.
        *self.0.0.borrow_mut() = Some(body()?);
        self.1.store(|| Ok(()))
    }

    fn look<R>(&self, f: impl FnOnce(&T) -> Option<R>) -> Option<R> {
        self.0.0.borrow().as_ref().and_then(f)
    }

    fn discard(&mut self) {
        self.1.discard();
        self.0.clear();
    }
}

/// Type-erased slot.
pub(super) trait AnyResultSlot {
    /// Drops the value that is left.
    fn clear(&self);
}

impl<T> AnyResultSlot for ResultSlot<T> {
    fn clear(&self) {
        drop(self.0.take());
    }
}

impl<T> ScopedTask<'_, T> {
    pub(super) fn new(slot: Rc<ResultSlot<T>>, packet: Packet<()>, core: Weak<Core>) -> Self {
        Self {
            slot,
            packet,
            core,
            scope: PhantomData,
        }
    }

    /// The handle of a task that was not made, with the reason as its error.
    pub(super) fn refused(error: TaskError) -> Self {
        let packet = Packet::new();
        packet.link().finish(next_task_id(), None, 0);
        packet.fail(error);
        Self::new(ResultSlot::new(), packet, Weak::new())
    }

    /// May suspend: waits until the task is done, and returns what it returned.
    ///
    /// # Errors
    /// As [`Task::join`](crate::Task::join). An error that is not a cancel is an error of the scope as well,
    /// and cancels the closure and the siblings; so it is normally not seen here.
    ///
    /// # Cancellation
    /// As [`Task::join`](crate::Task::join): a cancel is forwarded to the task.
    pub fn join(self) -> Result<T, TaskError> {
        wait_done(self.any_handle())?;
        self.take()
    }

    /// Moves the value out of a task that is done.
    pub(super) fn take(self) -> Result<T, TaskError> {
        match self.packet.error() {
            Some(error) => Err(error.clone()),
            None => self.slot.0.take().ok_or_else(|| {
                TaskError::invalid_state("the scope has ended, and dropped the task's result")
            }),
        }
    }

    /// The error of a task that is done, `None` if it has returned.
    ///
    /// # Errors
    /// If the task is not done, or was cancelled.
    pub fn exception(&self) -> Result<Option<TaskError>, TaskError> {
        self.any_handle().exception()
    }

    task_methods!();

    /// A view of the task without the type of its result. It may outlive the scope.
    #[must_use]
    pub fn task_ref(&self) -> TaskRef {
        self.view()
    }

    /// Drops the handle; the task continues, at most until the scope's end.
    pub fn detach(self) {
        drop(self);
    }
}

impl<T> Sealed for ScopedTask<'_, T> {}

impl<T> Waitable for ScopedTask<'_, T> {
    fn any_handle(&self) -> AnyHandle<'_> {
        self.any_handle()
    }
}

impl<T> Joinable for ScopedTask<'_, T> {
    type Output = T;
    type Handle = Self;

    fn into_handle(self, wait_site: &WaitSite) -> Result<Self, TaskError> {
        wait_site.admit(self)
    }

    fn outcome(task: Self) -> Result<T, TaskError> {
        task.take()
    }

    fn run(self) -> Result<T, TaskError> {
        self.join()
    }
}

impl<T> Awaitable for ScopedTask<'_, T> {}

impl<T> Drop for ScopedTask<'_, T> {
    fn drop(&mut self) {
        match self.packet.link().task() {
            Some(task) => task.set(DETACHED),
            None => {
                let value = self.slot.0.take();
                if let Some(error) = value.as_ref().and_then(unread_error)
                    && !self.packet.link().is_retrieved()
                {
                    report_unretrieved(self.core.upgrade().as_deref(), self.name(), error);
                }
            }
        }
    }
}

impl_fmt!([T] Debug for ScopedTask<'_, T>, |this, f| this.view().fmt(f));
