//! [`Alarm`]: a deadline in a frame of a task. It unparks the task (sleep), or cancels it (timeout).

#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr::NonNull;

use super::timer::{Key, Timers};
use crate::runtime::core::{
    Awaiting, CancelFrame, Ended, FrameKind, NEVER, Nanoseconds, TaskContext, TaskPtr, unpark,
};
use crate::runtime::wait::park;

/// A deadline of a task, in a frame of the task.
pub(crate) struct Alarm {
    task: TaskPtr,
    /// `None` after the deadline.
    key: Cell<Option<Key>>,
    timers: NonNull<Timers>,
    /// Cancels the task instead of unparking it.
    cancel: Option<CancelFrame>,
}

impl Alarm {
    fn new(here: TaskContext, cancel: Option<CancelFrame>) -> Self {
        Self {
            task: here.task,
            key: Cell::new(None),
            timers: NonNull::from(here.core.timers()),
            cancel,
        }
    }

    /// An alarm that will unpark the running task.
    pub(crate) fn unset(here: TaskContext) -> Self {
        Self::new(here, None)
    }

    /// Calls a function with an alarm that unparks the running task at a deadline.
    pub(crate) fn with<R>(
        here: TaskContext,
        deadline: Nanoseconds,
        f: impl FnOnce(&Self) -> R,
    ) -> R {
        let alarm = Self::unset(here);
        // SAFETY: the alarm does not move until it is dropped.
        unsafe { alarm.set(deadline) };
        f(&alarm)
    }

    /// Calls a function with an alarm that cancels the running task at a deadline, or now if the deadline has passed.
    /// The function does not unwind, and its caller has opened the frame for the task. Also returns how the alarm's
    /// request has ended.
    pub(crate) fn cancelling<R>(
        here: TaskContext,
        deadline: Nanoseconds,
        f: impl FnOnce(&Self) -> R,
    ) -> (R, Ended) {
        let frame = CancelFrame::new(here.task, FrameKind::Timeout);
        let alarm = Self::new(here, Some(frame));
        if let Some(frame) = &alarm.cancel {
            // SAFETY: the alarm stays here until `f` has returned; the caller's frame is open for the task, and `f` does not
            // unwind.
            unsafe { frame.link() };
        }
        alarm.reset(deadline, here.core.clock.now());
        let result = f(&alarm);
        alarm.stop();
        let ended = alarm.cancel.as_ref().map(CancelFrame::end);
        (result, ended.unwrap_or_default())
    }

    /// Moves the deadline of a cancelling alarm.
    pub(crate) fn reset(&self, deadline: Nanoseconds, now: Nanoseconds) {
        self.stop();
        if deadline <= now {
            self.ring();
        } else {
            // SAFETY: only `cancelling` makes such alarms, and it does not move them.
            unsafe { self.set(deadline) };
        }
    }

    /// Sets the deadline of an alarm that has none.
    ///
    /// # Safety
    /// The alarm does not move until it is dropped.
    pub(crate) unsafe fn set(&self, deadline: Nanoseconds) {
        // SAFETY: the loop that runs this task keeps its timers; the destructor cancels the key.
        let key = unsafe { self.timers.as_ref().set_alarm(deadline, self) };
        self.key.set(Some(key));
    }

    /// The deadline has come.
    pub(crate) fn fire(&self) {
        self.key.set(None);
        self.ring();
    }

    fn ring(&self) {
        match &self.cancel {
            None => unpark(self.task),
            Some(cancel) => cancel.request(),
        }
    }

    /// Prefetches what going off touches.
    pub(crate) fn prefetch(&self) {
        self.task.prefetch();
    }

    /// Whether the deadline has passed.
    pub(crate) fn has_fired(&self) -> bool {
        self.key.get().is_none()
    }

    fn stop(&self) {
        if let Some(key) = self.key.take() {
            // SAFETY: the alarm's frame is left while its loop, which keeps the timers, runs the task: a wait only parks
            // there, and around the body of a timeout an open frame is left by nothing else. An abandoned frame does not
            // get here.
            unsafe { self.timers.as_ref() }.cancel(key);
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Parks the running task until a deadline.
pub(crate) fn sleep_until(here: TaskContext, deadline: Nanoseconds) {
    let what: &'static str = if deadline == NEVER {
        "ever"
    } else {
        "a deadline"
    };
    Alarm::with(here, deadline, |alarm| {
        while !alarm.has_fired() {
            park::park(here, &what as &dyn Awaiting);
        }
    });
}
