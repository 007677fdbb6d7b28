//! Deferring cancels while a task cleans up: `finally`.
//!
//! A [`CancelMask`] lives in a frame of the task, and the task's extras name the innermost one; masks nest. A request
//! comes from outside of the task, or from one of its frames (a timeout, a scope). Such a frame stands at a *level*:
//! inside of some mask, or of none. The mask that begins just inside of that level defers the request, which counts
//! as not made until the mask ends. So a timeout inside of the cleanup works, and one around the cleanup waits.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr::NonNull;

use super::{MUST_CANCEL, TaskContext, TaskPtr};
use crate::coroutine::OpenFrame;

/// The innermost mask around some code; `None` for none.
pub(crate) type Level = Option<NonNull<CancelMask>>;

/// A frame that defers cancels.
pub(crate) struct CancelMask {
    task: TaskPtr,
    outer: Level,
    /// A cancel was pending when the mask began.
    was_pending: bool,
    /// Deferred requests.
    n_requests: Cell<u32>,
}

impl CancelMask {
    /// Calls a function, and defers cancels of the running task until the function returns.
    pub(crate) fn during<R>(here: TaskContext, f: impl FnOnce() -> R) -> R {
        // The task's extras point to this frame, so a coroutine with this frame must not suspend meanwhile.
        let _open = OpenFrame::open_for_task();
        let task = here.task;
        let mask = Self {
            task,
            outer: level(task),
            was_pending: task.has(MUST_CANCEL),
            n_requests: Cell::new(0),
        };
        task.clear(MUST_CANCEL);
        let place = NonNull::from(&mask);
        task.with_extras(|extras| extras.cancel_mask = Some(place));
        f()
    }
}

impl Drop for CancelMask {
    fn drop(&mut self) {
        let task = self.task;
        task.with_extras(|extras| extras.cancel_mask = self.outer);
        let n_requests = self.n_requests.get();
        task.n_cancels.set(task.n_cancels.get() + n_requests);
        // The pending request may have been taken back meanwhile.
        if n_requests > 0 || self.was_pending && task.n_cancels.get() > 0 {
            task.set(MUST_CANCEL);
        }
    }
}

/// The innermost mask of a task.
pub(crate) fn level(task: TaskPtr) -> Level {
    let extras = task.extras.take();
    let level = extras.as_ref().and_then(|extras| extras.cancel_mask);
    task.extras.set(extras);
    level
}

/// Whether a mask defers a request from this level; if so, the mask counts the request.
pub(crate) fn defers(task: TaskPtr, from: Level) -> bool {
    let mut at = level(task);
    while at != from {
        let Some(place) = at else { return false };
        // SAFETY: the extras stop naming a mask before its frame goes; abandoned frames keep their memory.
        let mask = unsafe { place.as_ref() };
        if mask.outer == from {
            mask.n_requests.set(mask.n_requests.get() + 1);
            return true;
        }
        at = mask.outer;
    }
    false
}

/// How many requests of a task are deferred.
pub(crate) fn n_requests(task: TaskPtr) -> u32 {
    let mut n_requests = 0;
    let mut at = level(task);
    while let Some(place) = at {
        // SAFETY: as in `defers`.
        let mask = unsafe { place.as_ref() };
        n_requests += mask.n_requests.get();
        at = mask.outer;
    }
    n_requests
}

/// Takes back one deferred request, if there is one.
pub(crate) fn take_back(task: TaskPtr) {
    let mut at = level(task);
    while let Some(place) = at {
        // SAFETY: as in `defers`.
        let mask = unsafe { place.as_ref() };
        let n_requests = mask.n_requests.get();
        if n_requests > 0 {
            mask.n_requests.set(n_requests - 1);
            return;
        }
        at = mask.outer;
    }
}
