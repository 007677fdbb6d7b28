//! [`RequestLimit`]: limits how many requests of a session run at once; further requests wait.

use std::time::{Duration, Instant};

use super::error::{Error, Kind};
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

    /// May suspend. Waits for a permit, at most for the request's total timeout. Returns the permit, and
    /// the timeout that remains after a wait.
    pub(super) fn admit(
        &self,
        timeout_override: TimeoutOverride,
    ) -> Result<(Permit, TimeoutOverride), Error> {
        if let Some(permit) = self.permits.try_acquire() {
            return Ok((permit, timeout_override));
        }
        if let Err(why) = task_context() {
            return Err(Error::new(Kind::TooManyRequests).with_source(why.sentence()));
        }
        let Some(total) = timeout_override.unwrap_or(self.total_timeout) else {
            return Ok((self.permits.acquire(), timeout_override));
        };
        let start = Instant::now();
        let timed_out = || Error::new(Kind::Timeout("for the whole request"));
        let permit = if cfg!(panic = "abort") {
            self.permits.acquire()
        } else {
            timeout(total, || self.permits.acquire()).map_err(|_| timed_out())?
        };
        let remaining = total.checked_sub(start.elapsed()).ok_or_else(timed_out)?;
        Ok((permit, Some(Some(remaining))))
    }
}
