//! Deadlines as waits: [`after`] and [`at`].

use std::fmt;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::runtime::core::{NEVER, Nanoseconds, current};
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
    Deadline(core().clock.after(duration))
}

/// As [`after`], until a time of the loop's clock.
///
/// # Panics
/// If no loop runs on this thread.
#[track_caller]
pub fn at(deadline: Instant) -> impl Wait<Output = ()> {
    Deadline(core().clock.at(deadline))
}

#[track_caller]
fn core() -> crate::runtime::core::CoreRef {
    match current() {
        Some(core) => core,
        None => panic!("{}", crate::error::WaitError::NoLoop.sentence()),
    }
}

struct Deadline(Nanoseconds);

impl Sealed for Deadline {}

impl Wait for Deadline {
    type Output = ();

    fn try_now(&mut self) -> Option<()> {
        (self.0 <= core().clock.now()).then_some(())
    }

    fn start(&mut self, arm: Pin<&Arm>) -> bool {
        arm.wait_until(self.0);
        false
    }

    fn is_done(&mut self, arm: Pin<&Arm>) -> bool {
        arm.is_late()
    }

    fn leave(&mut self, _end: End) {}

    fn finish(&mut self, _end: End) {}

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 == NEVER {
            "ever"
        } else {
            "a deadline"
        })
    }
}
