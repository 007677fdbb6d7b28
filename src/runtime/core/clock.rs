//! A loop's clock: the system's, or a virtual one that stands still until every task is parked.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// A point on a loop's clock in nanoseconds. Zero is far before the loop was made, so that deadlines in the past
/// keep their order.
pub(crate) type Nanoseconds = u64;

/// The clock's value when the loop is made.
const START: Nanoseconds = 1 << 62;

/// The deadline that never comes.
pub(crate) const NEVER: Nanoseconds = u64::MAX;

/// A loop's clock.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// Elapsed time of a virtual clock; `None` for the system's clock.
    virtual_ns: Option<Cell<u64>>,
}

impl Clock {
    pub(crate) fn new(is_virtual: bool) -> Self {
        Self {
            start: Instant::now(),
            virtual_ns: is_virtual.then(Cell::default),
        }
    }

    pub(crate) fn is_virtual(&self) -> bool {
        self.virtual_ns.is_some()
    }

    pub(crate) fn now(&self) -> Nanoseconds {
        START.saturating_add(saturate(self.elapsed()))
    }

    pub(crate) fn elapsed(&self) -> Duration {
        match &self.virtual_ns {
            Some(virtual_ns) => Duration::from_nanos(virtual_ns.get()),
            None => self.start.elapsed(),
        }
    }

    pub(crate) fn instant(&self) -> Instant {
        self.start + self.elapsed()
    }

    /// The deadline after this duration from now.
    pub(crate) fn after(&self, duration: Duration) -> Nanoseconds {
        self.now().saturating_add(saturate(duration))
    }

    /// The deadline at an instant.
    pub(crate) fn at(&self, instant: Instant) -> Nanoseconds {
        match instant.checked_duration_since(self.start) {
            Some(later) => START.saturating_add(saturate(later)),
            None => START.saturating_sub(saturate(self.start - instant)),
        }
    }

    /// The instant of a deadline. Where an `Instant` can't hold the deadline, a century from the start.
    pub(crate) fn instant_of(&self, deadline: Nanoseconds) -> Instant {
        /// A century: what `Instant` holds on every platform.
        const FAR: Duration = Duration::from_secs(100 * 366 * 24 * 3600);
        if deadline >= START {
            let later = Duration::from_nanos(deadline - START);
            let instant = self.start.checked_add(later);
            let instant = instant.or_else(|| self.start.checked_add(FAR));
            instant.unwrap_or(self.start)
        } else {
            let earlier = Duration::from_nanos(START - deadline);
            self.start.checked_sub(earlier).unwrap_or(self.start)
        }
    }

    /// Moves a virtual clock forward to a deadline.
    pub(crate) fn jump(&self, deadline: Nanoseconds) {
        if let Some(virtual_ns) = &self.virtual_ns {
            let target = deadline.saturating_sub(START);
            virtual_ns.set(virtual_ns.get().max(target));
        }
    }
}

fn saturate(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_durations_never_elapse_and_never_overflow() {
        let clock = Clock::new(true);
        assert_eq!(clock.after(Duration::MAX), NEVER);
        assert!(clock.after(Duration::from_secs(3600 * 24 * 365 * 100)) < NEVER);
        assert!(clock.instant_of(NEVER) > clock.instant());
    }

    #[test]
    fn instants_and_deadlines_agree_on_both_sides_of_the_start() {
        let clock = Clock::new(true);
        for millis in [0, 1, 50] {
            let later = clock.instant() + Duration::from_millis(millis);
            assert_eq!(clock.instant_of(clock.at(later)), later);
            if let Some(earlier) = clock.instant().checked_sub(Duration::from_millis(millis)) {
                assert_eq!(clock.instant_of(clock.at(earlier)), earlier);
            }
        }
        clock.jump(clock.after(Duration::from_secs(5)));
        assert_eq!(clock.elapsed(), Duration::from_secs(5));
    }
}
