//! [`LocalLoop`]: a weak reference to a loop, for callbacks and tasks on its thread.

use std::panic::Location;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use super::{CallbackHandle, LoopHandle, TimerHandle};
use crate::error::LoopError;
use crate::runtime::core::{ExceptionContext, Function};
use crate::runtime::scheduler::{Loop, current};
use crate::runtime::task::{Joinable, Promise, Task, late_callbacks, waitable};
use crate::util::fmt::impl_fmt;

/// A weak reference to an event loop, for callbacks and tasks, which the loop owns.
///
/// It has the loop's methods. Each returns an error after the loop is closed.
///
/// ```
/// use std::time::Duration;
/// use selvedge::EventLoop;
///
/// let event_loop = EventLoop::new()?;
/// let local = event_loop.local();
/// event_loop.call_later(Duration::from_millis(1), move || local.stop().unwrap());
/// event_loop.run_forever()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LocalLoop(Weak<Loop>);

impl LocalLoop {
    pub(crate) fn new(inner: &Rc<Loop>) -> Self {
        Self(Rc::downgrade(inner))
    }

    pub(crate) fn get(&self) -> Result<Rc<Loop>, LoopError> {
        match self.0.upgrade() {
            Some(inner) if !inner.core.is_closed.get() => Ok(inner),
            _ => Err(LoopError::closed(())),
        }
    }

    /// The loop, with a function for it to call; the function is refused by a closed loop.
    fn get_for(&self, f: Function) -> Result<(Rc<Loop>, Function), LoopError> {
        match self.get() {
            Ok(inner) => Ok((inner, f)),
            Err(error) => {
                late_callbacks::refuse(f);
                Err(error)
            }
        }
    }

    /// Queues a callback for the next iteration, after those that were queued before.
    ///
    /// # Errors
    /// If the loop is closed.
    #[track_caller]
    pub fn call_soon(&self, f: impl FnOnce() + 'static) -> Result<CallbackHandle, LoopError> {
        let site = Location::caller();
        let (inner, f) = self.get_for(Box::new(f))?;
        Ok(inner.call_soon(f, site))
    }

    /// Queues a callback after a delay.
    ///
    /// # Errors
    /// If the loop is closed.
    #[track_caller]
    pub fn call_later(
        &self,
        delay: Duration,
        f: impl FnOnce() + 'static,
    ) -> Result<TimerHandle, LoopError> {
        let site = Location::caller();
        let (inner, f) = self.get_for(Box::new(f))?;
        Ok(inner.call_at(inner.core.clock.after(delay), f, site))
    }

    /// Queues a callback at a time on the loop's clock.
    ///
    /// # Errors
    /// If the loop is closed.
    #[track_caller]
    pub fn call_at(
        &self,
        when: Instant,
        f: impl FnOnce() + 'static,
    ) -> Result<TimerHandle, LoopError> {
        let site = Location::caller();
        let (inner, f) = self.get_for(Box::new(f))?;
        Ok(inner.call_at(inner.core.clock.at(when), f, site))
    }

    /// Makes a task: see [`EventLoop::create_task`](crate::EventLoop::create_task).
    ///
    /// # Errors
    /// If the loop is closed.
    ///
    /// # Panics
    /// If no stack can be had.
    #[track_caller]
    pub fn create_task<I>(&self, task: I) -> Result<Task<I::Output>, LoopError>
    where
        I: Joinable<Output: 'static> + 'static,
    {
        let site = Location::caller();
        let inner = self.get()?;
        inner.receive_messages();
        Ok(waitable::create_task(&inner.core, site, task))
    }

    /// Makes a promise.
    ///
    /// # Errors
    /// If the loop is closed.
    #[track_caller]
    pub fn create_promise<T: 'static>(&self) -> Result<Promise<T>, LoopError> {
        let site = Location::caller();
        Ok(Promise::of(Rc::downgrade(&self.get()?.core), site))
    }

    /// Ends the run after the current iteration.
    ///
    /// # Errors
    /// If the loop is closed.
    pub fn stop(&self) -> Result<(), LoopError> {
        self.get()?.core.run_queue.stop();
        Ok(())
    }

    /// Whether the loop is running.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.get().is_ok_and(|inner| inner.core.is_running.get())
    }

    /// Whether the loop is closed, or dropped.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.get().is_err()
    }

    /// The time on the loop's clock.
    ///
    /// # Errors
    /// If the loop is closed.
    pub fn time(&self) -> Result<Instant, LoopError> {
        Ok(self.get()?.core.clock.instant())
    }

    /// The age of the loop, on its clock.
    ///
    /// # Errors
    /// If the loop is closed.
    pub fn elapsed(&self) -> Result<Duration, LoopError> {
        Ok(self.get()?.core.clock.elapsed())
    }

    /// A handle for other threads.
    ///
    /// # Errors
    /// If the loop is closed.
    pub fn handle(&self) -> Result<LoopHandle, LoopError> {
        Ok(LoopHandle::new(&self.get()?.injector))
    }

    /// Sets the handler of exceptions that no other code takes.
    ///
    /// # Errors
    /// If the loop is closed.
    pub fn set_exception_handler(
        &self,
        handler: impl Fn(&ExceptionContext) + 'static,
    ) -> Result<(), LoopError> {
        self.get()?.core.set_handler(Some(Rc::new(handler)));
        Ok(())
    }

    /// Calls the exception handler.
    ///
    /// # Errors
    /// If the loop is closed.
    pub fn call_exception_handler(&self, context: &ExceptionContext) -> Result<(), LoopError> {
        self.get()?.core.report(context);
        Ok(())
    }

    /// Turns debug mode on or off: see [`EventLoop::set_debug`](crate::EventLoop::set_debug).
    ///
    /// # Errors
    /// If the loop is closed.
    pub fn set_debug(&self, is_debug: bool) -> Result<(), LoopError> {
        self.get()?.core.is_debug.set(is_debug);
        Ok(())
    }
}

/// The loop that runs on this thread; `None` outside of a loop.
///
/// ```
/// assert!(selvedge::event_loop::current_loop().is_none());
/// selvedge::run(|| {
///     let event_loop = selvedge::event_loop::current_loop().unwrap();
///     event_loop.call_soon(|| println!("soon")).unwrap();
///     selvedge::yield_now();
/// });
/// ```
#[must_use]
pub fn current_loop() -> Option<LocalLoop> {
    current::current().map(|inner| LocalLoop::new(&inner))
}

impl_fmt!(Debug for LocalLoop, |this, f| match this.get() {
    Ok(inner) => inner.core.fmt(f),
    Err(error) => f.debug_tuple("LocalLoop").field(&error).finish(),
});
