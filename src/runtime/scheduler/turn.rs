//! The loop itself: runs tasks and callbacks, polls timers and descriptors, and sleeps when there is nothing to do.
//!
//! The loop runs on the thread's own stack. The loop enters a task by a jump, and a task that parks jumps back to the
//! loop: a task parks inside of functions that it has called, so calls and returns would not match (`enter.s`). One
//! place runs all tasks and callbacks, with one exception: a task that yields enters the next task directly if the
//! loop has nothing to do in between (`park::yield_now`).

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Signals;
use super::idle_stacks::IdleStacks;
use crate::arch::Parked;
use crate::coroutine::Status;
use crate::error::Deadlock;
use crate::runtime::core::{
    Callback, Clock, Core, ExceptionContext, Nanoseconds, Owner, Parts, Runnable, TaskPtr,
    TaskStack,
};
use crate::runtime::io::Reactor;
use crate::runtime::observe::deadlock;
use crate::runtime::task::{TaskRef, dispatch};
use crate::runtime::threads::{Injector, Message, Pool, WakerRegistry};
use crate::runtime::time::Timers;
use crate::stack;
use crate::sys::fork;
use crate::sys::poller::Poller;

/// A loop and everything that it owns.
pub(crate) struct Loop {
    pub(crate) core: Rc<Core>,
    pub(crate) timers: Rc<Timers>,
    pub(crate) reactor: Rc<Reactor>,
    pub(crate) waits: Rc<WakerRegistry>,
    pub(crate) signals: Rc<Signals>,
    pub(crate) injector: Arc<Injector>,
    pub(crate) shutdown_timeout: Duration,
    idle_stacks: IdleStacks,
    fork: fork::Generation,
    was_made_in_teardown: bool,
}

/// The settings of a loop.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) stack_size_bytes: usize,
    pub(crate) is_virtual: bool,
    pub(crate) is_debug: bool,
    pub(crate) is_strict: bool,
    pub(crate) slow_callback_duration: Duration,
    pub(crate) shutdown_timeout: Duration,
    /// `None` for a limit by the number of processors.
    pub(crate) max_blocking_threads: Option<usize>,
    /// `None` for no limit.
    pub(crate) max_blocking_queued: Option<usize>,
    pub(crate) cancels_on_interrupt: bool,
    /// `None` for never.
    pub(crate) idle_stack_timeout: Option<Duration>,
    /// Whether files are on io_uring; `None` for where it is usable.
    pub(crate) io_uring: Option<bool>,
}

/// Why a run ended.
#[derive(Debug)]
pub(crate) enum Halt {
    Stopped,
    Deadlock(Deadlock),
    Io(io::Error),
    /// This process was forked from the one that made the loop.
    Forked,
}

/// The error for a loop in a forked process.
pub(crate) const FORKED: &str = "selvedge: this event loop was made in the process that forked this one; make \
                      another one here";

impl Loop {
    pub(crate) fn new(settings: &Settings) -> io::Result<Rc<Self>> {
        let poller = Poller::new()?;
        let core = Core::new(
            Clock::new(settings.is_virtual),
            settings.stack_size_bytes,
            settings.is_debug,
            settings.is_strict,
            settings.slow_callback_duration,
        );
        let injector = Injector::new(core.id, poller.notifier());
        let pool = Pool::new(settings.max_blocking_threads, settings.max_blocking_queued);
        let new = Rc::new(Self {
            timers: Timers::new(),
            reactor: Reactor::new(poller, Arc::clone(&injector), settings.io_uring)?,
            waits: WakerRegistry::new(Arc::clone(&injector), pool),
            signals: Signals::new(),
            injector,
            core,
            shutdown_timeout: settings.shutdown_timeout,
            idle_stacks: IdleStacks::new(
                settings.idle_stack_timeout.filter(|_| !settings.is_virtual),
            ),
            fork: fork::Generation::now(),
            was_made_in_teardown: stack::in_teardown(),
        });
        let this: Rc<dyn Owner> = new.clone();
        new.core.set_parts(Parts {
            timers: new.timers.clone(),
            reactor: new.reactor.clone(),
            wakers: new.waits.clone(),
            owner: Rc::downgrade(&this),
        });
        Ok(new)
    }

    pub(crate) fn is_forked(&self) -> bool {
        !self.fork.is_this()
    }

    /// Whether the thread is being torn down, and this loop was created before the teardown.
    pub(crate) fn is_in_teardown(&self) -> bool {
        stack::in_teardown() && !self.was_made_in_teardown
    }

    /// Runs until `stop` is called, `is_done` returns true between two batches, or nothing can happen any more.
    pub(crate) fn run(&self, is_done: impl Fn() -> bool) -> Halt {
        // Also if this unwinds.
        let _settle = Settle(self);
        self.run_until(is_done)
    }

    fn run_until(&self, is_done: impl Fn() -> bool) -> Halt {
        let queue = &self.core.run_queue;
        loop {
            // 1. When a poll is due, or the queue is empty: messages of other threads, timers, descriptors. With
            //    nothing to run the loop sleeps here.
            if (queue.is_empty() || queue.is_poll_due())
                && let Err(halt) = self.poll(queue.is_empty() && !queue.is_stopping())
            {
                return halt;
            }
            // 2. Iterations, each of the entries that are queued at its start, until the next poll is due, the queue
            //    is empty, or an iteration ends with a stop.
            queue.begin_batch();
            self.run_batch();
            // 3. The end of the run, between iterations only.
            if queue.is_iteration_over() && queue.is_stopping() {
                queue.clear_stop();
                return Halt::Stopped;
            }
            if is_done() {
                return Halt::Stopped;
            }
        }
    }

    /// Runs the entries of the current batch: the one place from which tasks and callbacks run.
    #[inline(always)]
    fn run_batch(&self) {
        if self.core.is_debug.get() {
            return self.run_batch_watched();
        }
        // Each task returns the core, so that finding the next task need not wait for loads from this stack.
        let mut core = &*self.core;
        while let Some(runnable) = core.run_queue.next() {
            match runnable {
                Runnable::Task(task, parked) => core = dispatch(core, task, parked),
                Runnable::Callback(callback) => self.call(&callback),
            }
        }
    }

    /// As `run_batch`, and reports slow tasks and callbacks.
    #[cold]
    fn run_batch_watched(&self) {
        while let Some(runnable) = self.core.run_queue.next() {
            match runnable {
                Runnable::Task(task, parked) => self.resume_watched(task, parked),
                Runnable::Callback(callback) => self.call(&callback),
            }
        }
    }

    /// Enters a task, and reports it if it is slow. The code between two suspensions can't be observed, so the report
    /// has the place where the task was resumed and the place where it has suspended again.
    fn resume_watched(&self, task: TaskPtr, parked: Parked) {
        let (view, site) = (TaskRef::of(task), task.site());
        let resumed_at = TaskStack::of_next(task, parked);
        let start = Instant::now();
        self.core.run_queue.disable_direct();
        dispatch(&self.core, task, parked);
        let took = start.elapsed();
        // The task has left the stack.
        self.core.set_current(None);
        if let Some(view) = view.filter(|_| self.is_slow(took)) {
            let name = view.name();
            let suspended_at = Some(view.stack()).filter(|stack| stack.status() != Status::Done);
            self.report_slow(took, "task", name, |context| {
                let context = context.with_source(site);
                context.with_slow_turn(resumed_at, suspended_at)
            });
        }
    }

    fn call(&self, callback: &Callback) {
        self.core.set_current(None);
        let start = self.core.is_debug.get().then(Instant::now);
        let result = callback.call();
        let name = || format!("Handle(created at {})", callback.site);
        if let Err(error) = result {
            let mut context = ExceptionContext::new("Exception in callback")
                .with_exception(error)
                .with_subject("handle", name());
            if self.core.is_debug.get() {
                context = context.with_source(callback.site);
            }
            self.core.report(&context);
        }
        if let Some(took) = start
            .map(|start| start.elapsed())
            .filter(|took| self.is_slow(*took))
        {
            let add = |context: ExceptionContext| context.with_source(callback.site);
            self.report_slow(took, "handle", name(), add);
        }
    }

    fn is_slow(&self, took: Duration) -> bool {
        took >= self.core.slow_callback_duration
    }

    fn report_slow(
        &self,
        took: Duration,
        kind: &'static str,
        name: String,
        add: impl FnOnce(ExceptionContext) -> ExceptionContext,
    ) {
        self.core.set_current(None);
        let message = format!(
            "Executing {name} took {:.3} seconds; no other task or callback could run meanwhile",
            took.as_secs_f64()
        );
        let context = ExceptionContext::new(message).with_subject(kind, name);
        self.core.report(&add(context));
    }

    /// Polls messages, timers and descriptors. With `may_sleep`, sleeps until one of them has something.
    fn poll(&self, may_sleep: bool) -> Result<(), Halt> {
        if self.is_forked() {
            return Err(Halt::Forked);
        }
        self.core.set_current(None);
        let queue = &self.core.run_queue;
        if self.waits.pool.time_to_look() == Some(Duration::ZERO) {
            let now = Instant::now();
            self.waits.pool.look(now, |sentence| self.tell(sentence));
        }
        self.receive();
        self.fire_timers();
        let mut n_events = self.reactor.files.turn();
        if may_sleep && queue.is_empty() {
            n_events += self.sleep()?;
            n_events += self.reactor.files.turn();
            self.receive();
            self.fire_timers();
        } else if self.reactor.n_waiting() > 0 {
            self.reactor
                .poll(Some(Duration::ZERO), queue.is_empty())
                .map_err(Halt::Io)?;
        }
        queue.polled(self.core.n_tasks.get(), n_events > 1);
        Ok(())
    }

    /// Reports a message that has no other source.
    pub(crate) fn tell(&self, sentence: String) {
        self.core.report(&ExceptionContext::new(sentence));
    }

    fn fire_timers(&self) {
        if !self.timers.is_empty() {
            self.timers.fire(&self.core, self.core.clock.now());
        }
    }

    /// Processes signals and messages of other threads.
    pub(crate) fn receive(&self) {
        self.signals.receive(&self.core);
        self.receive_messages();
    }

    /// Queues the callbacks and wakes the tasks of the messages that have been sent so far, so that callbacks and tasks
    /// that are queued next come after them.
    pub(crate) fn receive_messages(&self) {
        if self.injector.is_empty() {
            return;
        }
        for _ in 0..self.injector.len() {
            match self.injector.pop() {
                Some(Message::Call(function, site)) => {
                    self.core.call_soon(function, site);
                }
                Some(Message::Wake(number)) => self.waits.wake(number),
                Some(Message::Forget(token)) => self.reactor.forget(token),
                Some(Message::Shut(token, direction)) => self.reactor.shut(token, direction),
                None => break,
            }
        }
    }

    /// Sleeps until something may have happened. Returns the number of events of descriptors.
    fn sleep(&self) -> Result<usize, Halt> {
        let timeout = match self.earliest() {
            Some(deadline) if self.core.clock.is_virtual() && !self.has_work_outside() => {
                let now = Some(Duration::ZERO);
                let n_events = self.reactor.poll(now, true).map_err(Halt::Io)?;
                if n_events == 0 && self.injector.is_empty() {
                    self.core.clock.jump(deadline);
                }
                return Ok(n_events);
            }
            // A virtual clock stands still during such work, which takes real time.
            Some(_) if self.core.clock.is_virtual() => None,
            Some(deadline) => {
                let left = deadline.saturating_sub(self.core.clock.now());
                Some(Duration::from_nanos(left))
            }
            None if self.can_something_happen() => self.wakers_only().then_some(LOOK_AGAIN),
            // The last handle has sent its messages before it was dropped: they are queued by now.
            None if !self.injector.is_empty() => return Ok(0),
            None => return Err(Halt::Deadlock(deadlock::report(&self.core))),
        };
        let looks = [
            self.idle_stacks.look(&self.core),
            self.waits.pool.time_to_look(),
        ];
        let timeout = looks.into_iter().chain([timeout]).flatten().min();
        if !self.injector.prepare_to_sleep() {
            return Ok(0);
        }
        let polled = self.reactor.poll(timeout, true);
        self.injector.awake();
        let n_events = polled.map_err(Halt::Io)?;
        if n_events == 0 {
            self.idle_stacks.slept_in_vain();
        }
        Ok(n_events)
    }

    fn earliest(&self) -> Option<Nanoseconds> {
        if self.core.clock.is_virtual() {
            // The clock must not jump to a cancelled deadline.
            self.timers.sweep();
        }
        self.timers.earliest()
    }

    /// Whether anything but a deadline can wake a task.
    fn can_something_happen(&self) -> bool {
        !self.timers.is_empty()
            || self.reactor.n_waiting() > 0
            || self.injector.n_handles() > 0
            || self.has_work_outside()
            || self.signals.may_wake()
            || self.waits.has_channels()
            || self.waits.may_be_woken()
    }

    /// Whether a job of the pool or an operation of the kernel on a file is awaited. Both report their end.
    fn has_work_outside(&self) -> bool {
        self.waits.has_jobs() || self.reactor.files.n_in_flight() > 0
    }

    /// Whether only wakers on other threads can wake a task. Dropping a waker sends no message.
    fn wakers_only(&self) -> bool {
        self.timers.is_empty()
            && self.reactor.n_waiting() == 0
            && self.injector.n_handles() == 0
            && !self.has_work_outside()
            && !self.signals.may_wake()
            && !self.waits.has_channels()
    }
}

/// The end of a run: the kernel has finished with the memory of operations on files.
struct Settle<'a>(&'a Loop);

impl Drop for Settle<'_> {
    fn drop(&mut self) {
        self.0.core.set_current(None);
        self.0.reactor.files.settle();
    }
}

/// How often a loop that only wakers can wake checks whether any are left.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
