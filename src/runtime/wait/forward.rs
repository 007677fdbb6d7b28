//! Forwards a cancel to the tasks and promises that a task waits for, to those that these tasks
//! wait for, and so on.

use std::cell::Cell;
use std::collections::HashSet;
use std::mem::ManuallyDrop;

use crate::runtime::core::{
    CANCEL_FORWARDED, CancelFrame, MUST_CANCEL, TASK_CANCEL, TaskPtr, cancel_frame, context, unpark,
};

/// Requests a cancel of a task, on behalf of one of its frames or of other code, and forwards the request to the tasks and
/// promises that the task waits for. The caller calls [`walk_is_over`].
pub(crate) fn cancel_chain(task: TaskPtr, from: Option<&CancelFrame>, message: Option<&str>) {
    let mut walk = WaitGraphWalk::from(task);
    walk.next();
    cancel_one(task, from, message, &mut walk);
    cancel_rest(walk, message, None);
}

/// As [`cancel_chain`], for a cancel that a scope's host forwards to a child. Returns whether the child waits for the
/// host, through other tasks. The host is not cancelled again.
pub(crate) fn cancel_child(child: TaskPtr, host: TaskPtr, message: Option<&str>) -> bool {
    let mut walk = WaitGraphWalk::from(child);
    walk.next();
    cancel_one(child, None, message, &mut walk);
    cancel_rest(walk, message, Some(host))
}

/// Cancels the tasks and promises that the running task is about to wait for. Returns false if the wait can't be
/// cancelled this way.
pub(super) fn forward(task: TaskPtr) -> bool {
    let message = task.message();
    if task.with_awaiting(|what| what.cancel(message.as_deref())) != Some(true) {
        return false;
    }
    let mut walk = WaitGraphWalk::from(task);
    walk.next();
    walk.follow(task);
    cancel_rest(walk, message.as_deref(), Some(task));
    true
}

/// Cancels the tasks of a walk except the origin of the cancel. Returns whether the walk has reached the origin.
fn cancel_rest(mut walk: WaitGraphWalk, message: Option<&str>, origin: Option<TaskPtr>) -> bool {
    let mut has_returned = false;
    while let Some(task) = walk.next() {
        if Some(task) == origin {
            has_returned = true;
        } else {
            cancel_one(task, None, message, &mut walk);
        }
    }
    has_returned
}

fn cancel_one(
    task: TaskPtr,
    from: Option<&CancelFrame>,
    message: Option<&str>,
    walk: &mut WaitGraphWalk,
) {
    if message.is_some() || task.message().is_some() {
        task.with_extras(|extras| extras.message = message.map(str::to_owned));
    }
    if cancel_frame::defers(task, from) {
        return;
    }
    task.n_cancels.set(task.n_cancels.get() + 1);
    let is_new = !task.has(MUST_CANCEL);
    if is_new && task.with_awaiting(|what| what.cancel(message)) == Some(true) {
        task.set(CANCEL_FORWARDED);
        if let Some(frame) = from {
            frame.set_delivered();
        }
        walk.follow(task);
    } else {
        set_standing(task, from);
    }
}

/// Sets the flags of a request that the next wait delivers, and ends the present wait.
pub(crate) fn set_standing(task: TaskPtr, from: Option<&CancelFrame>) {
    let is_new = !task.has(MUST_CANCEL);
    task.set(MUST_CANCEL | if from.is_none() { TASK_CANCEL } else { 0 });
    if is_new {
        task.clear(CANCEL_FORWARDED);
        unpark(task);
    }
}

/// Deferred cleanup; may run user destructors.
pub(crate) type Cleanup = Box<dyn FnOnce()>;

thread_local! {
    /// Without a destructor, so that it lives as long as the thread.
    static CLEANUPS: Cell<ManuallyDrop<Vec<Cleanup>>> = const { Cell::new(ManuallyDrop::new(Vec::new())) };
}

/// Defers a cleanup until the present walk has ended. A destructor may run or drop the tasks' loop, which would free
/// the tasks of the walk.
pub(crate) fn after_walk(cleanup: Option<Cleanup>) {
    if let Some(cleanup) = cleanup {
        let mut cleanups = take_cleanups();
        cleanups.push(cleanup);
        CLEANUPS.set(ManuallyDrop::new(cleanups));
    }
}

/// Runs the deferred cleanups. The caller holds no `TaskPtr` but the running task's.
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
    fn is_chain(&self) -> bool {
        self.others.capacity() == 0
    }

    /// Whether the walk reaches a task for which a function returns true. Follows each task once: a scope's children may
    /// wait for each other, and the scope for all.
    pub(crate) fn reaches(mut self, is_it: impl Fn(TaskPtr) -> bool) -> bool {
        let mut seen = HashSet::new();
        while let Some(task) = self.next() {
            if is_it(task) {
                return true;
            }
            if self.is_chain() || seen.insert(task.id) {
                self.follow(task);
            }
        }
        false
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
