//! [`Semaphore`] and [`BoundedSemaphore`]: a limited number of tasks at a time.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::error::TooManyPermits;
use super::permits::Permits;
use crate::runtime::core::{Awaiting, WaitList};
use crate::runtime::first::{Listed, Source, Wait};
use crate::runtime::wait::{consume_budget, here_or_panic};
use crate::util::fmt::impl_debug;

/// A number of permits that tasks acquire and release, strictly first come, first served: asyncio's Semaphore.
///
/// Clones are the same semaphore. A task that wants several permits waits until all of them are free, and later tasks
/// wait behind it, even for fewer permits.
///
/// ```
/// use selvedge::sync::Semaphore;
///
/// selvedge::run(|| {
///     let looms = Semaphore::new(2);
///     let weavers: Vec<_> = (0..5).map(|_| {
///         let looms = looms.clone();
///         selvedge::spawn(move || {
///             let _loom = looms.acquire();
///             selvedge::yield_now();
///         })
///     }).collect();
///     weavers.into_iter().for_each(|weaver| weaver.join().unwrap());
///     assert_eq!(looms.available_permits(), 2);
/// });
/// ```
#[derive(Clone)]
pub struct Semaphore(Rc<Inner>);

/// A [`Semaphore`] that never has more permits than it began with: releasing more is an error.
///
/// ```
/// let semaphore = selvedge::sync::BoundedSemaphore::new(1);
/// let permit = semaphore.acquire();
/// assert!(semaphore.try_acquire().is_none());
/// drop(permit);
/// assert!(semaphore.release(1).is_err());
/// ```
#[derive(Clone)]
pub struct BoundedSemaphore(Rc<Inner>);

struct Inner {
    permits: Permits,
    /// The most permits that may be free.
    limit: usize,
    site: &'static Location<'static>,
}

impl Inner {
    #[track_caller]
    fn acquire(self: &Rc<Self>, n: usize) -> Permit {
        self.check(n);
        consume_budget(1);
        if !self.permits.try_take_many(n) {
            let what = Waiting { inner: self, n };
            let was_handed = self.permits.take(here_or_panic(), n, &what);
            debug_assert!(was_handed, "a semaphore dismisses no task");
        }
        self.permit(n)
    }

    #[track_caller]
    fn when_acquired(self: &Rc<Self>, n: usize) -> impl Wait<Output = Permit> {
        self.check(n);
        Listed(Waiting { inner: self, n })
    }

    #[track_caller]
    fn check(&self, n: usize) {
        assert!(
            n <= self.limit,
            "selvedge: {n} permits can't be acquired from a semaphore that has {} at most",
            self.limit
        );
    }

    fn try_acquire(self: &Rc<Self>, n: usize) -> Option<Permit> {
        self.permits.try_take_many(n).then(|| self.permit(n))
    }

    fn permit(self: &Rc<Self>, n: usize) -> Permit {
        let semaphore = Rc::clone(self);
        Permit { semaphore, n }
    }

    fn release(&self, n: usize) -> Result<(), TooManyPermits> {
        let limit = self.limit;
        let room = limit.saturating_sub(self.permits.n_free());
        if n > room {
            return Err(TooManyPermits { limit });
        }
        self.permits.give(n);
        Ok(())
    }
}

macro_rules! semaphore_methods {
    ($Semaphore:ident, $limit:expr) => {
        impl $Semaphore {
            /// Creates a semaphore with `n` permits.
            #[track_caller]
            #[must_use]
            pub fn new(n: usize) -> Self {
                let limit: fn(usize) -> usize = $limit;
                Self(Rc::new(Inner {
                    permits: Permits::new(n),
                    limit: limit(n),
                    site: Location::caller(),
                }))
            }

            /// May suspend: acquires a permit, in this task's turn. It does not suspend if a permit is free
            /// and no task waits.
            ///
            /// # Panics
            /// If it has to wait and no task is running, or the thread is panicking; if the semaphore can never
            /// have that many permits.
            ///
            /// # Cancellation
            /// Acquires nothing; a permit that was handed to this task goes to the next one.
            #[track_caller]
            pub fn acquire(&self) -> Permit {
                self.0.acquire(1)
            }

            /// May suspend: acquires `n` permits at once, in this task's turn.
            ///
            /// ```
            #[doc = concat!("let semaphore = selvedge::sync::", stringify!($Semaphore), "::new(5);")]
            /// let three = semaphore.acquire_many(3);
            /// assert!(semaphore.try_acquire_many(3).is_none());
            /// drop(three);
            /// assert!(semaphore.try_acquire_many(3).is_some());
            /// ```
            ///
            /// # Panics
            /// As [`acquire`](Self::acquire).
            ///
            /// # Cancellation
            /// As [`acquire`](Self::acquire).
            #[track_caller]
            pub fn acquire_many(&self, n: usize) -> Permit {
                self.0.acquire(n)
            }

            /// The wait for `n` permits, for [`select!`](crate::select) and [`first`](crate::task::first()). It keeps this
            /// task's place among the waiting tasks only while it lasts.
            ///
            /// # Panics
            /// If the semaphore can never have that many permits.
            #[track_caller]
            pub fn when_acquired(&self, n: usize) -> impl Wait<Output = Permit> {
                self.0.when_acquired(n)
            }

            /// Acquires a permit if one is free and no task waits. Never suspends.
            #[must_use]
            pub fn try_acquire(&self) -> Option<Permit> {
                self.0.try_acquire(1)
            }

            /// Acquires `n` permits if they are free and no task waits. Never suspends.
            #[must_use]
            pub fn try_acquire_many(&self, n: usize) -> Option<Permit> {
                self.0.try_acquire(n)
            }

            /// Adds `n` free permits that no [`Permit`] stands for: forgotten ones, or new ones.
            ///
            /// # Errors
            /// If the semaphore would have more permits than it may; then it has as many as before.
            pub fn release(&self, n: usize) -> Result<(), TooManyPermits> {
                self.0.release(n)
            }

            /// Number of free permits.
            #[must_use]
            pub fn available_permits(&self) -> usize {
                self.0.permits.n_free()
            }

            /// Whether a task that acquires a permit now has to wait.
            #[must_use]
            pub fn is_locked(&self) -> bool {
                self.0.permits.n_free() == 0 || self.0.permits.has_waiters()
            }
        }

        impl_debug!($Semaphore, |this| {
            available_permits: this.0.permits.n_free(),
            has_waiters: this.0.permits.has_waiters(),
            created_at: format_args!("{}", this.0.site)
        });
    };
}

semaphore_methods!(Semaphore, |_| usize::MAX);
semaphore_methods!(BoundedSemaphore, |n| n);

/// Acquired permits of a semaphore. Dropping this releases them; it may be moved to another task.
///
/// Forgetting this, by [`forget`](Self::forget) or `mem::forget`, keeps the permits acquired until the
/// semaphore's `release` is called.
#[must_use = "the permits are released at once if this is not kept"]
pub struct Permit {
    semaphore: Rc<Inner>,
    n: usize,
}

impl Permit {
    /// Number of permits that this stands for.
    #[must_use]
    pub fn count(&self) -> usize {
        self.n
    }

    /// Drops this without releasing the permits.
    ///
    /// ```
    /// let semaphore = selvedge::sync::Semaphore::new(1);
    /// semaphore.acquire().forget();
    /// assert_eq!(semaphore.available_permits(), 0);
    /// semaphore.release(1).unwrap();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// ```
    pub fn forget(mut self) {
        self.n = 0;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Inner { permits, limit, .. } = &*self.semaphore;
        // Fewer if `release` has added permits in the meantime.
        permits.give(self.n.min(limit.saturating_sub(permits.n_free())));
    }
}

impl_debug!(Permit, |this| { n: this.n });

/// A wait for permits, for reports.
struct Waiting<'a> {
    inner: &'a Rc<Inner>,
    n: usize,
}

impl Source for Waiting<'_> {
    type Output = Permit;

    fn try_now(&self) -> Option<Permit> {
        self.inner.try_acquire(self.n)
    }

    fn with_list(&self, f: impl FnOnce(&WaitList)) {
        f(self.inner.permits.waiters());
    }

    fn wants(&self) -> usize {
        self.n
    }

    fn finish(&self, is_handed: bool) -> Permit {
        debug_assert!(is_handed, "a semaphore dismisses no task");
        self.inner.permit(self.n)
    }

    fn leave(&self, is_handed: bool) {
        self.inner.permits.leave(self.n, is_handed);
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Awaiting::describe(self, f)
    }
}

impl Awaiting for Waiting<'_> {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, site) = (self.n, self.inner.site);
        write!(f, "{n} of the permits of the semaphore made at {site}")
    }
}
