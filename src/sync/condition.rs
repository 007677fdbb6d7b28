//! [`Condition`]: waiting for a change of what a lock protects.

use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::rc::Rc;

use super::error::here_or_panic;
use super::mutex::MutexGuard;
use crate::runtime::core::block::Awaiting;
use crate::runtime::core::context::TaskContext;
use crate::runtime::core::wait_list::WaitList;

/// A change of what a [`Mutex`](super::Mutex) protects, to wait for: asyncio's Condition, with the signatures
/// of std's Condvar.
///
/// Clones are the same condition. It is notified with the lock held or without.
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
    /// A condition that nobody waits for.
    #[track_caller]
    #[must_use]
    pub fn new() -> Self {
        Self(Rc::new(Inner {
            waiters: WaitList::new(),
            site: Location::caller(),
        }))
    }

    /// May suspend, and always does: unlocks, waits to be notified, and locks again.
    ///
    /// What was waited for may have changed once more by then: look again, or use
    /// [`wait_while`](Self::wait_while).
    ///
    /// # Panics
    /// If no task is running, or the thread is panicking; the lock is still held then.
    ///
    /// # Cancellation
    /// Unwinds with the lock held: it is waited for first, and cancels that arrive meanwhile count as the same
    /// one. A notification that this task has got goes to the next that waits. Only if the loop closes
    /// for good is the lock not waited for: the guard panics then if somebody still looks through it.
    #[track_caller]
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        let site = Location::caller();
        let here = here_or_panic();
        guard.release();
        let waited = catch_unwind(AssertUnwindSafe(|| self.wait_for_notice(here)));
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

    /// Answers whether it was notified alone, and not with everybody.
    fn wait_for_notice(&self, here: TaskContext) -> bool {
        let pass_on = |was_notified| {
            if was_notified {
                self.notify_one();
            }
        };
        self.0.waiters.wait_for(here, 1, &*self.0, pass_on)
    }

    /// May suspend: waits as long as a function of the value says so; it does not suspend if that says no
    /// at first.
    ///
    /// # Panics
    /// As [`wait`](Self::wait), and with what the function panics with.
    ///
    /// # Cancellation
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_while<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) {
        while condition(&mut **guard) {
            self.wait(guard);
        }
    }

    /// Wakes the one that has waited for longest.
    #[doc(alias = "notify")]
    pub fn notify_one(&self) {
        self.notify(1);
    }

    /// Wakes so many, in the order in which they came.
    pub fn notify(&self, n: usize) {
        for _ in 0..n {
            if self.0.waiters.first_wants().is_none() {
                return;
            }
            self.0.waiters.hand_to_first();
        }
    }

    /// Wakes all that wait.
    pub fn notify_all(&self) {
        self.0.waiters.wake_all();
    }
}

impl Awaiting for Inner {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a notice of the condition made at {}", self.site)
    }
}

impl Default for Condition {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition")
            .field("has_waiters", &!self.0.waiters.is_empty())
            .field("made_at", &format_args!("{}", self.0.site))
            .finish_non_exhaustive()
    }
}
