//! [`Task`]: the handle that owns a task's result.

#![allow(unsafe_code)]

use std::rc::Weak;

use super::methods::task_methods;
use super::{TaskRef, not_done, wait_done};
use crate::error::TaskError;
use crate::runtime::core::{Core, DETACHED, Packet};
use crate::runtime::observe::{report_unretrieved, unread_result};
use crate::util::fmt::impl_fmt;

/// Owning handle of a spawned task and of its result.
///
/// Dropping the handle detaches the task, which continues. The loop's exception handler then gets an error of the task
/// that no code has retrieved: a panic, an error of `spawn_fallible`, and an `Err` in the value that the task
/// returned.
///
/// ```
/// use std::time::Duration;
///
/// let sum = selvedge::run(|| {
///     let slow = selvedge::spawn(|| {
///         selvedge::sleep(Duration::from_millis(2));
///         40
///     });
///     let fast = selvedge::spawn(|| 2);
///     Ok::<_, selvedge::TaskError>(slow.join()? + fast.join()?)
/// });
/// assert_eq!(sum.unwrap(), 42);
/// ```
#[must_use = "dropping a task detaches it; write `.detach()` if that is meant"]
pub struct Task<T: 'static> {
    packet: Packet<T>,
    core: Weak<Core>,
}

impl<T> Task<T> {
    pub(crate) fn new(packet: Packet<T>, core: Weak<Core>) -> Self {
        Self { packet, core }
    }

    /// May suspend: waits until the task is done, and returns what it returned.
    ///
    /// # Errors
    /// The task's panic or, if it was made by `spawn_fallible`, its error; a cancel of the task; that the
    /// task can't be waited for here: outside of a task, in a task for which it waits itself, on another
    /// loop. In the last three cases the task continues.
    ///
    /// # Cancellation
    /// A cancel of the waiting task is forwarded to this one. When this one ends, the waiting task is
    /// unwound, unless this one caught the cancel and returned a value, which `join` then returns.
    pub fn join(self) -> Result<T, TaskError> {
        wait_done(self.any_handle())?;
        self.into_result()
    }

    /// The result of a task that is done.
    ///
    /// # Errors
    /// As [`join`](Self::join); that the task is not done.
    pub fn result(&self) -> Result<T, TaskError>
    where
        T: Clone,
    {
        self.with_result(|result| result.cloned().map_err(Clone::clone))?
    }

    /// Calls a function with the result of a task that is done.
    ///
    /// # Errors
    /// If the task is not done.
    pub fn with_result<R>(
        &self,
        f: impl FnOnce(Result<&T, &TaskError>) -> R,
    ) -> Result<R, TaskError> {
        let outcome = self.packet.outcome().ok_or_else(not_done)?;
        self.packet.link().set_retrieved();
        Ok(f(outcome))
    }

    /// The error of a task that is done, `None` if it has returned: an `Err` in its value still counts as unread.
    ///
    /// # Errors
    /// If the task is not done, or was cancelled.
    pub fn exception(&self) -> Result<Option<TaskError>, TaskError> {
        self.any_handle().exception()
    }

    task_methods!();

    /// A view of the task without the type of its result.
    #[must_use]
    pub fn task_ref(&self) -> TaskRef {
        self.view()
    }

    /// Drops the handle; the task continues. If the task ends with an error, or returns an `Err`, the loop's exception
    /// handler gets the error.
    pub fn detach(self) {
        drop(self);
    }

    /// Moves the result out of a task that is done.
    pub(crate) fn into_result(self) -> Result<T, TaskError> {
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: each field is moved out once, and the handle's destructor does not run.
        let (packet, _core) = unsafe {
            (
                std::ptr::from_ref(&this.packet).read(),
                std::ptr::from_ref(&this.core).read(),
            )
        };
        packet.link().set_retrieved();
        // SAFETY: this is the packet's only handle with the result's type, and it ends here.
        match unsafe { packet.take() } {
            Some(result) => result,
            None => Err(not_done()),
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(task) = self.packet.link().task() {
            task.set(DETACHED);
            return;
        }
        let link = self.packet.link();
        if !link.is_retrieved()
            && let Some(error) = self.packet.outcome().and_then(unread_result)
        {
            link.set_retrieved();
            report_unretrieved(self.core.upgrade().as_deref(), link.name(), error);
        }
        // SAFETY: this is the packet's only handle with the result's type, and it is being dropped.
        drop(unsafe { self.packet.take() });
    }
}

impl_fmt!([T] Debug for Task<T>, |this, f| this.view().fmt(f));
