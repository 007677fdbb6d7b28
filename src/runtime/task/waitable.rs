//! What can be waited for together with others.

use std::fmt;
use std::panic::Location;

use super::any_handle::AnyHandle;
use super::handle::Task;
use super::into_task::Joinable;
use super::join::{Need, admit};
use super::promise::Promise;
use super::spawn::SpawnOptions;
use super::spawn::try_spawn_on;
use super::task_ref::TaskRef;
use crate::coroutine::Coroutine;
use crate::error::TaskError;
use crate::runtime::core::context::{TaskContext, WaitError};
use crate::runtime::core::id::CallbackId;
use crate::runtime::wait::here::task_context;

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// What [`wait`](crate::wait) takes references to: a [`Task`], a [`TaskRef`], a
/// [`ScopedTask`](crate::task::ScopedTask), a [`Promise`].
pub trait Waitable: sealed::Sealed {
    /// It, whatever the type of its result.
    #[doc(hidden)]
    fn any_handle(&self) -> AnyHandle<'_>;

    /// Has a function called when it is done.
    #[doc(hidden)]
    fn when_done(&self, f: Box<dyn FnOnce()>) -> CallbackId;

    /// Takes that back.
    #[doc(hidden)]
    fn forget(&self, callback: CallbackId);
}

impl<T: 'static> sealed::Sealed for Task<T> {}

impl<T: 'static> Waitable for Task<T> {
    #[inline]
    fn any_handle(&self) -> AnyHandle<'_> {
        self.as_any_handle()
    }

    fn when_done(&self, f: Box<dyn FnOnce()>) -> CallbackId {
        self.add_done_callback(|_| f())
    }

    fn forget(&self, callback: CallbackId) {
        self.remove_done_callback(callback);
    }
}

impl sealed::Sealed for TaskRef {}

impl Waitable for TaskRef {
    fn any_handle(&self) -> AnyHandle<'_> {
        self.as_any_handle()
    }

    fn when_done(&self, f: Box<dyn FnOnce()>) -> CallbackId {
        self.add_done_callback(|_| f())
    }

    fn forget(&self, callback: CallbackId) {
        self.remove_done_callback(callback);
    }
}

impl<T: 'static> sealed::Sealed for Promise<T> {}

impl<T: 'static> Waitable for Promise<T> {
    fn any_handle(&self) -> AnyHandle<'_> {
        AnyHandle::promise(self)
    }

    fn when_done(&self, f: Box<dyn FnOnce()>) -> CallbackId {
        self.add_done_callback(|_| f())
    }

    fn forget(&self, callback: CallbackId) {
        self.remove_done_callback(callback);
    }
}

/// What [`gather`](crate::gather()) takes many of: closures, coroutines, tasks, those of a scope, and
/// promises whose values can be cloned, because others may wait for the same promise.
///
/// Any other promise can be waited for by a task: `spawn(move || promise.take())`.
pub trait Awaitable: Joinable {
    /// The result of what is done.
    #[doc(hidden)]
    fn shared_outcome(handle: Self::Handle) -> Result<Self::Output, TaskError>;
}

impl<F: FnOnce() -> T + 'static, T: 'static> Awaitable for F {
    #[inline]
    fn shared_outcome(task: Task<T>) -> Result<T, TaskError> {
        task.into_result()
    }
}

impl<T: 'static> Awaitable for Task<T> {
    #[inline]
    fn shared_outcome(task: Self) -> Result<T, TaskError> {
        task.into_result()
    }
}

impl<T: 'static> Awaitable for Coroutine<(), (), T> {
    fn shared_outcome(task: Task<T>) -> Result<T, TaskError> {
        task.into_result()
    }
}

impl<T: Clone + 'static> Awaitable for Promise<T> {
    fn shared_outcome(promise: Self) -> Result<T, TaskError> {
        promise.result()
    }
}

/// Where something is waited for, and by whose call.
#[doc(hidden)]
pub struct WaitSite {
    here: Result<TaskContext, WaitError>,
    site: &'static Location<'static>,
}

impl fmt::Debug for WaitSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WaitSite({})", self.site)
    }
}

impl WaitSite {
    /// Here.
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self {
            here: task_context(),
            site: Location::caller(),
        }
    }

    /// Where the running task may park.
    pub(crate) fn here(&self) -> Result<TaskContext, WaitError> {
        self.here
    }

    /// What is to be waited for. It may be done already; otherwise there is a task here that may wait
    /// for it.
    ///
    /// # Errors
    /// That there is none, or that this one may not.
    #[inline]
    pub(crate) fn handle<I: Joinable>(
        &self,
        awaitable: I,
        need: Need,
    ) -> Result<I::Handle, TaskError> {
        let handle = awaitable.into_handle(self)?;
        if !I::IS_NEW {
            admit(self.here, handle.any_handle(), need)?;
        }
        Ok(handle)
    }

    /// Makes a task that is to be waited for here.
    pub(crate) fn spawn<T: 'static>(
        &self,
        body: impl FnOnce() -> Result<T, TaskError> + 'static,
    ) -> Result<Task<T>, TaskError> {
        let here = self.here.map_err(|why| TaskError::misuse(why.sentence()))?;
        let task = try_spawn_on(&here.core, SpawnOptions::new(self.site), body);
        task.map_err(|error| TaskError::exception(error.into()))
    }
}
