//! [`Task`]: the handle that owns a task's result.

#![allow(unsafe_code)]

use std::fmt;
use std::rc::Weak;

use super::join::wait_done;
use super::methods::task_methods;
use super::task_ref::TaskRef;
use crate::error::TaskError;
use crate::runtime::cancel::request;
use crate::runtime::core::block::DETACHED;
use crate::runtime::core::context::Core;
use crate::runtime::core::packet::Packet;
use crate::runtime::observe::report::report_unretrieved;

/// A task that was spawned, and its result.
///
/// Dropping it detaches the task, which goes on; an error that nobody has fetched is reported to
/// the loop's exception handler then.
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
#[must_use = "dropping a task detaches it; say `drop(task)` or `.detach()` if that is meant"]
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
    /// What the task panicked with or, if it was made by `spawn_fallible`, failed with; that it was
    /// cancelled; that it can't be waited for here: outside of a task, in a task that it waits for
    /// itself, on another loop. The task goes on then.
    ///
    /// # Cancellation
    /// A cancel of the waiting task is passed on to this one. When that ends, the waiting task is
    /// unwound, unless this one went on and returned a value, which is then what is returned.
    pub fn join(self) -> Result<T, TaskError> {
        wait_done(self.any_handle())?;
        self.into_result()
    }

    /// Drops the packet without the result, which was taken.
    fn disarm(self) {
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: each field is moved out once, and the destructor does not run.
        unsafe {
            drop(std::ptr::from_ref(&this.packet).read());
            drop(std::ptr::from_ref(&this.core).read());
        }
    }

    /// The result of a task that is done.
    ///
    /// # Errors
    /// As [`join`](Self::join); and that it is not done.
    pub fn result(&self) -> Result<T, TaskError>
    where
        T: Clone,
    {
        self.with_result(|result| result.cloned().map_err(Clone::clone))?
    }

    /// Calls a function with the result of a task that is done.
    ///
    /// # Errors
    /// That it is not done.
    pub fn with_result<R>(
        &self,
        f: impl FnOnce(Result<&T, &TaskError>) -> R,
    ) -> Result<R, TaskError> {
        let outcome = self.packet.outcome().ok_or_else(not_done)?;
        self.packet.link().set_retrieved();
        Ok(f(outcome))
    }

    /// The error of a task that is done, `None` if it has returned.
    ///
    /// # Errors
    /// That it is not done, or was cancelled.
    pub fn exception(&self) -> Result<Option<TaskError>, TaskError> {
        match self.packet.outcome() {
            None => Err(not_done()),
            Some(Err(error)) if error.is_cancelled() => Err(error.clone()),
            Some(outcome) => {
                self.packet.link().set_retrieved();
                Ok(outcome.err().cloned())
            }
        }
    }

    task_methods!();

    /// A view of the task without its result.
    #[must_use]
    pub fn task_ref(&self) -> TaskRef {
        self.view()
    }

    /// Lets the task go on by itself.
    pub fn detach(self) {
        drop(self);
    }

    /// The result of a task that is done, and the end of the handle.
    pub(crate) fn into_result(self) -> Result<T, TaskError> {
        self.packet.link().set_retrieved();
        // SAFETY: this is the only handle of the type, and it goes: its destructor does not run.
        let result = unsafe { self.packet.take() };
        self.disarm();
        result.unwrap_or_else(|| Err(not_done()))
    }

    /// Ends a task that only waits on somebody's behalf.
    pub(crate) fn stop_waiting(&self) {
        if let Some(task) = self.packet.link().task() {
            request::stop_waiting(task);
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
        if let Some(error) = self.packet.error().filter(|error| !error.is_cancelled())
            && !link.is_retrieved()
        {
            link.set_retrieved();
            if let Some(core) = self.core.upgrade() {
                report_unretrieved(&core, link.name(), error.clone());
            }
        }
        // SAFETY: this is the only handle of the type, and it goes.
        drop(unsafe { self.packet.take() });
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

fn not_done() -> TaskError {
    TaskError::invalid_state("the task is not done, so it has no result yet; join waits for it")
}
