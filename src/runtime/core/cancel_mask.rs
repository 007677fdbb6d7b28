//! Putting cancels off while a task cleans up: what `finally` does.
//!
//! A [`CancelMask`] lives in a frame of the task and is found through the task's extras; they nest. A
//! request comes from outside of the task, or from one of its frames (a timeout's, a scope's), which
//! stands at a *level*: within some deferral, or within none. It is put off by the deferral that begins
//! just inside of that level, and counts as not made until that ends. So a timeout within the cleanup
//! works, and one around it waits.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr::NonNull;

use super::block::{MUST_CANCEL, TaskPtr};
use super::context::TaskContext;
use crate::coroutine::OpenFrame;

/// A deferral that one is within; `None` for none.
pub(crate) type Level = Option<NonNull<CancelMask>>;

/// A frame during which cancels are put off.
pub(crate) struct CancelMask {
    task: TaskPtr,
    outer: Level,
    /// Whether a cancel was to be delivered when this began.
    was_pending: bool,
    /// How many requests were put off.
    n_requests: Cell<u32>,
}

impl CancelMask {
    /// Calls a function during which the running task is not cancelled.
    pub(crate) fn during<R>(here: TaskContext, f: impl FnOnce() -> R) -> R {
        // The task names a place in this frame, so another task must not be left with it.
        let _open = OpenFrame::open_for_task();
        let task = here.task;
        let deferral = Self {
            task,
            outer: level(task),
            was_pending: task.has(MUST_CANCEL),
            n_requests: Cell::new(0),
        };
        task.clear(MUST_CANCEL);
        let place = NonNull::from(&deferral);
        task.with_extras(|extras| extras.deferral = Some(place));
        f()
    }
}

impl Drop for CancelMask {
    fn drop(&mut self) {
        let task = self.task;
        task.with_extras(|extras| extras.deferral = self.outer);
        let n_requests = self.n_requests.get();
        task.n_cancels.set(task.n_cancels.get() + n_requests);
        // What was pending may have been taken back meanwhile.
        if n_requests > 0 || self.was_pending && task.n_cancels.get() > 0 {
            task.set(MUST_CANCEL);
        }
    }
}

/// The innermost deferral of a task.
pub(crate) fn level(task: TaskPtr) -> Level {
    let extras = task.extras.take();
    let level = extras.as_ref().and_then(|extras| extras.deferral);
    task.extras.set(extras);
    level
}

/// Whether a request that comes from a level is put off; if so, it is noted.
pub(crate) fn defers(task: TaskPtr, from: Level) -> bool {
    let mut at = level(task);
    while at != from {
        let Some(place) = at else { return false };
        // SAFETY: a deferral is taken out of the extras as its frame goes; frames that are left for
        // ever keep their memory.
        let deferral = unsafe { place.as_ref() };
        if deferral.outer == from {
            deferral.n_requests.set(deferral.n_requests.get() + 1);
            return true;
        }
        at = deferral.outer;
    }
    false
}

/// How many requests are put off.
pub(crate) fn n_requests(task: TaskPtr) -> u32 {
    let mut n_requests = 0;
    let mut at = level(task);
    while let Some(place) = at {
        // SAFETY: as in `defers`.
        let deferral = unsafe { place.as_ref() };
        n_requests += deferral.n_requests.get();
        at = deferral.outer;
    }
    n_requests
}

/// Takes back one request that was put off, if there is one.
pub(crate) fn take_back(task: TaskPtr) {
    let mut at = level(task);
    while let Some(place) = at {
        // SAFETY: as in `defers`.
        let deferral = unsafe { place.as_ref() };
        let n_requests = deferral.n_requests.get();
        if n_requests > 0 {
            deferral.n_requests.set(n_requests - 1);
            return;
        }
        at = deferral.outer;
    }
}
