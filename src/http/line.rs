//! Whose turn it is: so many requests of a session are under way at once, the others stand in line.

use std::time::{Duration, Instant};

use super::error::{Error, Kind};
use crate::runtime::wait::here::task_context;
use crate::sync::{Permit, Semaphore};
use crate::time::timeout::timeout;

/// The places of a session.
pub(super) struct Line {
    places: Semaphore,
    /// The session's limit for a whole request.
    total_timeout: Option<Duration>,
}

/// A place, until it is dropped, and what is left of the request's time.
pub(super) struct Place {
    pub(super) permit: Permit,
    /// Nothing if that is what the session says.
    pub(super) total_timeout: Option<Option<Duration>>,
}

impl Line {
    pub(super) fn new(n_places: usize, total_timeout: Option<Duration>) -> Self {
        Self {
            places: Semaphore::new(n_places),
            total_timeout,
        }
    }

    /// May suspend. Waits for a place, for as long as the whole request may take.
    pub(super) fn stand(&self, total_timeout: Option<Option<Duration>>) -> Result<Place, Error> {
        if let Some(permit) = self.places.try_acquire() {
            return Ok(Place {
                permit,
                total_timeout,
            });
        }
        if let Err(why) = task_context() {
            return Err(Error::new(Kind::NoPlace).because(why.sentence()));
        }
        let Some(total) = total_timeout.unwrap_or(self.total_timeout) else {
            let permit = self.places.acquire();
            return Ok(Place {
                permit,
                total_timeout,
            });
        };
        let start = Instant::now();
        let is_over = || Error::new(Kind::Timeout("for the whole request"));
        let permit = if cfg!(panic = "abort") {
            self.places.acquire()
        } else {
            timeout(total, || self.places.acquire()).map_err(|_| is_over())?
        };
        let left = total.checked_sub(start.elapsed()).ok_or_else(is_over)?;
        Ok(Place {
            permit,
            total_timeout: Some(Some(left)),
        })
    }
}
