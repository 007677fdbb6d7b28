//! [`Condition`]: waiting for a change of a value that a lock protects.

use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::rc::Rc;

use super::made_at::MadeAt;
use super::mutex::MutexGuard;
use crate::runtime::core::{TaskContext, WaitList};
use crate::runtime::wait::{consume_budget, here_or_panic};
use crate::util::fmt::impl_debug;

/// Lets tasks wait for a change of the value in a [`Mutex`](super::Mutex): asyncio's Condition, with the signatures
/// of std's Condvar.
///
/// Clones are the same condition. It can be notified with the lock held or without.
///
/// ```
/// use selvedge::sync::{Condition, Mutex};
///
/// selvedge::run(|| {
///     let (bobbins, changed) = (Mutex::new(0), Condition::new());
///     let weaver = selvedge::spawn({
///         let (bobbins, changed) = (bobbins.clone(), changed.clone());
///         move || {
///             let mut n = bobbins.lock();
///             changed.wait_while(&mut n, |n| *n < 3);
///             *n -= 3;
///         }
///     });
///     for _ in 0..3 {
///         selvedge::yield_now();
///         *bobbins.lock() += 1;
///         changed.notify_one();
///     }
///     weaver.join().unwrap();
///     assert_eq!(*bobbins.lock(), 0);
/// });
/// ```
#[derive(Clone)]
#[doc(alias = "Condvar")]
pub struct Condition(Rc<Inner>);

struct Inner {
    waiters: WaitList,
    site: &'static Location<'static>,
}

impl Condition {
    /// Creates a condition that no task waits for.
    #[track_caller]
    #[must_use]
    pub fn new() -> Self {
        Self(Rc::new(Inner {
            waiters: WaitList::new(),
            site: Location::caller(),
        }))
    }

    /// May suspend, and always does: unlocks, waits for a notification, and locks again.
    ///
    /// The value may have changed again by then: check it, or use [`wait_while`](Self::wait_while).
    ///
    /// # Panics
    /// If no task is running, or the thread is panicking; the lock is still held then.
    ///
    /// # Cancellation
    /// Unwinds with the lock held: the task waits for the lock first, and cancels that arrive meanwhile count as
    /// the same one. A notification that this task has got goes to the next waiting one. Only if the loop closes
    /// for good does the task not wait for the lock; then the guard panics if it is used.
    #[track_caller]
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        let site = Location::caller();
        let here = here_or_panic();
        guard.release();
        let waited = catch_unwind(AssertUnwindSafe(|| self.wait_for_notification(here)));
        let locked = guard.reacquire(here, site);
        match (waited, locked) {
            (Ok(_), Ok(())) => {}
            (Ok(was_notified), Err(payload)) => {
                if was_notified {
                    self.notify_one();
                }
                resume_unwind(payload)
            }
            // A cancel that came last, as in asyncio.
            (Err(_), Err(payload)) | (Err(payload), Ok(())) => resume_unwind(payload),
        }
    }

    /// Waits for a notification; returns whether it was for this task alone, not from `notify_all`.
    fn wait_for_notification(&self, here: TaskContext) -> bool {
        let pass_on = |was_notified| {
            if was_notified {
                self.notify_one();
            }
        };
        let what = MadeAt("a notification of the condition", self.0.site);
        self.0.waiters.wait_for(here, 1, &what, pass_on)
    }

    /// May suspend: waits as long as `condition` is true of the value. It does not suspend if the condition is
    /// false at first.
    ///
    /// # Panics
    /// As [`wait`](Self::wait); and if `condition` panics, with its payload.
    ///
    /// # Cancellation
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_while<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) {
        consume_budget(1);
        while condition(&mut **guard) {
            self.wait(guard);
        }
    }

    /// Wakes the task that has waited longest.
    #[doc(alias = "notify")]
    pub fn notify_one(&self) {
        self.notify(1);
    }

    /// Wakes up to `n` tasks, in the order in which they began to wait.
    pub fn notify(&self, n: usize) {
        for _ in 0..n {
            if self.0.waiters.first_wants().is_none() {
                return;
            }
            self.0.waiters.hand_to_first();
        }
    }

    /// Wakes all waiting tasks.
    pub fn notify_all(&self) {
        self.0.waiters.wake_all();
    }
}

impl Default for Condition {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl_debug!(Condition, |this| {
    has_waiters: !this.0.waiters.is_empty(),
    created_at: format_args!("{}", this.0.site)
});
