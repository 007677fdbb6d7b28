//! Building a loop, and [`run`]: a function as the main task of a loop of its own.

#![allow(unsafe_code)]

use std::borrow::Cow;
use std::io;
use std::panic::{Location, resume_unwind};
use std::rc::Rc;
use std::time::Duration;

use super::EventLoop;
use super::event_loop::FOREIGN;
use crate::coroutine::runs_on_own_stacks;
use crate::error::{Cancelled, Misuse, RunError, TaskError};
use crate::runtime::core::{AnyPacket, MUST_NOT_ABANDON, RUNNABLE, TaskPtr, context};
use crate::runtime::scheduler::{INTERRUPTED, Loop, Settings, within};
use crate::runtime::task::{SpawnOptions, prepare};
use crate::stack::DEFAULT_STACK_SIZE_BYTES;
use crate::sys::signal::{end_process_by, write_stderr};
use crate::sys::signal_watch::number;
use crate::sys::thread::is_main as is_main_thread;

/// The default of [`Builder::idle_stack_timeout`].
const IDLE_STACK_TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of a loop: see [`EventLoop::builder`].
///
/// ```
/// use std::time::Duration;
/// use selvedge::EventLoop;
///
/// // A day passes at once.
/// let elapsed = EventLoop::builder().virtual_clock(true).run(|| {
///     selvedge::sleep(Duration::from_secs(24 * 3600));
///     selvedge::event_loop::current_loop().unwrap().elapsed().unwrap()
/// });
/// assert_eq!(elapsed, Duration::from_secs(24 * 3600));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it builds or runs"]
#[doc(alias = "LoopBuilder")]
pub struct Builder(pub(super) Settings);

impl Builder {
    pub(crate) fn new() -> Self {
        Self(Settings {
            stack_size_bytes: DEFAULT_STACK_SIZE_BYTES,
            is_virtual: false,
            is_debug: false,
            is_strict: false,
            slow_callback_duration: Duration::from_millis(100),
            shutdown_timeout: Duration::from_secs(10),
            max_blocking_threads: None,
            max_blocking_queued: None,
            cancels_on_interrupt: true,
            idle_stack_timeout: Some(IDLE_STACK_TIMEOUT),
            io_uring: None,
        })
    }

    /// Sets the usable size of the stacks of tasks ([`DEFAULT_STACK_SIZE_BYTES`](crate::stack::DEFAULT_STACK_SIZE_BYTES)). It
    /// is rounded up to whole pages, at least [`MIN_STACK_SIZE_BYTES`](crate::stack::MIN_STACK_SIZE_BYTES). Zero is an error.
    pub fn stack_size_bytes(mut self, bytes: usize) -> Self {
        self.0.stack_size_bytes = bytes;
        self
    }

    /// Gives the loop a clock that stands still, and jumps to the next deadline when every task is
    /// parked: for tests.
    ///
    /// The clock also stands still while a job of [`to_thread`](crate::to_thread) or
    /// [`run_in_executor`](EventLoop::run_in_executor), an operation on a file or a name lookup runs, unless it was
    /// cancelled. The clock does not wait for anything else outside of the loop: while a peer on another thread or in
    /// another process prepares an answer, a timeout of an hour around the read elapses at once. Run such a peer in the
    /// same loop, or as a job:
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use std::time::Duration;
    /// use selvedge::{EventLoop, net::unix::UnixStream, spawn, timeout, to_thread};
    ///
    /// let byte = EventLoop::builder().virtual_clock(true).run(|| {
    ///     let (mut near, far) = UnixStream::pair().unwrap();
    ///     let mut far = far.into_std();
    ///     let peer = spawn(move || to_thread(move || far.write_all(b"!").unwrap()));
    ///     let mut byte = [0];
    ///     timeout(Duration::from_secs(3600), || near.read_exact(&mut byte)).unwrap().unwrap();
    ///     peer.join().unwrap().unwrap();
    ///     byte
    /// });
    /// assert_eq!(byte, *b"!");
    /// ```
    pub fn virtual_clock(mut self, is_virtual: bool) -> Self {
        self.0.is_virtual = is_virtual;
        self
    }

    /// Sets how long a task has to wait until the unused pages of its stack go back to the system: 10 seconds by default.
    /// `None` keeps them.
    ///
    /// A task whose stack was deep once (a TLS handshake, a parser, a template) and that waits now, for example for the next
    /// request on its connection, needs only the pages of the frames that wait. The loop looks at the tasks when the loop
    /// has nothing else to do, so a task keeps its pages for up to twice the time. A task that needs the pages again gets
    /// fresh ones, at the cost of a page fault each. The stacks of coroutines that a task has resumed are left as they are,
    /// and so is every stack on a loop with a [virtual clock](Self::virtual_clock).
    pub fn idle_stack_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.0.idle_stack_timeout = timeout;
        self
    }

    /// Turns debug mode on: see [`EventLoop::set_debug`].
    pub fn debug(mut self, is_debug: bool) -> Self {
        self.0.is_debug = is_debug;
        self
    }

    /// Turns strict mode on, for tests: the first error that goes to the exception handler, because no code has
    /// retrieved it, ends the run with [`RunError::Unhandled`]. Such errors are the panic and the `Err` of a detached
    /// task, the panic of a callback, and the error of a promise that is dropped unread. The handler still gets these
    /// errors.
    ///
    /// [`run`](Self::run) and [`try_run`](Self::try_run) then cancel the main task, and fail even if the main task has
    /// returned. [`EventLoop::run_until_complete`] and [`EventLoop::run_forever`] return early; the tasks continue in
    /// the next run.
    ///
    /// ```should_panic
    /// use selvedge::{EventLoop, spawn};
    ///
    /// EventLoop::builder().strict(true).run(|| {
    ///     spawn(|| assert_eq!(6 * 7, 54)).detach();
    /// });
    /// ```
    pub fn strict(mut self, is_strict: bool) -> Self {
        self.0.is_strict = is_strict;
        self
    }

    /// Sets how long a callback, or a task between two suspensions, may take before debug mode reports it: 100 ms by default.
    pub fn slow_callback_duration(mut self, duration: Duration) -> Self {
        self.0.slow_callback_duration = duration;
        self
    }

    /// Sets the time that the cancelled tasks of an ending loop may take to end, and then the time that the loop waits
    /// for running jobs of its pool, including jobs whose task was cancelled: 10 s each by default. A loop that waits
    /// for tasks or jobs for longer than a second reports them to its exception handler, and so does a loop that has
    /// waited in vain; with a timeout of zero there is no such report. Tasks that are spawned meanwhile are not cancelled.
    pub fn shutdown_timeout(mut self, duration: Duration) -> Self {
        self.0.shutdown_timeout = duration;
        self
    }

    /// Sets how many jobs of [`to_thread`](crate::to_thread) and [`run_in_executor`](EventLoop::run_in_executor) the
    /// loop's pool runs at once, at least one. The default is the number of processors plus four, at most 32. With the
    /// default, jobs that have run for 5 s do not count, up to 512 threads. Threads start when there is work, and end
    /// after some time without work.
    ///
    /// Files and host names have their own threads. When a job of any kind runs for 5 s while others wait for a
    /// thread, the loop reports the job to its exception handler.
    #[doc(alias = "blocking_threads")]
    pub fn max_blocking_threads(mut self, n: usize) -> Self {
        self.0.max_blocking_threads = Some(n);
        self
    }

    /// Sets how many jobs of [`to_thread`](crate::to_thread) and
    /// [`run_in_executor`](EventLoop::run_in_executor) may wait for a thread of the pool: any number
    /// by default. The next one is refused with an error.
    ///
    /// Files and host names, for which tasks wait, are not refused.
    #[doc(alias = "blocking_queue")]
    pub fn max_blocking_queued(mut self, n: usize) -> Self {
        self.0.max_blocking_queued = Some(n);
        self
    }

    /// Sets whether an interrupt (`SIGINT`, Ctrl-C) cancels the main task of [`run`](Self::run), as
    /// asyncio's does: yes by default. The main task is unwound, the other tasks are cancelled, and then
    /// [`try_run`](Self::try_run) returns [`RunError::Cancelled`], with the message `interrupted by SIGINT`.
    /// A second interrupt ends the process at once.
    ///
    /// [`run`](Self::run) then unwinds the frames of its caller without a message. When the payload of this unwind is
    /// dropped, it ends the process by the signal: after `main`, or where the program has caught the unwind. Shells
    /// report the status 130.
    ///
    /// This holds on the process's main thread, while the signal has its default disposition. A handler of the program
    /// stays, and so does an ignored signal.
    pub fn cancel_on_interrupt(mut self, cancels: bool) -> Self {
        self.0.cancels_on_interrupt = cancels;
        self
    }

    /// Builds the loop.
    ///
    /// # Errors
    /// If the system has no descriptors left for the poller.
    pub fn build(self) -> io::Result<EventLoop> {
        Loop::new(&self.0).map(EventLoop)
    }

    /// Runs a function as the main task of a loop with these settings: see [`run`].
    ///
    /// # Panics
    /// As [`run`].
    #[track_caller]
    pub fn run<T>(self, main: impl FnOnce() -> T) -> T {
        match self.try_run(main) {
            Ok(value) => value,
            Err(RunError::Cancelled(cancelled)) if cancelled.message() == Some(INTERRUPTED) => {
                resume_unwind(Box::new(Interrupted))
            }
            Err(error) => panic!("selvedge: run failed: {error}"),
        }
    }

    /// Runs a function as the main task of a loop with these settings: see [`try_run`].
    ///
    /// # Errors
    /// As [`try_run`].
    ///
    /// # Panics
    /// As [`try_run`].
    #[track_caller]
    pub fn try_run<T>(self, main: impl FnOnce() -> T) -> Result<T, RunError> {
        let site = Location::caller();
        if context::current().is_some() {
            return Err(RunError::Misuse(Misuse::new(
                "selvedge: an event loop runs on this thread already; call the function directly, \
                 or spawn a task",
            )));
        }
        if !runs_on_own_stacks() {
            return Err(RunError::Misuse(Misuse::new(FOREIGN)));
        }
        let cancels = self.0.cancels_on_interrupt;
        let event_loop = self.build().map_err(RunError::Io)?;
        let inner = &event_loop.0;
        // SAFETY: what `main` borrows and returns lives at least until this function returns, and nothing below returns
        // or unwinds before the task has ended: see `AbortOnUnwind`.
        let (task, packet) = unsafe {
            prepare(
                &inner.core,
                SpawnOptions::new(site),
                || Ok(main()),
                |_| None,
            )
        }
        .map_err(RunError::Io)?;
        task.set(RUNNABLE | MUST_NOT_ABANDON);
        inner.core.run_queue.push_task(task, task.parked.get());
        if cancels && cfg!(panic = "unwind") && is_main_thread() {
            inner.signals.set_main(&inner.reactor, task.id);
        }
        let reason = {
            let guard = AbortOnUnwind;
            let reason = event_loop.run_main(task, &packet);
            std::mem::forget(guard);
            reason
        };
        inner.signals.clear_main();
        inner.core.is_ending_run.set(true);
        event_loop.shut_down();
        let unhandled = inner.core.take_unhandled();
        // SAFETY: no other handle has the packet's type.
        let result = unsafe { packet.take() }
            .unwrap_or_else(|| Err(TaskError::invalid_state("the main task has no result")));
        if let Some(unhandled) = unhandled
            && !result.as_ref().is_err_and(TaskError::is_panic)
        {
            return Err(RunError::Unhandled(unhandled));
        }
        match (result, reason) {
            (Ok(value), _) => Ok(value),
            (Err(error), Some(reason)) if error.is_cancelled() => Err(reason),
            (Err(error), None) if error.is_cancelled() => {
                let message = error.message().map(Cow::into_owned);
                Err(RunError::Cancelled(Cancelled::new(message)))
            }
            (Err(error), _) => match error.into_panic() {
                Ok(payload) => resume_unwind(payload),
                Err(error) => Err(RunError::Misuse(Misuse::new(error.to_string()))),
            },
        }
    }
}

impl EventLoop {
    /// A loop with the default settings.
    ///
    /// # Errors
    /// If the system has no descriptors left for the poller.
    pub fn new() -> io::Result<Self> {
        Self::builder().build()
    }

    /// A builder for a loop with other settings.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Runs until the main task has ended. Returns the event that ended the run before, if there was one.
    fn run_main(&self, task: TaskPtr, packet: &AnyPacket) -> Option<RunError> {
        let inner = &self.0;
        let is_over = || packet.link().task().is_none();
        let core = Rc::downgrade(&inner.core);
        let stop = move || {
            if let Some(core) = core.upgrade() {
                core.run_queue.stop();
            }
        };
        let callback =
            crate::runtime::core::callback::Callback::new(Box::new(stop), Location::caller());
        task.with_extras(|extras| extras.add_callback(callback));
        within(inner, || {
            let halt = inner.run(|| false);
            if is_over() {
                return None;
            }
            let reason = self.explain(halt).unwrap_or(RunError::Stopped);
            // The task must end before this returns, because it may borrow from the caller.
            if !inner.is_forked() {
                inner.cancel_one(packet);
            }
            if !is_over() {
                inner.end_on_the_spot(task);
            }
            Some(reason)
        })
    }
}

/// The payload of the unwind that an interrupt of `run` causes. std drops this payload after `main` was
/// unwound.
struct Interrupted;

impl Drop for Interrupted {
    fn drop(&mut self) {
        end_process_by(number::SIGINT);
    }
}

/// Aborts if the loop unwinds while the main task has not ended.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        write_stderr(&[
            b"\nselvedge: the event loop panicked while its main task, which may borrow from the \
              caller, was not done; aborting\n",
        ]);
        std::process::abort();
    }
}

/// Runs a function as the main task of a new event loop, on this thread, and returns its value: asyncio's `run`. The
/// function may borrow.
///
/// When the main task is done, all other tasks are cancelled and run until they have ended. On the process's main
/// thread an interrupt (Ctrl-C) cancels the main task, and the process ends with the status 130 when all tasks have
/// ended; a second interrupt ends the process at once. See [`Builder::cancel_on_interrupt`].
///
/// ```
/// use std::time::Duration;
///
/// let words = ["warp", "weft"];
/// let n = selvedge::run(|| {
///     selvedge::sleep(Duration::from_millis(1));
///     words.len()
/// });
/// assert_eq!(n, 2);
/// ```
///
/// # Panics
/// With the function's panic, or with the message of the error that [`try_run`] returns. After an interrupt, `run`
/// unwinds without a message.
#[track_caller]
pub fn run<T>(main: impl FnOnce() -> T) -> T {
    Builder::new().run(main)
}

/// Runs a function as [`run`] does, and returns an error instead of a panic if the run fails.
///
/// ```
/// use selvedge::{Promise, RunError};
///
/// let never = selvedge::try_run(|| Promise::<()>::new().wait());
/// assert!(matches!(never, Err(RunError::Deadlock(_))));
/// ```
///
/// # Errors
/// If the main task could never be woken again or was cancelled, if the loop was stopped, if an event loop runs on this
/// thread already, or no loop can be made.
///
/// # Panics
/// With the function's panic. The process aborts with a sentence if the function has to end and does not (it goes on each
/// time it is cancelled), because it may borrow from the caller.
#[track_caller]
pub fn try_run<T>(main: impl FnOnce() -> T) -> Result<T, RunError> {
    Builder::new().try_run(main)
}
