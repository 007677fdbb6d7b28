//! Deadlines as waits: [`after`] and [`at`].

use std::fmt;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::runtime::core::{Clock, NEVER, Nanoseconds, current};
use crate::runtime::first::{Arm, End, Wait, sealed::Sealed};

/// A wait until a duration has passed, for [`select!`](crate::select) and [`first`](crate::task::first()).
///
/// The duration begins with this call, so that one wait may bound several rounds by reference: see
/// [`Wait`](crate::task::Wait). Zero is done at once; `Duration::MAX` never is.
///
/// ```
/// use std::time::Duration;
/// use selvedge::{Promise, select, time};
///
/// selvedge::run(|| {
///     let answer = Promise::<u32>::new();
///     select! {
///         () = answer.when_done() => unreachable!("no task sets a result"),
///         () = time::after(Duration::from_millis(1)) => {}
///     }
/// });
/// ```
///
/// # Panics
/// If no loop runs on this thread.
#[track_caller]
pub fn after(duration: Duration) -> impl Wait<Output = ()> {
    let clock = &core().clock;
    let deadline = clock.after(duration);
    Deadline((deadline < NEVER).then(|| clock.instant_of(deadline)))
}

/// As [`after`], until a time of the loop's clock.
///
/// # Panics
/// If no loop runs on this thread.
#[track_caller]
pub fn at(deadline: Instant) -> impl Wait<Output = ()> {
    core();
    Deadline(Some(deadline))
}

#[track_caller]
fn core() -> crate::runtime::core::CoreRef {
    match current() {
        Some(core) => core,
        None => panic!("{}", crate::error::WaitError::NoLoop.sentence()),
    }
}

/// The time of a deadline, in no loop's own unit: the wait may take part in another loop than the one that ran as the wait
/// was made. `None` never comes.
struct Deadline(Option<Instant>);

impl Deadline {
    fn on(&self, clock: &Clock) -> Nanoseconds {
        self.0.map_or(NEVER, |deadline| clock.at(deadline))
    }
}

impl Sealed for Deadline {}

impl Wait for Deadline {
    type Output = ();

    fn try_now(&mut self) -> Option<()> {
        let clock = &core().clock;
        (self.on(clock) <= clock.now()).then_some(())
    }

    fn start(&mut self, arm: Pin<&Arm>) -> bool {
        arm.wait_until(self.on(&arm.here().core.clock));
        false
    }

    fn is_done(&mut self, arm: Pin<&Arm>) -> bool {
        arm.is_late()
    }

    fn leave(&mut self, _end: End) {}

    fn finish(&mut self, _end: End) {}

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_none() {
            "a deadline that never comes"
        } else {
            "a deadline"
        })
    }
}
