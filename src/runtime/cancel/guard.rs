//! A cancel that a task's own frame asks for, and takes back when it ends: a timeout's when it expires,
//! a scope's when a child fails.
//!
//! Requests are counted, as asyncio counts them: what unwinds out of the frame is the frame's own
//! cancel if, once its request is taken back, no more are left than there were when the frame began.
//! Otherwise somebody else has asked as well, and the unwind goes on.

use std::cell::Cell;

use super::request;
use crate::runtime::core::block::{MUST_CANCEL, TaskPtr};
use crate::runtime::core::cancel_mask::{self, Level};
use crate::runtime::core::context::TaskContext;

/// What a frame knows of its request.
pub(crate) struct CancelGuard {
    task: TaskPtr,
    level: Level,
    /// How many requests there were when the frame began.
    n_before: u32,
    /// Whether one of those was to be delivered yet.
    was_pending: bool,
    state: Cell<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    NotMade,
    /// `is_only`: none from before the frame was to be delivered at the time. Of those that came since,
    /// the number tells.
    Made {
        is_only: bool,
    },
}

impl CancelGuard {
    /// For a frame of the running task that begins.
    pub(crate) fn new(here: TaskContext) -> Self {
        Self {
            task: here.task,
            level: cancel_mask::level(here.task),
            n_before: here.task.n_cancels.get(),
            was_pending: here.task.has(MUST_CANCEL),
            state: Cell::new(State::NotMade),
        }
    }

    /// Whether it was made, and not taken back.
    pub(crate) fn is_made(&self) -> bool {
        self.state.get() != State::NotMade
    }

    /// Asks the task to end, if that has not been done: what it waits for, too.
    pub(crate) fn make(&self) {
        self.make_by(|| request::cancel_from(self.task, self.level, None));
    }

    /// Asks the task to end, if that has not been done, but not what it waits for.
    pub(crate) fn make_at_once(&self) {
        self.make_by(|| request::cancel_at_once(self.task, self.level));
    }

    fn make_by(&self, request: impl FnOnce() -> bool) {
        let is_only = !(self.was_pending && self.task.has(MUST_CANCEL));
        if !self.is_made() && request() {
            self.state.set(State::Made { is_only });
        }
    }

    /// Takes the request back, if it was made; answers whether it was, and nobody else has asked.
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
