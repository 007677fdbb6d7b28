//! What a loop makes tasks of.

use std::panic::Location;
use std::rc::Rc;

use super::handle::Task;
use super::promise::Promise;
use super::spawn::SpawnOptions;
use super::spawn::spawn_on;
use super::waitable::{WaitSite, Waitable};
use crate::coroutine::{Coroutine, CoroutineState};
use crate::error::TaskError;
use crate::runtime::core::context::Core;
use crate::runtime::wait::here::task_context;
use crate::runtime::wait::park;

/// The loop that a task is made for.
#[doc(hidden)]
#[derive(Debug)]
pub struct Place<'a>(pub(crate) &'a Rc<Core>);

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// What [`wait_for`](crate::wait_for()), [`shield`](crate::shield()) and
/// [`as_completed`](crate::as_completed()) take: closures, coroutines, tasks, those of a scope, promises.
pub trait Joinable: sealed::Sealed {
    /// What comes of it.
    type Output;

    /// What is waited for where no task of its own is needed: a promise is that itself.
    type Handle: Waitable;

    /// Whether there is no task yet, so that nothing can be wrong with waiting for it.
    #[doc(hidden)]
    const IS_NEW: bool = false;

    /// Makes the task, or whatever else is to be waited for.
    #[doc(hidden)]
    fn into_handle(self, wait_site: &WaitSite) -> Result<Self::Handle, TaskError>;

    /// The result of what is done, which is moved out.
    #[doc(hidden)]
    fn outcome(handle: Self::Handle) -> Result<Self::Output, TaskError>;
}

/// What [`EventLoop::create_task`](crate::EventLoop::create_task) and
/// [`EventLoop::run_until_complete`](crate::EventLoop::run_until_complete) take: closures, coroutines,
/// tasks and promises.
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
pub trait IntoTask: Joinable<Output: 'static> {
    /// Whether the task only waits for something that others may wait for as well.
    #[doc(hidden)]
    const ONLY_WAITS: bool = false;

    /// Makes the task.
    #[doc(hidden)]
    #[track_caller]
    fn into_task(self, place: &Place<'_>) -> Task<Self::Output>;
}

impl<F: FnOnce() -> T + 'static, T: 'static> sealed::Sealed for F {}

impl<F: FnOnce() -> T + 'static, T: 'static> Joinable for F {
    type Output = T;
    type Handle = Task<T>;
    const IS_NEW: bool = true;

    fn into_handle(self, wait_site: &WaitSite) -> Result<Task<T>, TaskError> {
        wait_site.spawn(|| Ok(self()))
    }

    fn outcome(task: Task<T>) -> Result<T, TaskError> {
        task.into_result()
    }
}

impl<F: FnOnce() -> T + 'static, T: 'static> IntoTask for F {
    #[track_caller]
    fn into_task(self, place: &Place<'_>) -> Task<T> {
        spawn_on(
            place.0,
            SpawnOptions::new(Location::caller()),
            || Ok(self()),
        )
    }
}

impl<T: 'static> sealed::Sealed for Task<T> {}

impl<T: 'static> Joinable for Task<T> {
    type Output = T;
    type Handle = Self;

    fn into_handle(self, _: &WaitSite) -> Result<Self, TaskError> {
        Ok(self)
    }

    fn outcome(task: Self) -> Result<T, TaskError> {
        task.into_result()
    }
}

impl<T: 'static> IntoTask for Task<T> {
    #[track_caller]
    fn into_task(self, place: &Place<'_>) -> Task<T> {
        if std::ptr::eq(self.core().as_ptr(), Rc::as_ptr(place.0)) {
            return self;
        }
        // Joining it fails, with a sentence.
        spawn_on(place.0, SpawnOptions::new(Location::caller()), || {
            self.join()
        })
    }
}

impl<T: 'static> sealed::Sealed for Promise<T> {}

impl<T: 'static> Joinable for Promise<T> {
    type Output = T;
    type Handle = Self;

    fn into_handle(self, _: &WaitSite) -> Result<Self, TaskError> {
        Ok(self)
    }

    fn outcome(promise: Self) -> Result<T, TaskError> {
        promise.try_take()
    }
}

impl<T: 'static> IntoTask for Promise<T> {
    const ONLY_WAITS: bool = true;

    #[track_caller]
    fn into_task(self, place: &Place<'_>) -> Task<T> {
        spawn_on(place.0, SpawnOptions::new(Location::caller()), move || {
            self.take()
        })
    }
}

impl<T: 'static> sealed::Sealed for Coroutine<(), (), T> {}

impl<T: 'static> Joinable for Coroutine<(), (), T> {
    type Output = T;
    type Handle = Task<T>;
    const IS_NEW: bool = true;

    fn into_handle(self, wait_site: &WaitSite) -> Result<Task<T>, TaskError> {
        wait_site.spawn(|| Ok(drive(self)))
    }

    fn outcome(task: Task<T>) -> Result<T, TaskError> {
        task.into_result()
    }
}

impl<T: 'static> IntoTask for Coroutine<(), (), T> {
    #[track_caller]
    fn into_task(self, place: &Place<'_>) -> Task<T> {
        spawn_on(place.0, SpawnOptions::new(Location::caller()), || {
            Ok(drive(self))
        })
    }
}

/// Resumes a coroutine until it returns; each of its suspensions gives the other tasks a turn.
fn drive<T>(mut coroutine: Coroutine<(), (), T>) -> T {
    loop {
        match coroutine.resume() {
            CoroutineState::Complete(value) => return value,
            CoroutineState::Yielded(()) => {
                if let Ok(here) = task_context() {
                    park::yield_now(here);
                }
            }
        }
    }
}
