//! [`RequestLimit`]: limits how many requests of a session run at once; further requests wait.

use std::time::{Duration, Instant};

use ureq::Timeout;

use super::error::{Error, Kind, from_ureq};
use crate::runtime::wait::task_context;
use crate::sync::{Permit, Semaphore};
use crate::time::timeout::timeout;

/// A request's own total timeout, which may be none at all; `None` if the session's applies.
pub(super) type TimeoutOverride = Option<Option<Duration>>;

pub(super) struct RequestLimit {
    permits: Semaphore,
    /// The session's limit for a whole request.
    total_timeout: Option<Duration>,
}

impl RequestLimit {
    pub(super) fn new(n_requests: usize, total_timeout: Option<Duration>) -> Self {
        Self {
            permits: Semaphore::new(n_requests),
            total_timeout,
        }
    }

    /// May suspend. Waits for a permit, at most for the request's total timeout.
    pub(super) fn admit(
        &self,
        timeout_override: TimeoutOverride,
    ) -> Result<(Permit, TimeLimit), Error> {
        let total = timeout_override.unwrap_or(self.total_timeout);
        let deadline = total.and_then(|total| Instant::now().checked_add(total));
        let is_sessions = timeout_override.is_none();
        if let Some(permit) = self.permits.try_acquire() {
            return Ok((
                permit,
                TimeLimit {
                    deadline,
                    is_sessions,
                },
            ));
        }
        if let Err(why) = task_context() {
            return Err(Error::new(Kind::TooManyRequests).with_source(why.sentence()));
        }
        let permit = match total {
            Some(total) if !cfg!(panic = "abort") => timeout(total, || self.permits.acquire())
                .map_err(|_| from_ureq(ureq::Error::Timeout(Timeout::Global)))?,
            _ => self.permits.acquire(),
        };
        let is_sessions = total.is_none() && is_sessions;
        Ok((
            permit,
            TimeLimit {
                deadline,
                is_sessions,
            },
        ))
    }
}

/// When a request has to be complete.
pub(super) struct TimeLimit {
    /// `None` for no limit.
    deadline: Option<Instant>,
    /// Whether the session's timeout applies, which begins now.
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
            Duration::ZERO => Err(from_ureq(ureq::Error::Timeout(Timeout::Global))),
            remaining => Ok(Some(Some(remaining))),
        }
    }
}
