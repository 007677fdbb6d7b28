//! [`EventLoop`]: a loop with asyncio's methods.

use std::panic::Location;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use super::{CallbackHandle, LocalLoop, LoopHandle, TimerHandle};
use crate::coroutine::runs_on_own_stacks;
use crate::error::{LoopError, Misuse, RunError, TaskError};
use crate::runtime::core::{ExceptionContext, context};
use crate::runtime::observe::report_by_default;
use crate::runtime::scheduler::{FORKED, Halt, Loop, within};
use crate::runtime::task::{Joinable, Promise, Task, TaskRef, waitable};
use crate::runtime::wait::forward;
use crate::util::fmt::impl_fmt;

/// An event loop: it runs tasks and callbacks on the thread that calls
/// [`run_until_complete`](Self::run_until_complete) or [`run_forever`](Self::run_forever).
///
/// Most programs use [`run`](crate::run()) instead, which makes a loop, runs a function as the main task, and closes the
/// loop.
///
/// ```
/// use selvedge::EventLoop;
///
/// let event_loop = EventLoop::new()?;
/// let answer = event_loop.run_until_complete(|| selvedge::spawn(|| 42).join());
/// assert_eq!(answer.unwrap().unwrap(), 42);
/// event_loop.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Dropping a loop closes it: see [`close`](Self::close).
pub struct EventLoop(pub(crate) Rc<Loop>);

const CLOSED: &str = "selvedge: event loop is closed; make another one";
const CLOSING: &str = "selvedge: event loop is being closed; make another one";
const RUNNING: &str = "selvedge: this event loop is running already; from inside of it, spawn a \
                       task and join it";
pub(super) const FOREIGN: &str = "selvedge: this code runs on a stack that another library has made, which could be left \
                       while the loop runs; use the loop outside of that library's coroutines";
const TEARDOWN: &str = "selvedge: the thread is ending, and thread-locals that the tasks of this loop refer to may be gone; \
                        run the loop to its end before";
const ANOTHER: &str = "selvedge: another event loop runs on this thread, and there can be one at \
                       a time; spawn a task on that one, or run this one on a thread of its own";

impl EventLoop {
    /// Why the loop can't run here and now, if it can't.
    pub(crate) fn why_not(&self) -> Option<&'static str> {
        if self.is_closed() {
            Some(CLOSED)
        } else if self.0.is_forked() {
            Some(FORKED)
        } else if self.0.core.is_closing.get() {
            Some(CLOSING)
        } else if self.is_running() {
            Some(RUNNING)
        } else if context::current().is_some() {
            Some(ANOTHER)
        } else if self.0.is_in_teardown() {
            Some(TEARDOWN)
        } else if !runs_on_own_stacks() {
            Some(FOREIGN)
        } else {
            None
        }
    }

    /// Runs the loop until a task is done, and returns its result. The task is made of a closure or a coroutine, or waits
    /// for a task or a promise.
    ///
    /// # Errors
    /// The task's error. An error if the loop was stopped first: the task continues in the next run. An error that
    /// holds [`RunError::Deadlock`] if the task can never be done, or, in strict mode, [`RunError::Unhandled`]. An
    /// error if the loop is closed or running.
    #[track_caller]
    pub fn run_until_complete<I>(&self, task: I) -> Result<I::Output, TaskError>
    where
        I: Joinable<Output: 'static> + 'static,
    {
        if let Some(reason) = self.why_not() {
            return Err(TaskError::misuse(reason));
        }
        self.0.receive_messages();
        let task = waitable::create_task(&self.0.core, Location::caller(), task);
        let core = Rc::downgrade(&self.0.core);
        let stop = task.add_done_callback(move |_| {
            if let Some(core) = core.upgrade() {
                core.run_queue.stop();
            }
        });
        let halt = within(&self.0, || self.0.run(|| false));
        let unhandled = self.0.core.take_unhandled().map(RunError::Unhandled);
        if task.is_done() && unhandled.is_none() {
            return task.into_result();
        }
        task.remove_done_callback(stop);
        // The unhandled error came first, so the error of a task that is done can't be returned as well.
        task.exception().ok();
        if I::ONLY_WAITS
            && let Some(task) = task.any_handle().as_task()
        {
            forward::set_standing(task, None);
        }
        Err(match unhandled.or_else(|| self.explain(halt)) {
            Some(error) => TaskError::exception(error.into()),
            None => TaskError::exception(RunError::Stopped.into()),
        })
    }

    /// Runs the loop until [`stop`](Self::stop).
    ///
    /// # Errors
    /// If no event can occur in the loop any more, or the loop is closed or running; in strict mode
    /// [`RunError::Unhandled`].
    pub fn run_forever(&self) -> Result<(), RunError> {
        if let Some(reason) = self.why_not() {
            return Err(RunError::Misuse(Misuse::new(reason)));
        }
        let ended = self.explain(within(&self.0, || self.0.run(|| false)));
        let unhandled = self.0.core.take_unhandled().map(RunError::Unhandled);
        unhandled.or(ended).map_or(Ok(()), Err)
    }

    pub(crate) fn explain(&self, halt: Halt) -> Option<RunError> {
        match halt {
            Halt::Stopped => None,
            Halt::Deadlock(report) => Some(RunError::Deadlock(report)),
            Halt::Io(error) => Some(RunError::Io(error)),
            Halt::Forked => Some(RunError::Misuse(Misuse::new(FORKED))),
        }
    }

    /// Ends the run after the current iteration. If the loop is not running, the next run ends after one iteration.
    pub fn stop(&self) {
        self.0.core.run_queue.stop();
    }

    /// Whether the loop is running.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.0.core.is_running.get()
    }

    /// Whether the loop was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.core.is_closed.get()
    }

    /// Closes the loop: drops queued callbacks, cancels its tasks and runs until they have ended, for a bounded time, and
    /// unwinds the remaining tasks by force. Pending tasks are reported. Closing again does nothing.
    ///
    /// At the end of its thread, or while the process exits, a loop in a thread-local leaks its tasks, because the
    /// thread-locals that the tasks refer to may be destroyed. With a pending task, the loop's descriptors are leaked too.
    ///
    /// # Errors
    /// If the loop is running. On a stack that another library has made.
    pub fn close(&self) -> Result<(), LoopError> {
        if self.is_running() {
            let text = "a running event loop can't be closed; stop it first";
            return Err(LoopError::busy(text, ()));
        }
        if self.is_closed() || self.0.core.is_closing.get() {
            // Handlers and destructors that run below may call this again.
            return Ok(());
        }
        if self.0.is_in_teardown() && !self.0.is_forked() {
            self.0.leak();
        } else if !runs_on_own_stacks() {
            return Err(LoopError::busy(FOREIGN, ()));
        } else {
            self.0.core.is_closing.set(true);
            self.report_pending();
            self.shut_down();
        }
        Ok(())
    }

    fn report_pending(&self) {
        if self.0.is_forked() {
            return;
        }
        // All stacks first: the handler is user code, in which tasks may end.
        let core = &self.0.core;
        let tasks = core.tasks().into_iter().filter_map(TaskRef::of);
        let looks = |task: TaskRef| (task.name(), core.is_debug.get().then(|| task.stack()));
        for (name, stack) in tasks.map(looks).collect::<Vec<_>>() {
            let context = ExceptionContext::new("Task was pending when its loop was closed")
                .with_subject("task", name);
            core.report(&match stack {
                Some(stack) => context.with_source(stack.created_at()).with_stack(stack),
                None => context,
            });
        }
    }

    /// Ends everything and closes the loop.
    pub(crate) fn shut_down(&self) {
        let inner = &self.0;
        if inner.is_forked() {
            // The parent process owns the original of everything here. The tasks are forgotten, with all that they refer
            // to: also the child's copies of the descriptors and of the ring's mapping, which end with the child.
            inner.core.is_closed.set(true);
            std::mem::forget(Rc::clone(&inner.core));
            return;
        }
        inner.core.is_closing.set(true);
        inner.core.is_closing_in_panic.set(thread::panicking());
        // In the middle of a panic, or of another loop, no other task may run.
        let may_run = !thread::panicking() && context::current().is_none();
        within(inner, || {
            inner.clear_callbacks();
            if may_run {
                inner.cancel_all();
            }
            inner.end_all();
            inner.close_intake(may_run.then_some(inner.shutdown_timeout));
        });
    }

    /// The time on the loop's clock.
    #[must_use]
    pub fn time(&self) -> Instant {
        self.0.core.clock.instant()
    }

    /// The age of the loop, on its clock.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.core.clock.elapsed()
    }

    /// Makes a task of a closure, a coroutine, a promise or another task. The task begins in the loop's next iteration.
    ///
    /// # Panics
    /// If the loop is closed, or no stack can be had.
    #[track_caller]
    pub fn create_task<I>(&self, task: I) -> Task<I::Output>
    where
        I: Joinable<Output: 'static> + 'static,
    {
        self.assert_open();
        self.0.receive_messages();
        waitable::create_task(&self.0.core, Location::caller(), task)
    }

    /// Makes a promise.
    ///
    /// # Panics
    /// If the loop is closed.
    #[track_caller]
    #[must_use]
    pub fn create_promise<T: 'static>(&self) -> Promise<T> {
        self.assert_open();
        Promise::of(Rc::downgrade(&self.0.core), Location::caller())
    }

    /// Queues a callback for the next iteration, after those that were queued before.
    ///
    /// # Panics
    /// If the loop is closed.
    #[track_caller]
    pub fn call_soon(&self, f: impl FnOnce() + 'static) -> CallbackHandle {
        self.assert_open();
        self.0.call_soon(Box::new(f), Location::caller())
    }

    /// Queues a callback after a delay.
    ///
    /// # Panics
    /// If the loop is closed.
    #[track_caller]
    pub fn call_later(&self, delay: Duration, f: impl FnOnce() + 'static) -> TimerHandle {
        self.assert_open();
        let deadline = self.0.core.clock.after(delay);
        self.0.call_at(deadline, Box::new(f), Location::caller())
    }

    /// Queues a callback at a time on the loop's clock.
    ///
    /// # Panics
    /// If the loop is closed.
    #[track_caller]
    pub fn call_at(&self, when: Instant, f: impl FnOnce() + 'static) -> TimerHandle {
        self.assert_open();
        let deadline = self.0.core.clock.at(when);
        self.0.call_at(deadline, Box::new(f), Location::caller())
    }

    #[track_caller]
    pub(crate) fn assert_open(&self) {
        assert!(!self.is_closed(), "{CLOSED}");
    }

    /// Sets the handler of exceptions that no other code takes. The handler may not wait.
    pub fn set_exception_handler(&self, handler: impl Fn(&ExceptionContext) + 'static) {
        self.0.core.set_handler(Some(Rc::new(handler)));
    }

    /// Restores the default exception handler.
    pub fn reset_exception_handler(&self) {
        self.0.core.set_handler(None);
    }

    /// Calls the exception handler.
    pub fn call_exception_handler(&self, context: &ExceptionContext) {
        self.0.core.report(context);
    }

    /// The default exception handler: prints the context to standard error.
    pub fn default_exception_handler(&self, context: &ExceptionContext) {
        report_by_default(context);
    }

    /// A weak reference for callbacks and tasks on this thread.
    #[must_use]
    pub fn local(&self) -> LocalLoop {
        LocalLoop::new(&self.0)
    }

    /// A handle for other threads.
    #[must_use]
    pub fn handle(&self) -> LoopHandle {
        LoopHandle::new(&self.0.injector)
    }

    /// Turns debug mode on or off: callbacks and slices of tasks that take longer than
    /// `slow_callback_duration` are reported, by name. For the report, a backtrace is taken before each slice of a task, which
    /// costs some ten microseconds.
    pub fn set_debug(&self, is_debug: bool) {
        self.0.core.is_debug.set(is_debug);
    }

    /// Whether debug mode is on.
    #[must_use]
    pub fn is_debug(&self) -> bool {
        self.0.core.is_debug.get()
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        if self.close().is_err() {
            // Either the loop is running and this drop is inside of its run, for example while the process exits, or
            // the drop is on another library's stack. In both cases no task can be ended.
            std::mem::forget(Rc::clone(&self.0));
        }
    }
}

impl_fmt!(Debug for EventLoop, |this, f| this.0.core.fmt(f));
