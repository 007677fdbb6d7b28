//! Further methods of the loop's types: blocking work on the pool, and signals.

use std::io;
use std::panic::Location;
use std::rc::Rc;

use super::{EventLoop, LocalLoop};
use crate::error::LoopError;
use crate::runtime::scheduler::{FORKED, Kept, Listening, Loop};
use crate::runtime::task::Promise;

impl EventLoop {
    /// Runs a function on a thread of the loop's pool, for work that blocks. The promise gets its result.
    ///
    /// ```
    /// use selvedge::EventLoop;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let sum = event_loop.run_in_executor(|| (1..=100).sum::<u32>());
    /// assert_eq!(event_loop.run_until_complete(sum)?, 5050);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The promise fails if the function panics, the pool's queue is full, no thread can be started, or the loop is closed
    /// first.
    ///
    /// # Panics
    /// If the loop is closed.
    ///
    /// # Cancellation
    /// Cancelling the promise drops a function that has not begun. A running function goes on, and its result is dropped.
    #[track_caller]
    pub fn run_in_executor<T, F>(&self, f: F) -> Promise<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.assert_open();
        self.0.run_in_executor(Location::caller(), f)
    }

    /// Calls a function each time a signal arrives, as an ordinary callback of the loop: it may do anything that a callback
    /// may. It replaces the previous handler, and the signal's disposition in this process. Signals that arrive faster
    /// than the loop turns count once.
    ///
    /// A loop that handles a signal reports no deadlock. Several loops may handle the same signal.
    ///
    /// ```no_run
    /// use selvedge::EventLoop;
    /// use selvedge::signal::Signal;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let local = event_loop.local();
    /// event_loop.add_signal_handler(Signal::SIGTERM, move || {
    ///     println!("told to end");
    ///     local.stop().unwrap();
    /// })?;
    /// event_loop.run_forever()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the signal can't be handled (`SIGKILL`, `SIGSTOP`, and those of faults, such as `SIGSEGV`), the loop is closed, or
    /// 64 other loops of the process handle signals.
    #[track_caller]
    pub fn add_signal_handler(
        &self,
        signal: impl Into<i32>,
        f: impl Fn() + 'static,
    ) -> io::Result<()> {
        let site = Location::caller();
        self.0.add_signal_handler(signal.into(), Box::new(f), site)
    }

    /// Removes the handler of a signal, and restores the previous disposition. False if there was no handler.
    pub fn remove_signal_handler(&self, signal: impl Into<i32>) -> bool {
        self.0.signals.remove_handler(signal.into())
    }
}

impl LocalLoop {
    /// Runs a function on a thread of the loop's pool: see
    /// [`EventLoop::run_in_executor`](crate::EventLoop::run_in_executor).
    ///
    /// ```
    /// let sum = selvedge::run(|| {
    ///     let event_loop = selvedge::event_loop::current_loop().unwrap();
    ///     let halves = [0, 50].map(|start| {
    ///         event_loop.run_in_executor(move || (start + 1..=start + 50).sum::<u32>()).unwrap()
    ///     });
    ///     halves.iter().map(|half| half.wait().unwrap()).sum::<u32>()
    /// });
    /// assert_eq!(sum, 5050);
    /// ```
    ///
    /// # Errors
    /// If the loop is closed.
    #[track_caller]
    pub fn run_in_executor<T, F>(&self, f: F) -> Result<Promise<T>, LoopError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        Ok(self.get()?.run_in_executor(Location::caller(), f))
    }

    /// Calls a function each time a signal arrives: see
    /// [`EventLoop::add_signal_handler`](crate::EventLoop::add_signal_handler).
    ///
    /// # Errors
    /// If the signal can't be handled, or the loop is closed.
    #[track_caller]
    pub fn add_signal_handler(
        &self,
        signal: impl Into<i32>,
        f: impl Fn() + 'static,
    ) -> io::Result<()> {
        let site = Location::caller();
        let inner = self.get().map_err(io::Error::other)?;
        inner.add_signal_handler(signal.into(), Box::new(f), site)
    }

    /// Removes the handler of a signal: see
    /// [`EventLoop::remove_signal_handler`](crate::EventLoop::remove_signal_handler).
    ///
    /// # Errors
    /// If the loop is closed.
    pub fn remove_signal_handler(&self, signal: impl Into<i32>) -> Result<bool, LoopError> {
        Ok(self.get()?.signals.remove_handler(signal.into()))
    }

    /// Starts to listen for a signal.
    pub(crate) fn listen(&self, signal: i32) -> io::Result<Rc<Listening>> {
        let inner = self.get().map_err(io::Error::other)?;
        inner.refuse_if_forked()?;
        inner.signals.listen(&inner.reactor, signal)
    }

    /// Makes the loop handle a signal until the loop is closed.
    pub(crate) fn keep_signal(&self, signal: i32) -> io::Result<Rc<Kept>> {
        let inner = self.get().map_err(io::Error::other)?;
        inner.refuse_if_forked()?;
        inner.signals.keep(&inner.reactor, signal)
    }
}

impl Loop {
    fn add_signal_handler(
        &self,
        signal: i32,
        f: Box<dyn Fn()>,
        site: &'static Location<'static>,
    ) -> io::Result<()> {
        if self.core.is_closed.get() {
            return Err(io::Error::other(LoopError::closed(())));
        }
        self.refuse_if_forked()?;
        self.signals.set_handler(&self.reactor, signal, f, site)
    }

    fn refuse_if_forked(&self) -> io::Result<()> {
        if self.is_forked() {
            return Err(io::Error::other(FORKED));
        }
        Ok(())
    }
}
