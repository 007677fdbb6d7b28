//! [`Mutex`]: a value that one task at a time can use.

use std::cell::{Cell, RefCell, RefMut};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::thread;

use super::permits::Permits;
use crate::runtime::core::{
    Awaiting, FORCE_UNWIND, TaskContext, TaskId, TaskPtr, WaitList, context,
};
use crate::runtime::first::{Listed, Source, Wait};
use crate::runtime::wait::{consume_budget, here_or_panic};
use crate::util::fmt::impl_fmt;

/// A lock and the value that it protects, held across suspensions, first come, first served: asyncio's Lock.
///
/// Clones are the same lock. A waiting task is handed the lock when its turn comes, so no other task
/// overtakes it; a task that is cancelled passes the lock on. There is no poisoning: a guard that is
/// dropped by a cancel or a panic unlocks, and the value stays as the holder left it.
///
/// Only a value that must not change *while a task waits* needs a lock. Between two suspensions no other
/// task runs, and a `RefCell` suffices.
///
/// ```
/// use selvedge::sync::Mutex;
///
/// let total = selvedge::run(|| {
///     let total = Mutex::new(0);
///     let tasks: Vec<_> = (1..=10).map(|n| {
///         let total = total.clone();
///         selvedge::spawn(move || {
///             let mut total = total.lock();
///             let before = *total;
///             selvedge::yield_now();
///             *total = before + n;
///         })
///     }).collect();
///     tasks.into_iter().for_each(|task| task.join().unwrap());
///     *total.lock()
/// });
/// assert_eq!(total, 55);
/// ```
///
/// A task that locks a lock it already holds waits for itself. This is not an error at once, because the guard may
/// be given to another task; when no task can run any more, the loop ends with a deadlock report that names the task.
#[doc(alias = "Lock")]
pub struct Mutex<T: ?Sized>(Rc<Inner<T>>);

struct Inner<T: ?Sized> {
    /// One permit: the lock.
    permits: Permits,
    holder: Cell<Option<Holder>>,
    site: &'static Location<'static>,
    value: RefCell<T>,
}

/// The task that holds the lock, and where it locked it.
#[derive(Clone, Copy)]
struct Holder {
    task: Option<TaskId>,
    site: &'static Location<'static>,
}

impl<T> Mutex<T> {
    /// Creates a lock that no task holds.
    #[track_caller]
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Rc::new(Inner {
            permits: Permits::new(1),
            holder: Cell::new(None),
            site: Location::caller(),
            value: RefCell::new(value),
        }))
    }

    /// Returns the value.
    ///
    /// # Errors
    /// The lock itself, if clones of it exist.
    pub fn try_into_inner(self) -> Result<T, Self> {
        // A guard borrows its handle, so no task holds the lock. A guard that was forgotten leaves the cell borrowed
        // for ever, which does not matter to its owner.
        if Rc::strong_count(&self.0) == 1 {
            // The permits move, and tasks may have waited for them. None waits now, because it would borrow its handle.
            self.0.permits.clear();
        }
        let inner = Rc::try_unwrap(self.0).map_err(Self)?;
        Ok(inner.value.into_inner())
    }
}

impl<T: ?Sized> Mutex<T> {
    /// May suspend: locks as soon as all earlier tasks have unlocked. It does not suspend if the lock is
    /// free.
    ///
    /// # Panics
    /// If the lock is held and no task is running, or the thread is panicking.
    ///
    /// # Cancellation
    /// The lock is not taken; a lock that was handed to this task goes to the next one.
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        consume_budget(1);
        if !self.0.permits.try_take() {
            let was_handed = self.0.permits.take(here_or_panic(), 1, &Waiting(self));
            debug_assert!(was_handed, "a lock dismisses no task");
        }
        self.guard()
    }

    /// The wait for the lock, for [`select!`](crate::select) and [`first`](crate::task::first()). It keeps this task's
    /// place among the waiting tasks only while it lasts.
    #[track_caller]
    pub fn when_locked(&self) -> impl Wait<Output = MutexGuard<'_, T>> {
        Listed(WhenLocked {
            lock: self,
            site: Location::caller(),
        })
    }

    /// Locks if the lock is free. Never suspends.
    ///
    /// ```
    /// let lock = selvedge::sync::Mutex::new(1);
    /// let guard = lock.try_lock().unwrap();
    /// assert!(lock.try_lock().is_none());
    /// drop(guard);
    /// assert_eq!(*lock.try_lock().unwrap(), 1);
    /// ```
    #[track_caller]
    #[must_use]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.permits.try_take().then(|| self.guard())
    }

    /// Whether a task holds the lock.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.0.permits.n_free() == 0
    }

    /// The value, if this is the only handle, so that no task holds the lock.
    #[must_use]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        Rc::get_mut(&mut self.0).map(|inner| inner.value.get_mut())
    }

    /// Creates the guard, for the task that has the permit.
    #[track_caller]
    fn guard(&self) -> MutexGuard<'_, T> {
        self.guard_at(Location::caller())
    }

    fn guard_at(&self, site: &'static Location<'static>) -> MutexGuard<'_, T> {
        MutexGuard {
            lock: self,
            value: Some(self.hold(site)),
        }
    }

    /// Borrows the value, for the task that has the permit.
    fn hold(&self, site: &'static Location<'static>) -> RefMut<'_, T> {
        let task = context::current().and_then(|core| core.current());
        let task = task.map(|task| task.id);
        self.0.holder.set(Some(Holder { task, site }));
        self.0.value.borrow_mut()
    }

    fn unlock(&self) {
        self.0.holder.set(None);
        self.0.permits.give(1);
    }
}

/// A wait for a lock, among others.
struct WhenLocked<'a, T: ?Sized> {
    lock: &'a Mutex<T>,
    site: &'static Location<'static>,
}

impl<'a, T: ?Sized> Source for WhenLocked<'a, T> {
    type Output = MutexGuard<'a, T>;

    fn try_now(&self) -> Option<MutexGuard<'a, T>> {
        let is_taken = self.lock.0.permits.try_take();
        is_taken.then(|| self.lock.guard_at(self.site))
    }

    fn with_list(&self, f: impl FnOnce(&WaitList)) {
        f(self.lock.0.permits.waiters());
    }

    fn wants(&self) -> usize {
        1
    }

    fn finish(&self, is_handed: bool) -> MutexGuard<'a, T> {
        debug_assert!(is_handed, "a lock dismisses no task");
        self.lock.guard_at(self.site)
    }

    fn leave(&self, is_handed: bool) {
        self.lock.0.permits.leave(1, is_handed);
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Waiting(self.lock).describe(f)
    }
}

/// Access to a locked value. Dropping the guard unlocks.
///
/// Forgetting the guard leaves the lock locked for ever.
#[must_use = "the lock is unlocked at once if its guard is not kept"]
pub struct MutexGuard<'a, T: ?Sized> {
    lock: &'a Mutex<T>,
    /// `None` while a condition waits, and afterwards if the lock could not be reacquired.
    value: Option<RefMut<'a, T>>,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Unlocks while a condition waits.
    pub(super) fn release(&mut self) {
        if self.value.take().is_some() {
            self.lock.unlock();
        }
    }

    /// May suspend: locks again after `release`, however often the task is cancelled meanwhile. The last of these
    /// cancels is the error, with the lock held. When the loop closes for good no wait is possible, and the guard
    /// loses its lock.
    pub(super) fn reacquire(
        &mut self,
        here: TaskContext,
        site: &'static Location<'static>,
    ) -> thread::Result<()> {
        let lock: &'a Mutex<T> = self.lock;
        let mut result = Ok(());
        let is_held = Cell::new(lock.0.permits.try_take());
        while !is_held.get() {
            let take = || {
                lock.0.permits.take_and_keep(here, &Waiting(lock), &is_held);
            };
            if let Err(payload) = catch_unwind(AssertUnwindSafe(take)) {
                result = Err(payload);
                if here.task.has(FORCE_UNWIND) && !is_held.get() {
                    return result;
                }
            }
        }
        self.value = Some(lock.hold(site));
        result
    }
}

const LOST: &str = "selvedge: this guard has lost its lock: its task was waiting for a condition when the \
                    loop closed for good";

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[track_caller]
    fn deref(&self) -> &T {
        self.value.as_deref().expect(LOST)
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_deref_mut().expect(LOST)
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.release();
    }
}

/// A wait for a lock, for reports.
struct Waiting<'a, T: ?Sized>(&'a Mutex<T>);

impl<T: ?Sized> Awaiting for Waiting<'_, T> {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0.0;
        write!(f, "the lock made at {}", inner.site)?;
        match (inner.holder.get(), self.holder()) {
            (Some(Holder { site, .. }), Some(task)) => {
                write!(f, ", which the task {} has locked at {site}", task.name())
            }
            (Some(Holder { site, .. }), None) => write!(f, ", which was locked at {site}"),
            (None, _) => Ok(()),
        }
    }

    fn holder(&self) -> Option<TaskPtr> {
        let id = self.0.0.holder.get()?.task?;
        context::current()?.find_task(id)
    }
}

impl<T: ?Sized> Clone for Mutex<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(value) => text.field("value", &&*value),
            None => text.field("value", &format_args!("<locked>")),
        };
        text.finish_non_exhaustive()
    }
}

impl_fmt!([T: ?Sized + std::fmt::Debug] Debug for MutexGuard<'_, T>, |this, f| match &this.value {
    Some(value) => (**value).fmt(f),
    None => f.write_str("<lost>"),
});

impl_fmt!([T: ?Sized + std::fmt::Display] Display for MutexGuard<'_, T>, |this, f| (**this).fmt(f));
