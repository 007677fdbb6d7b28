//! What a loop makes tasks of.

use std::panic::Location;
use std::rc::Rc;

use super::context::{self, Core};
use super::handle::Task;
use super::make::spawn_on;
use super::park;
use super::promise::Promise;
use super::spawn::Recipe;
use crate::coroutine::{Coroutine, CoroutineState};

/// The loop that a task is made for.
#[doc(hidden)]
#[derive(Debug)]
pub struct Place<'a>(pub(super) &'a Rc<Core>);

mod sealed {
    pub trait Sealed {}
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
pub trait IntoTask: sealed::Sealed {
    /// What the task returns.
    type Output: 'static;

    /// Whether the task only waits for something that others may wait for as well.
    #[doc(hidden)]
    const ONLY_WAITS: bool = false;

    /// Makes the task.
    #[doc(hidden)]
    #[track_caller]
    fn into_task(self, place: &Place<'_>) -> Task<Self::Output>;
}

impl<F: FnOnce() -> T + 'static, T: 'static> sealed::Sealed for F {}

impl<F: FnOnce() -> T + 'static, T: 'static> IntoTask for F {
    type Output = T;

    #[track_caller]
    fn into_task(self, place: &Place<'_>) -> Task<T> {
        spawn_on(place.0, Recipe::new(Location::caller()), || Ok(self()))
    }
}

impl<T: 'static> sealed::Sealed for Task<T> {}

impl<T: 'static> IntoTask for Task<T> {
    type Output = T;

    #[track_caller]
    fn into_task(self, place: &Place<'_>) -> Task<T> {
        if std::ptr::eq(self.core().as_ptr(), Rc::as_ptr(place.0)) {
            return self;
        }
        // Joining it fails, with a sentence.
        spawn_on(place.0, Recipe::new(Location::caller()), || self.join())
    }
}

impl<T: 'static> sealed::Sealed for Promise<T> {}

impl<T: 'static> IntoTask for Promise<T> {
    type Output = T;
    const ONLY_WAITS: bool = true;

    #[track_caller]
    fn into_task(self, place: &Place<'_>) -> Task<T> {
        spawn_on(place.0, Recipe::new(Location::caller()), move || {
            self.take()
        })
    }
}

impl<T: 'static> sealed::Sealed for Coroutine<(), (), T> {}

impl<T: 'static> IntoTask for Coroutine<(), (), T> {
    type Output = T;

    #[track_caller]
    fn into_task(mut self, place: &Place<'_>) -> Task<T> {
        spawn_on(place.0, Recipe::new(Location::caller()), move || {
            loop {
                match self.resume() {
                    CoroutineState::Complete(value) => return Ok(value),
                    CoroutineState::Yielded(()) => {
                        if let Ok(here) = context::here() {
                            park::yield_now(here);
                        }
                    }
                }
            }
        })
    }
}
