//! Requests to cancel a task. The task's next suspension delivers a request, as an unwind (`wait::unwind`).
//!
//! The unwind's payload names the task, so only that task's root takes it for a cancel. Other code that catches it on the
//! way sees an ordinary panic, and resumes it. It is raised by `resume_unwind`, so no panic hook runs. Requests are
//! edge-triggered: a body that catches one goes on, and its next operation works.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::error::Cancelled;
use crate::runtime::core::{
    CANCEL_FORWARDED, COMPLETED, Level, MUST_CANCEL, TaskPtr, cancel_mask, context, unpark,
};
use crate::runtime::wait::unwind;

/// Requests a cancel of a task. A task that waits for other tasks or promises forwards the request to them, and so on
/// down the chain; the task itself is cancelled when its wait ends. False if the task is done, or has begun in a program
/// whose panics abort, where it can't be unwound.
pub(crate) fn cancel(task: TaskPtr, message: Option<&str>) -> bool {
    cancel_from(task, None, message)
}

/// As [`cancel`], for a frame of the task itself, at that frame's level of cancel masks.
pub(crate) fn cancel_from(task: TaskPtr, level: Level, message: Option<&str>) -> bool {
    if !may_be_cancelled(task) {
        return false;
    }
    let (mut trail, mut level) = (WaitGraphWalk::from(task), level);
    while let Some(task) = trail.next() {
        // Only the first task has a frame that requests.
        let level = level.take();
        if message.is_some() || task.message().is_some() {
            task.with_extras(|extras| extras.message = message.map(str::to_owned));
        }
        if cancel_mask::defers(task, level) {
            continue;
        }
        task.n_cancels.set(task.n_cancels.get() + 1);
        if task.has(MUST_CANCEL) {
            continue;
        }
        if task.with_awaiting(|what| what.cancel(message)) == Some(true) {
            task.set(CANCEL_FORWARDED);
            trail.follow(task);
        } else {
            task.clear(CANCEL_FORWARDED);
            task.set(MUST_CANCEL);
            unpark(task);
        }
    }
    walk_is_over();
    true
}

/// As [`cancel_from`], without forwarding: what the task waits for is being cancelled anyway.
pub(crate) fn cancel_at_once(task: TaskPtr, level: Level) -> bool {
    if !may_be_cancelled(task) {
        return false;
    }
    if !cancel_mask::defers(task, level) {
        task.n_cancels.set(task.n_cancels.get() + 1);
        task.clear(CANCEL_FORWARDED);
        task.set(MUST_CANCEL);
        unpark(task);
    }
    true
}

/// A task that has begun can't be unwound where panics abort.
fn may_be_cancelled(task: TaskPtr) -> bool {
    !(task.has(COMPLETED) || cfg!(panic = "abort") && task.has_begun())
}

/// Requests a cancel of a task while all tasks of its loop are cancelled. Each task gets its own request, so this does
/// not follow the chain of tasks that the task waits for.
pub(crate) fn cancel_one_of_all(task: TaskPtr) {
    let is_passed_on = || task.with_awaiting(|what| what.cancel(None)) == Some(true);
    if !task.has(MUST_CANCEL) && cancel_mask::level(task).is_none() && is_passed_on() {
        task.n_cancels.set(task.n_cancels.get() + 1);
        task.set(CANCEL_FORWARDED);
        walk_is_over();
    } else {
        cancel(task, None);
    }
}

/// Deferred cleanup; may run user destructors.
pub(crate) type Cleanup = Box<dyn FnOnce()>;

thread_local! {
    /// Without a destructor, so that it lives as long as the thread.
    static CLEANUPS: Cell<ManuallyDrop<Vec<Cleanup>>> = const { Cell::new(ManuallyDrop::new(Vec::new())) };
}

/// Defers a cleanup until the present walk along tasks is over. A destructor may run or drop the tasks' loop, and then no
/// task of the walk is left.
pub(crate) fn after_walk(cleanup: Option<Cleanup>) {
    if let Some(cleanup) = cleanup {
        let mut cleanups = take_cleanups();
        cleanups.push(cleanup);
        CLEANUPS.set(ManuallyDrop::new(cleanups));
    }
}

/// Runs the deferred cleanups. The caller holds no `TaskPtr`.
pub(crate) fn walk_is_over() {
    for cleanup in take_cleanups() {
        context::without_task(cleanup);
    }
}

fn take_cleanups() -> Vec<Cleanup> {
    ManuallyDrop::into_inner(CLEANUPS.replace(ManuallyDrop::new(Vec::new())))
}

/// A walk from a task to the tasks that it waits for, the tasks that they wait for, and so on.
pub(crate) struct WaitGraphWalk {
    next: Option<TaskPtr>,
    /// The tasks after `next`, last one first. Empty for a chain.
    others: Vec<TaskPtr>,
    /// Steps that are left. A task is waited for through its one handle and by its scope's host, so a walk without a
    /// cycle reaches each task at most twice.
    n_left: usize,
}

impl WaitGraphWalk {
    pub(crate) fn from(task: TaskPtr) -> Self {
        Self {
            next: Some(task),
            others: Vec::new(),
            n_left: 2 * task.n_tasks_of_loop(),
        }
    }

    pub(crate) fn next(&mut self) -> Option<TaskPtr> {
        self.n_left = self.n_left.checked_sub(1)?;
        self.next.take().or_else(|| self.others.pop())
    }

    /// Whether each task so far waits for one task at most.
    pub(crate) fn is_chain(&self) -> bool {
        self.others.capacity() == 0
    }

    /// Enqueues the tasks that `task` awaits.
    pub(crate) fn follow(&mut self, task: TaskPtr) {
        let n_before = self.others.len();
        task.with_awaiting(|what| {
            what.tasks(&mut |task| match self.next {
                None => self.next = Some(task),
                Some(_) => self.others.push(task),
            });
        });
        self.others[n_before..].reverse();
    }
}

/// Cancels a task that only waits for something, and does not forward the cancel to what the task waits for.
pub(crate) fn stop_waiting(task: TaskPtr) {
    task.set(MUST_CANCEL);
    unpark(task);
}

/// Number of requests of a task that were not taken back.
pub(crate) fn n_requests(task: TaskPtr) -> u32 {
    task.n_cancels.get() + cancel_mask::n_requests(task)
}

/// Takes one request back, and returns how many are left. Taking back the last one also withdraws a pending cancel.
pub(crate) fn take_back(task: TaskPtr) -> u32 {
    match task.n_cancels.get() {
        0 => cancel_mask::take_back(task),
        n => task.n_cancels.set(n - 1),
    }
    if task.n_cancels.get() == 0 {
        task.clear(MUST_CANCEL);
    }
    n_requests(task)
}

/// Whether a cancel was forwarded to what the task has just stopped waiting for. Clears the flag.
pub(crate) fn take_forwarded(task: TaskPtr) -> bool {
    let through = task.has(CANCEL_FORWARDED);
    task.clear(CANCEL_FORWARDED);
    through
}

/// Calls a function. If a cancel of the running task unwinds out of the function, returns the cancel's message as an
/// error; any other unwind continues.
///
/// May suspend if the function does. A task whose cancel was caught goes on and is not cancelled.
///
/// ```
/// let caught = selvedge::run(|| {
///     let task = selvedge::spawn(|| {
///         let caught = selvedge::task::catch_cancelled(|| selvedge::sleep(std::time::Duration::MAX));
///         caught.unwrap_err().message().unwrap().to_owned()
///     });
///     selvedge::yield_now();
///     task.cancel_with("enough");
///     task.join()
/// });
/// assert_eq!(caught.unwrap(), "enough");
/// ```
///
/// # Errors
/// [`Cancelled`], with the message.
///
/// # Panics
/// With any other panic of the function.
pub fn catch_cancelled<T>(f: impl FnOnce() -> T) -> Result<T, Cancelled> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| {
        let task = context::current().and_then(|core| core.current());
        match task {
            Some(task) if unwind::may_be_caught(&payload, task) => Cancelled::new(task.message()),
            _ => resume_unwind(payload),
        }
    })
}
