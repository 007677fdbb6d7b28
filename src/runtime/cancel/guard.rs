//! [`CancelGuard`]: a cancel that a task's own frame requests, and takes back when the frame ends. A timeout requests one
//! when it expires, a scope when a child fails.
//!
//! Requests are counted, as in asyncio. An unwind that leaves the frame is the frame's own cancel if, after the frame
//! has taken its request back, the task has no more requests than when the frame began. Otherwise other
//! code has requested a cancel as well, and the unwind goes on.

use std::cell::Cell;

use super::request;
use crate::runtime::core::{Level, MUST_CANCEL, TaskContext, TaskPtr, cancel_mask};

/// A frame's own request.
pub(crate) struct CancelGuard {
    task: TaskPtr,
    level: Level,
    /// Number of requests when the frame began.
    n_before: u32,
    /// A cancel was pending when the frame began.
    was_pending: bool,
    state: Cell<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    NotMade,
    /// `is_only`: no older request was pending when the frame made its own. `n_cancels` shows newer requests.
    Made {
        is_only: bool,
    },
}

impl CancelGuard {
    /// For a frame of the running task, at its start.
    pub(crate) fn new(here: TaskContext) -> Self {
        Self {
            task: here.task,
            level: cancel_mask::level(here.task),
            n_before: here.task.n_cancels.get(),
            was_pending: here.task.has(MUST_CANCEL),
            state: Cell::new(State::NotMade),
        }
    }

    /// Whether the request stands: made, and not taken back.
    pub(crate) fn is_made(&self) -> bool {
        self.state.get() != State::NotMade
    }

    /// Requests the cancel, once, and forwards it to what the task waits for.
    pub(crate) fn make(&self) {
        self.make_by(|| request::cancel_from(self.task, self.level, None));
    }

    /// Requests the cancel, once, without forwarding it.
    pub(crate) fn make_at_once(&self) {
        self.make_by(|| request::cancel_at_once(self.task, self.level));
    }

    fn make_by(&self, request: impl FnOnce() -> bool) {
        let is_only = !(self.was_pending && self.task.has(MUST_CANCEL));
        if !self.is_made() && request() {
            self.state.set(State::Made { is_only });
        }
    }

    /// Takes the request back, if it stands. True if it did and no other request is left.
    pub(crate) fn take_back(&self) -> bool {
        let State::Made { is_only } = self.state.replace(State::NotMade) else {
            return false;
        };
        let n_left = self.task.n_cancels.get().saturating_sub(1);
        self.task.n_cancels.set(n_left);
        let is_alone = is_only && n_left <= self.n_before;
        if is_alone {
            // The frame may have ended before the cancel was delivered.
            self.task.clear(MUST_CANCEL);
        }
        is_alone
    }
}
