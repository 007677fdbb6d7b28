//! How a loop ends its tasks.
//!
//! 1. Each task is cancelled, and the loop runs until all have ended, for a bounded time.
//! 2. The remaining tasks are unwound by force, newest first: each is entered, and every suspension unwinds at once.
//! 3. A task that does not end even so is abandoned, and its stack is leaked.
//!
//! A loop that is dropped while its thread panics, or inside of another loop, skips step 1: no other task runs.

use std::panic::Location;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use super::{Halt, Loop};
use crate::coroutine::drop_quietly;
use crate::error::TaskError;
use crate::runtime::cancel::request;
use crate::runtime::core::{
    AnyPacket, COMPLETED, Callback, Core, ExceptionContext, NEVER, NOTIFIED, Nanoseconds, Runnable,
    SCHEDULED, TaskId, TaskPtr,
};
use crate::runtime::task::{abandoned, dispatch_now};
use crate::runtime::time::Key;
use crate::runtime::wait::delivery;

/// The maximum number of repetitions of a step that destructors, or the task itself, could prolong without end.
const MAX_ROUNDS: usize = 1024;

/// The most callbacks that are dropped after destructors of others have queued them.
const MAX_REQUEUED: usize = 1 << 20;

/// After this time the exception handler gets a report of the tasks for which the end of the loop
/// waits.
const LATE: Duration = Duration::from_secs(1);

/// The maximum number of tasks that such a report names.
const N_NAMED: usize = 8;

/// Reports the tasks that have not ended: all, which include tasks that were spawned since the cancel; or the only one that
/// was cancelled.
fn report_late(core: &Core, only: Option<TaskId>) {
    let text = match only {
        Some(_) => "The loop is ending, and waits for the main task, which was cancelled",
        None => "The loop is ending. All tasks were cancelled, and it waits for",
    };
    let mut tasks = core.tasks();
    tasks.retain(|task| only.is_none_or(|id| task.id == id));
    core.report(&ExceptionContext::new(format!("{text}: {}", names(&tasks))));
}

/// The names of tasks, and what each waits for.
fn names(tasks: &[TaskPtr]) -> String {
    let named = tasks.iter().take(N_NAMED);
    let named: Vec<_> = named
        .map(|task| format!("{}, which waits for {}", task.name(), task.waits_for()))
        .collect();
    let more = match tasks.len().saturating_sub(N_NAMED) {
        0 => String::new(),
        n_more => format!("; and {n_more} more"),
    };
    format!("{}{more}", named.join("; "))
}

impl Loop {
    /// Step 1: cancels every task, and runs them until they have ended.
    pub(crate) fn cancel_all(&self) {
        if cfg!(panic = "abort") {
            // A task that has begun can't be cancelled.
            return;
        }
        let is_over = || self.core.n_tasks.get() == 0;
        let cancel = || {
            for task in self.core.tasks() {
                request::cancel_one_of_all(task);
            }
        };
        let is_time_up = self.run_for_a_while(None, is_over, cancel);
        if is_time_up {
            self.report_force(&self.core.tasks());
        }
    }

    /// Reports the tasks that are unwound by force, if there are any.
    fn report_force(&self, tasks: &[TaskPtr]) {
        // With a timeout of zero the program wants no more than one turn.
        if !tasks.is_empty() && !self.shutdown_timeout.is_zero() {
            self.tell(format!(
                "The loop unwinds tasks by force, because they have not ended {:?} after the loop began to end \
                 (`event_loop::Builder::shutdown_timeout`): {}",
                self.shutdown_timeout,
                names(tasks)
            ));
        }
    }

    /// Step 1 for one task.
    pub(crate) fn cancel_one(&self, packet: &AnyPacket) {
        if cfg!(panic = "abort") {
            return;
        }
        let task = || packet.link().task();
        let cancel = || {
            let _ = task().map(|task| request::cancel(task, None));
        };
        let id = task().map(|task| task.id);
        let is_time_up = self.run_for_a_while(id, || task().is_none(), cancel);
        if is_time_up {
            self.report_force(task().as_slice());
        }
    }

    /// Calls `cancel` and runs the loop until `is_over` returns true. If the loop is stopped earlier, does both again.
    /// Gives up after the shutdown timeout; returns whether this time has passed.
    fn run_for_a_while(
        &self,
        only: Option<TaskId>,
        is_over: impl Fn() -> bool,
        cancel: impl Fn(),
    ) -> bool {
        let deadline = self.core.clock.after(self.shutdown_timeout);
        let is_late = self.core.clock.after(LATE);
        // A virtual clock's time is not real time.
        let is_told = is_late < deadline && !self.core.clock.is_virtual();
        let timers = match is_over() {
            true => [None, None],
            false => [
                (deadline < NEVER)
                    .then(|| self.call_with_core(deadline, |core| core.run_queue.stop())),
                is_told.then(|| self.call_with_core(is_late, move |core| report_late(core, only))),
            ],
        };
        for _ in 0..MAX_ROUNDS {
            if is_over() {
                break;
            }
            cancel();
            let halt = self.run(&is_over);
            if !matches!(halt, Halt::Stopped) || self.core.clock.now() >= deadline {
                break;
            }
        }
        for timer in timers.into_iter().flatten() {
            self.timers.cancel(timer);
        }
        self.core.clock.now() >= deadline
    }

    fn call_with_core(&self, deadline: Nanoseconds, f: impl FnOnce(&Core) + 'static) -> Key {
        let core = Rc::downgrade(&self.core);
        let call = move || {
            if let Some(core) = core.upgrade() {
                f(&core);
            }
        };
        let callback = Callback::new(Box::new(call), Location::caller());
        self.timers.call_at(deadline, callback)
    }

    /// Steps 2 and 3: ends the remaining tasks on the spot, and tasks that this spawns.
    pub(crate) fn end_all(&self) {
        let mut n_left = MAX_ROUNDS + self.core.n_tasks.get();
        while let Some(task) = self.core.newest_task() {
            if n_left == 0 {
                // Destructors, or the handler, spawn without end: abandon the rest.
                drop_quietly(self.core.handler.take());
                self.clear_queue();
                abandoned(&self.core, task);
            } else {
                n_left -= 1;
                self.end_on_the_spot(task);
            }
        }
    }

    /// Unwinds a task by force, or abandons it. The children of its scopes come first, newest first, because a task that
    /// is being unwound can't wait for them.
    pub(crate) fn end_on_the_spot(&self, task: TaskPtr) {
        while let Some(child) = self.core.newest_child(task) {
            child.close_scope();
            self.end_one(child);
        }
        self.end_one(task);
    }

    fn end_one(&self, task: TaskPtr) {
        let (id, name) = (task.id, task.name());
        delivery::force_unwind(task);
        self.core.set_current(None);
        self.clear_queue();
        if cfg!(panic = "unwind") || !task.has_begun() {
            // A task that was yielding returns to the loop once more.
            for _ in 0..MAX_ROUNDS {
                task.set(SCHEDULED);
                dispatch_now(&self.core, task);
                self.core.set_current(None);
                // The task and its block may be gone, so look for its number.
                let is_there = self.core.find_task(id).is_some();
                let has_parked = !is_there || !task.has(SCHEDULED);
                self.clear_queue();
                if has_parked {
                    break;
                }
            }
        }
        if let Some(task) = self.core.find_task(id) {
            self.core.report(
                &ExceptionContext::new("Task can't be ended; its stack is leaked")
                    .with_exception(TaskError::misuse(
                        "the task continues each time it is cancelled, or panics abort in this program",
                    ))
                    .with_subject("task", name),
            );
            self.clear_queue();
            abandoned(&self.core, task);
        }
    }

    /// Drops the queued callbacks, and keeps the tasks in the queue.
    pub(crate) fn clear_callbacks(&self) {
        let (mut tasks, mut callbacks) = (Vec::new(), Vec::new());
        while let Some(runnable) = self.core.run_queue.pop() {
            match runnable {
                Runnable::Callback(callback) => callbacks.push(callback),
                Runnable::Task(task, parked) => tasks.push((task, parked)),
            }
        }
        for (task, parked) in tasks {
            self.core.run_queue.push_task(task, parked);
        }
        // Their destructors find a consistent queue.
        for callback in callbacks {
            callback.discard();
        }
    }

    /// Drops the queued callbacks, and removes the tasks from the queue.
    pub(crate) fn clear_queue(&self) {
        // A destructor may queue more callbacks, without end.
        let mut n_left = self.core.run_queue.len() + MAX_REQUEUED;
        while n_left > 0
            && let Some(runnable) = self.core.run_queue.pop()
        {
            n_left -= 1;
            match runnable {
                Runnable::Callback(callback) => callback.discard(),
                Runnable::Task(task, parked) => {
                    if !task.has(COMPLETED) {
                        task.parked.set(parked);
                        task.clear(SCHEDULED | NOTIFIED);
                    }
                }
            }
        }
    }

    /// Closes a loop in the middle of a run, or of its shutdown, because the coroutine that runs it is abandoned. No task
    /// runs.
    pub(crate) fn close_abandoned(&self) {
        let core = &self.core;
        core.is_closing.set(true);
        core.is_closing_in_panic.set(thread::panicking());
        core.set_entered((None, None));
        self.signals.clear_main();
        self.clear_callbacks();
        self.end_all();
        self.close_intake(None);
        core.is_running.set(false);
    }

    /// Closes a loop while its thread is being torn down. Objects to which the tasks' frames refer may be destroyed, so
    /// the tasks are leaked without an unwind, with the loop's descriptors, which their waits refer to. The destructors of
    /// callbacks notify code that waits for these tasks on other threads.
    pub(crate) fn leak(&self) {
        let core = &self.core;
        core.is_closing.set(true);
        let tasks = core.tasks();
        if !tasks.is_empty() {
            std::mem::forget(Rc::clone(core));
        }
        for task in tasks {
            let callbacks = task.with_extras(|extras| std::mem::take(&mut extras.callbacks));
            callbacks
                .iter()
                .for_each(|(_, callback)| callback.discard());
        }
        self.close_intake(None);
    }

    /// Refuses further messages of other threads, and drops the remaining messages and callbacks. The tasks have ended.
    /// With a timeout, then waits that long for running jobs.
    pub(crate) fn close_intake(&self, timeout: Option<Duration>) {
        self.core.is_closed.set(true);
        self.reactor.files.settle();
        self.signals.close(&self.reactor);
        self.injector.close();
        // Before the wait for jobs: a job may wait for a remote task that was not begun, or for a value that a
        // callback owns.
        self.drop_messages_and_callbacks();
        self.waits
            .close_pool(timeout, |sentence| self.tell(sentence));
        self.drop_messages_and_callbacks();
        drop_quietly(self.core.handler.take());
    }

    fn drop_messages_and_callbacks(&self) {
        while let Some(message) = self.injector.pop() {
            drop_quietly(message);
        }
        self.clear_queue();
        self.timers.clear();
    }
}
