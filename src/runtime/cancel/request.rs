//! Cancelling: a request that a task meets at a suspension, as an unwind.
//!
//! The payload names the task, so that only that task's root takes it for a cancel; to anything
//! else that catches it on the way it is an ordinary panic, which it resumes. It goes by
//! `resume_unwind`: no panic hook runs. Requests are edge-triggered: a body that catches one goes
//! on, and its next operation works.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::error::Cancelled;
use crate::runtime::core::block::{CANCEL_FORWARDED, COMPLETED, MUST_CANCEL, TaskPtr};
use crate::runtime::core::cancel_mask::{self, Level};
use crate::runtime::core::context::{self};
use crate::runtime::core::wake::unpark;
use crate::runtime::wait::unwind;

/// Asks a task to end. Where it waits for other tasks or promises, those are asked, and so on
/// down the chain; the task itself learns of it when its wait ends. False if it is done, or has begun
/// in a program whose panics abort: it can't be unwound there.
pub(crate) fn cancel(task: TaskPtr, message: Option<&str>) -> bool {
    cancel_from(task, None, message)
}

/// As [`cancel`], on behalf of a frame of the task itself, which stands at a level of its deferrals.
pub(crate) fn cancel_from(task: TaskPtr, level: Level, message: Option<&str>) -> bool {
    if !may_be_cancelled(task) {
        return false;
    }
    let (mut trail, mut level) = (WaitGraphWalk::from(task), level);
    while let Some(task) = trail.next() {
        // Only the first one is asked by a frame of its own.
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

/// Asks a task to end that waits for what is being ended anyway: it does not wait for that.
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

/// Asks a task to end as one of all of its loop's: what it waits for is asked by itself, so that a long
/// chain of tasks that wait for each other is not gone through once for each.
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

/// What is left to do for something that a cancel has ended: it drops what is the user's.
pub(crate) type Rest = Box<dyn FnOnce()>;

thread_local! {
    /// Without a destructor, so that it is there as long as the thread is.
    static RESTS: Cell<ManuallyDrop<Vec<Rest>>> = const { Cell::new(ManuallyDrop::new(Vec::new())) };
}

/// Has something done when the present walk along tasks is over. A destructor may do anything: where
/// the tasks' loop does not run, it may run it, or drop it, and no task of the walk is there any more.
pub(crate) fn after_walk(rest: Option<Rest>) {
    if let Some(rest) = rest {
        let mut rests = take_rests();
        rests.push(rest);
        RESTS.set(ManuallyDrop::new(rests));
    }
}

/// Does what was left to do; nobody holds a task by its address here.
pub(crate) fn walk_is_over() {
    for rest in take_rests() {
        context::without_task(rest);
    }
}

fn take_rests() -> Vec<Rest> {
    ManuallyDrop::into_inner(RESTS.replace(ManuallyDrop::new(Vec::new())))
}

/// The way from a task down to those that it waits for, those that they wait for, and so on.
pub(crate) struct WaitGraphWalk {
    next: Option<TaskPtr>,
    /// Those after it, the last one first. A chain needs none.
    others: Vec<TaskPtr>,
    /// How many steps there can be: one task waits for another by the one handle that it has, and a
    /// scope's host for its children, so that there are two ways to each, unless some wait in a circle.
    n_left: usize,
}

impl WaitGraphWalk {
    pub(crate) fn from(task: TaskPtr) -> Self {
        Self {
            next: Some(task),
            others: Vec::new(),
            n_left: 2 * task.n_of_loop(),
        }
    }

    pub(crate) fn next(&mut self) -> Option<TaskPtr> {
        self.n_left = self.n_left.checked_sub(1)?;
        self.next.take().or_else(|| self.others.pop())
    }

    /// Whether there was one way on at most everywhere.
    pub(crate) fn is_chain(&self) -> bool {
        self.others.capacity() == 0
    }

    /// Has the way go on to what a task waits for.
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

/// Ends a task that only waits for something on somebody's behalf, without cancelling that.
pub(crate) fn stop_waiting(task: TaskPtr) {
    task.set(MUST_CANCEL);
    unpark(task);
}

/// How many requests a task has that were not taken back.
pub(crate) fn n_requests(task: TaskPtr) -> u32 {
    task.n_cancels.get() + cancel_mask::n_requests(task)
}

/// Takes one request back; answers how many are left. With the last one goes what was not
/// delivered yet.
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

/// Whether a cancel was passed on to what the task has just stopped waiting for; asking clears
/// that.
pub(crate) fn was_forwarded(task: TaskPtr) -> bool {
    let through = task.has(CANCEL_FORWARDED);
    task.clear(CANCEL_FORWARDED);
    through
}

/// The message of a cancel of the running task that a function unwinds with; any other payload goes
/// on.
///
/// May suspend if the function does. A task whose cancel was caught goes on and is not cancelled.
///
/// ```
/// let caught = selvedge::run(|| {
///     let task = selvedge::spawn(|| {
///         let caught = selvedge::task::catch_cancelled(|| selvedge::sleep(std::time::Duration::MAX));
///         caught.unwrap_err().message().to_owned()
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
/// With whatever else the function panics with.
pub fn catch_cancelled<T>(f: impl FnOnce() -> T) -> Result<T, Cancelled> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| {
        let task = context::current().and_then(|core| core.current());
        match task {
            Some(task) if unwind::may_be_caught(&payload, task) => Cancelled::new(task.message()),
            _ => resume_unwind(payload),
        }
    })
}
