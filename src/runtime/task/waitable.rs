//! What can be waited for: by reference ([`Waitable`]), or by value ([`Joinable`], [`Awaitable`]).

use std::panic::Location;

use super::{AnyHandle, Need, Promise, SpawnOptions, Task, TaskRef, admit, spawn_on, try_spawn_on};
use crate::coroutine::{Coroutine, CoroutineState};
use crate::error::TaskError;
use crate::error::WaitError;
use crate::runtime::core::{Core, TaskContext};
use crate::runtime::wait::{park, task_context};
use crate::util::fmt::impl_fmt;

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// What [`wait`](crate::task::wait) takes references to: a [`Task`], a [`TaskRef`], a
/// [`ScopedTask`](crate::task::ScopedTask), a [`Promise`].
pub trait Waitable: sealed::Sealed {
    /// Type-erased view of this handle.
    #[doc(hidden)]
    fn any_handle(&self) -> AnyHandle<'_>;
}

/// What can be joined, or made a task: closures, coroutines, tasks, tasks of a scope, and promises.
///
/// [`wait_for`](crate::task::wait_for()), [`shield`](crate::task::shield()) and
/// [`as_completed`](crate::task::as_completed()) take these, and so do
/// [`EventLoop::create_task`](crate::EventLoop::create_task) and
/// [`EventLoop::run_until_complete`](crate::EventLoop::run_until_complete).
///
/// A [`Coroutine`] may be fresh, or have been resumed by hand before; each of its suspensions gives
/// the other tasks a turn.
///
/// ```
/// use selvedge::{Coroutine, CoroutineState, EventLoop, Yielder};
///
/// let event_loop = EventLoop::new()?;
/// let mut counting = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
///     for _ in 0..3 {
///         yielder.suspend(());
///     }
///     "counted to three"
/// });
/// assert_eq!(counting.resume(), CoroutineState::Yielded(()));
/// assert_eq!(event_loop.run_until_complete(counting).unwrap(), "counted to three");
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Joinable: sealed::Sealed + Sized {
    /// Type of the result.
    type Output;

    /// Handle that is waited for: a new task's for closures and coroutines, otherwise the value itself.
    type Handle: Waitable;

    /// Whether a task made from this value only waits for something that others may wait for as well.
    #[doc(hidden)]
    const ONLY_WAITS: bool = false;

    /// Spawns a closure or a coroutine; checks that a handle may be waited for.
    #[doc(hidden)]
    fn into_handle(self, wait_site: &WaitSite) -> Result<Self::Handle, TaskError>;

    /// Moves the result out of a handle that is done.
    #[doc(hidden)]
    fn outcome(handle: Self::Handle) -> Result<Self::Output, TaskError>;

    /// The body of a task made from this value: calls a closure, drives a coroutine, joins a handle.
    #[doc(hidden)]
    fn run(self) -> Result<Self::Output, TaskError>;

    /// The task that this value is.
    #[doc(hidden)]
    fn into_task(self) -> Result<Task<Self::Output>, Self>
    where
        Self::Output: 'static,
    {
        Err(self)
    }
}

/// What [`gather`](crate::gather()) takes many of: closures, coroutines, tasks, those of a scope, and
/// promises whose values can be cloned, because others may wait for the same promise.
///
/// Any other promise can be waited for by a task: `spawn(move || promise.take())`.
pub trait Awaitable: Joinable {
    /// The result of a handle that is done: moved out of a task, cloned from a promise.
    #[doc(hidden)]
    #[inline]
    fn shared_outcome(handle: Self::Handle) -> Result<Self::Output, TaskError> {
        Self::outcome(handle)
    }
}

impl<F: FnOnce() -> T + 'static, T: 'static> sealed::Sealed for F {}

impl<F: FnOnce() -> T + 'static, T: 'static> Joinable for F {
    type Output = T;
    type Handle = Task<T>;

    fn into_handle(self, wait_site: &WaitSite) -> Result<Task<T>, TaskError> {
        wait_site.spawn(self)
    }

    #[inline]
    fn outcome(task: Task<T>) -> Result<T, TaskError> {
        task.into_result()
    }

    fn run(self) -> Result<T, TaskError> {
        Ok(self())
    }
}

impl<F: FnOnce() -> T + 'static, T: 'static> Awaitable for F {}

impl<T: 'static> sealed::Sealed for Coroutine<(), (), T> {}

impl<T: 'static> Joinable for Coroutine<(), (), T> {
    type Output = T;
    type Handle = Task<T>;

    fn into_handle(self, wait_site: &WaitSite) -> Result<Task<T>, TaskError> {
        wait_site.spawn(self)
    }

    fn outcome(task: Task<T>) -> Result<T, TaskError> {
        task.into_result()
    }

    /// Each suspension gives the other tasks a turn.
    fn run(mut self) -> Result<T, TaskError> {
        loop {
            match self.resume() {
                CoroutineState::Complete(value) => return Ok(value),
                CoroutineState::Yielded(()) => {
                    if let Ok(here) = task_context() {
                        park::yield_now(here);
                    }
                }
            }
        }
    }
}

impl<T: 'static> Awaitable for Coroutine<(), (), T> {}

impl<T: 'static> sealed::Sealed for Task<T> {}

impl<T: 'static> Waitable for Task<T> {
    #[inline]
    fn any_handle(&self) -> AnyHandle<'_> {
        self.any_handle()
    }
}

impl<T: 'static> Joinable for Task<T> {
    type Output = T;
    type Handle = Self;

    fn into_handle(self, wait_site: &WaitSite) -> Result<Self, TaskError> {
        wait_site.admit(self)
    }

    #[inline]
    fn outcome(task: Self) -> Result<T, TaskError> {
        task.into_result()
    }

    fn run(self) -> Result<T, TaskError> {
        self.join()
    }

    fn into_task(self) -> Result<Self, Self> {
        Ok(self)
    }
}

impl<T: 'static> Awaitable for Task<T> {}

impl sealed::Sealed for TaskRef {}

impl Waitable for TaskRef {
    fn any_handle(&self) -> AnyHandle<'_> {
        self.any_handle()
    }
}

impl<T: 'static> sealed::Sealed for Promise<T> {}

impl<T: 'static> Waitable for Promise<T> {
    fn any_handle(&self) -> AnyHandle<'_> {
        AnyHandle::promise(self)
    }
}

impl<T: 'static> Joinable for Promise<T> {
    type Output = T;
    type Handle = Self;
    const ONLY_WAITS: bool = true;

    fn into_handle(self, wait_site: &WaitSite) -> Result<Self, TaskError> {
        wait_site.admit(self)
    }

    fn outcome(promise: Self) -> Result<T, TaskError> {
        promise.try_take()
    }

    fn run(self) -> Result<T, TaskError> {
        self.take()
    }
}

impl<T: Clone + 'static> Awaitable for Promise<T> {
    fn shared_outcome(promise: Self) -> Result<T, TaskError> {
        promise.result()
    }
}

/// Makes a task of a loop, or returns the task of the same loop that was passed in.
///
/// # Panics
/// If there is no stack.
#[track_caller]
pub(crate) fn create_task<I>(
    core: &Core,
    site: &'static Location<'static>,
    joinable: I,
) -> Task<I::Output>
where
    I: Joinable<Output: 'static> + 'static,
{
    let options = SpawnOptions::new(site);
    match joinable.into_task() {
        Ok(task) if task.any_handle().is_of(core) => task,
        // The new task fails, since the join returns an error.
        Ok(task) => spawn_on(core, options, || task.join()),
        Err(joinable) => spawn_on(core, options, || joinable.run()),
    }
}

/// Where a function waits: the running task, the call, and how much of what is waited for it needs.
#[doc(hidden)]
pub struct WaitSite {
    here: Result<TaskContext, WaitError>,
    need: Need,
    site: &'static Location<'static>,
}

impl WaitSite {
    /// The caller's place in the running task.
    #[track_caller]
    pub(crate) fn new(need: Need) -> Self {
        Self {
            here: task_context(),
            need,
            site: Location::caller(),
        }
    }

    /// Where the running task may park.
    pub(crate) fn here(&self) -> Result<TaskContext, WaitError> {
        self.here
    }

    /// Returns a handle that is done, or that the running task may wait for.
    ///
    /// # Errors
    /// If no task is running, or this one may not wait for the handle.
    #[inline]
    pub(crate) fn admit<W: Waitable>(&self, handle: W) -> Result<W, TaskError> {
        admit(self.here, handle.any_handle(), self.need)?;
        Ok(handle)
    }

    /// Makes a task that runs a closure or a coroutine, to be waited for here.
    pub(crate) fn spawn<I>(&self, body: I) -> Result<Task<I::Output>, TaskError>
    where
        I: Joinable<Output: 'static> + 'static,
    {
        let here = self.here.map_err(|why| TaskError::misuse(why.sentence()))?;
        let task = try_spawn_on(&here.core, SpawnOptions::new(self.site), || body.run());
        task.map_err(|error| TaskError::exception(error.into()))
    }
}

impl_fmt!(Debug for WaitSite, |this, f| write!(f, "WaitSite({})", this.site));
