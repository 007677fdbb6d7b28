//! Deadlines for a task's work: a timeout cancels its own task, and turns that cancel into [`Elapsed`].
//!
//! The closure runs in place: no task, no allocation. The timeout's state is in its frame, which is not left
//! while the loop may refer to it. Cancel requests are counted, as in asyncio, so that a cancel from elsewhere
//! is not mistaken for the timeout's own.

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use super::sleep;
use crate::coroutine::OpenFrame;
use crate::error::Elapsed;
use crate::runtime::core::{CoreRef, NEVER, Nanoseconds, TaskContext};
use crate::runtime::task::MAX_MOVED;
use crate::runtime::time::alarm::Alarm;
use crate::runtime::wait::{consume_budget, delivery, park};

/// May suspend: runs a function in place, and cancels its wait when the duration has passed.
///
/// I/O that waits then returns `TimedOut`, so objects that read and write in the function stay valid. Any other wait
/// unwinds. A function that does not wait can't be stopped. With a duration of zero the function runs until its first
/// wait; `Duration::MAX` never passes.
///
/// ```
/// use std::time::Duration;
/// use selvedge::error::Elapsed;
/// use selvedge::{sleep, timeout};
///
/// selvedge::run(|| {
///     assert_eq!(timeout(Duration::from_millis(1), || sleep(Duration::MAX)), Err(Elapsed));
///     assert_eq!(timeout(Duration::MAX, || 42), Ok(42));
/// });
/// ```
///
/// While the thread is panicking the function runs without a deadline, because it can't wait then.
///
/// # Errors
/// [`Elapsed`], if the timeout unwound the function, or if I/O in the function has returned the timeout's error. Then
/// the function's value is dropped. If neither happened, the value is returned, even after the deadline.
///
/// # Panics
/// If the function panics, with its payload. If no task is running: outside of a loop, and in callbacks. In a
/// program whose panics abort, because it can't unwind.
///
/// A coroutine that calls this in its body can't suspend to its resumer meanwhile.
///
/// # Cancellation
/// Unwinds, even if the deadline has passed as well.
#[track_caller]
pub fn timeout<T>(duration: Duration, f: impl FnOnce() -> T) -> Result<T, Elapsed> {
    let here = here();
    let deadline = here.map_or(NEVER, |here| here.core.clock.after(duration));
    run(here, deadline, |_| f())
}

/// May suspend: like [`timeout`], with a time of the loop's clock.
///
/// # Errors
/// As [`timeout`].
///
/// # Panics
/// As [`timeout`].
///
/// # Cancellation
/// As [`timeout`].
#[track_caller]
pub fn timeout_at<T>(deadline: Instant, f: impl FnOnce() -> T) -> Result<T, Elapsed> {
    timeout_with(deadline, |_| f())
}

/// May suspend: like [`timeout_at`], with a deadline that the function can move. `None` is no deadline.
///
/// ```
/// use std::time::{Duration, Instant};
/// use selvedge::time::timeout_with;
/// use selvedge::sleep;
///
/// let (soon, late) = (Duration::from_millis(100), Duration::from_secs(3600));
/// let result = selvedge::run(|| {
///     timeout_with(Instant::now() + soon, |t| {
///         // There is progress: more time.
///         t.reschedule(Instant::now() + late)?;
///         sleep(2 * soon);
///         Ok(t.is_expired())
///     })
/// });
/// assert_eq!(result, Ok(Ok(false)));
/// # use selvedge::error::Elapsed; let _: Result<Result<bool, Elapsed>, Elapsed> = result;
/// ```
///
/// # Errors
/// As [`timeout`].
///
/// # Panics
/// As [`timeout`].
///
/// # Cancellation
/// As [`timeout`].
#[track_caller]
pub fn timeout_with<T>(
    deadline: impl Into<Option<Instant>>,
    f: impl FnOnce(&Timeout<'_>) -> T,
) -> Result<T, Elapsed> {
    // First: the conversion is user code, after which another task may run here.
    let deadline = deadline.into();
    let here = here();
    let at = |here: TaskContext| deadline.map_or(NEVER, |deadline| here.core.clock.at(deadline));
    run(here, here.map_or(NEVER, at), f)
}

/// The running task's context; `None` while the thread panics.
#[track_caller]
fn here() -> Option<TaskContext> {
    let here = sleep::here();
    assert!(
        here.is_none() || !cfg!(panic = "abort"),
        "selvedge: panics abort in this program, so a timeout could not unwind its function; set \
         panic = \"unwind\", or use the timeouts of sockets"
    );
    here
}

fn run<T, F: FnOnce(&Timeout<'_>) -> T>(
    here: Option<TaskContext>,
    deadline: Nanoseconds,
    f: F,
) -> Result<T, Elapsed> {
    if const { size_of::<T>() > MAX_MOVED || size_of::<F>() > MAX_MOVED } {
        let f = Box::new(f);
        run_moving(here, deadline, |timeout| Box::new(f(timeout))).map(|value| *value)
    } else {
        run_moving(here, deadline, f)
    }
}

/// As [`run`], for a small function and a small value, which may be moved several times.
fn run_moving<T>(
    here: Option<TaskContext>,
    deadline: Nanoseconds,
    f: impl FnOnce(&Timeout<'_>) -> T,
) -> Result<T, Elapsed> {
    let Some(here) = here else {
        return Ok(f(&Timeout {
            alarm: None,
            deadline: Cell::new(deadline),
        }));
    };
    consume_budget(1);
    let mut is_over = false;
    // The loop refers to this frame, on behalf of this task.
    let _open = OpenFrame::open_for_task();
    let (result, ended) = Alarm::cancelling(here, deadline, |alarm| {
        is_over = alarm.has_fired();
        let timeout = Timeout {
            alarm: Some((alarm, here.core)),
            deadline: Cell::new(deadline),
        };
        catch_unwind(AssertUnwindSafe(|| f(&timeout)))
    });
    match result {
        Ok(_) if ended.was_returned => {}
        Err(payload) if ended.is_alone && delivery::may_be_caught(&payload, here.task) => {}
        Ok(value) => return Ok(value),
        Err(payload) => resume_unwind(payload),
    }
    // Without this, a loop of timeouts whose deadlines have passed at the start would never give
    // the other tasks a turn.
    if is_over {
        park::give_turn(here);
    }
    Err(Elapsed)
}

/// The deadline of a [`timeout_with`].
pub struct Timeout<'a> {
    /// `None` while the thread panics.
    alarm: Option<(&'a Alarm, CoreRef)>,
    deadline: Cell<Nanoseconds>,
}

impl Timeout<'_> {
    /// Moves the deadline; `None` is no deadline.
    ///
    /// # Errors
    /// [`Elapsed`], if the deadline has passed: then the function is being cancelled.
    pub fn reschedule(&self, deadline: impl Into<Option<Instant>>) -> Result<(), Elapsed> {
        let deadline = deadline.into();
        if let Some((alarm, core)) = self.alarm {
            if self.is_expired() {
                return Err(Elapsed);
            }
            let at = deadline.map_or(NEVER, |deadline| core.clock.at(deadline));
            self.deadline.set(at);
            alarm.reset(at, core.clock.now());
        }
        Ok(())
    }

    /// Whether the deadline has passed, and the function is being cancelled.
    #[must_use]
    #[doc(alias = "expired")]
    pub fn is_expired(&self) -> bool {
        self.alarm.is_some_and(|(alarm, _)| alarm.has_fired())
    }

    /// The deadline, if there is one.
    #[must_use]
    pub fn when(&self) -> Option<Instant> {
        let (_, core) = self.alarm?;
        let deadline = self.deadline.get();
        (deadline < NEVER).then(|| core.clock.instant_of(deadline))
    }
}

impl fmt::Debug for Timeout<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("when", &self.when())
            .field("expired", &self.is_expired())
            .finish()
    }
}
