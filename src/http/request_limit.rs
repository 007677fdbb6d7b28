//! [`RequestLimit`]: limits how many requests of a session run at once; further requests wait.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use ureq::Timeout;

use super::error::{Error, Kind, from_io, from_ureq};
use crate::runtime::core::{Awaiting, InsertAt, NEVER, TaskContext, WaitList};
use crate::runtime::time::Alarm;
use crate::runtime::wait::task_context;

/// A request's own total timeout, which may be none at all; `None` if the session's applies.
pub(super) type TimeoutOverride = Option<Option<Duration>>;

pub(super) struct RequestLimit {
    n_free: Cell<usize>,
    waiters: WaitList,
    /// The session's limit for a whole request.
    total_timeout: Option<Duration>,
}

/// The right to run a request. Dropping this permit admits the next request.
pub(super) struct Permit(Rc<RequestLimit>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.n_free.update(|n| n + 1);
        self.0.waiters.wake_one();
    }
}

impl RequestLimit {
    pub(super) fn new(n_requests: usize, total_timeout: Option<Duration>) -> Self {
        Self {
            n_free: Cell::new(n_requests),
            waiters: WaitList::new(),
            total_timeout,
        }
    }

    /// May suspend. Waits until a request may run, at most for its total timeout.
    pub(super) fn admit(
        self: &Rc<Self>,
        timeout_override: TimeoutOverride,
    ) -> Result<(Permit, TimeLimit), Error> {
        let total = timeout_override.unwrap_or(self.total_timeout);
        let deadline = total.and_then(|total| Instant::now().checked_add(total));
        let mut is_sessions = timeout_override.is_none();
        if self.n_free.get() == 0 {
            let here = task_context()
                .map_err(|why| Error::new(Kind::TooManyRequests).with_source(why.sentence()))?;
            self.wait(here, total)?;
            is_sessions = false;
        }
        self.n_free.update(|n| n - 1);
        let limit = TimeLimit {
            deadline,
            is_sessions,
        };
        Ok((Permit(Rc::clone(self)), limit))
    }

    /// Waits until a request may run.
    fn wait(&self, here: TaskContext, timeout: Option<Duration>) -> Result<(), Error> {
        let clock = &here.core.clock;
        let until = timeout.map_or(NEVER, |timeout| clock.after(timeout));
        let until = until.min(here.task.io_deadline().unwrap_or(NEVER));
        Alarm::with(here, until, |alarm| {
            let mut place = InsertAt::Back;
            while self.n_free.get() == 0 {
                let is_woken = self
                    .waiters
                    .wait_io(here, place, self, || alarm.has_fired());
                if !is_woken.map_err(from_io)? && self.n_free.get() == 0 {
                    return Err(timed_out());
                }
                place = InsertAt::Front;
            }
            Ok(())
        })
    }
}

impl Awaiting for RequestLimit {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of `max_connections` requests to end")
    }
}

/// The time by which a request has to be complete.
pub(super) struct TimeLimit {
    /// `None` for no limit.
    pub(super) deadline: Option<Instant>,
    /// Whether the session's timeout applies. That timeout begins now.
    is_sessions: bool,
}

impl TimeLimit {
    /// The timeout for the next exchange; `None` if the session's applies.
    pub(super) fn next(&mut self) -> Result<TimeoutOverride, Error> {
        if std::mem::take(&mut self.is_sessions) {
            return Ok(None);
        }
        let Some(deadline) = self.deadline else {
            return Ok(Some(None));
        };
        match deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(timed_out()),
            remaining => Ok(Some(Some(remaining))),
        }
    }
}

/// The error of a request whose total timeout has expired.
pub(super) fn timed_out() -> Error {
    from_ureq(ureq::Error::Timeout(Timeout::Global))
}
