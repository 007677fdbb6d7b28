//! Permits and the tasks that wait for them, strictly first come, first served.
//!
//! A permit that is released while a task waits goes to that task directly and is never free in between, so no
//! later task can take it first. A task that was handed permits and is unwound before it runs releases them, so
//! they go to the next. Everything in [`sync`](super) that has a limit consists of this.

use std::cell::Cell;

use crate::runtime::core::{Awaiting, TaskContext, WaitList};

/// The permits.
pub(super) struct Permits {
    n_free: Cell<usize>,
    waiters: WaitList,
}

impl Permits {
    pub(super) const fn new(n: usize) -> Self {
        Self {
            n_free: Cell::new(n),
            waiters: WaitList::new(),
        }
    }

    /// Number of permits that no task holds or was handed.
    pub(super) fn n_free(&self) -> usize {
        self.n_free.get()
    }

    /// Whether a task waits.
    pub(super) fn has_waiters(&self) -> bool {
        !self.waiters.is_empty()
    }

    /// Takes a permit if one is free. Only where no task takes more than one at a time.
    #[inline(always)]
    pub(super) fn try_take(&self) -> bool {
        let n_free = self.n_free.get();
        if n_free == 0 {
            return false;
        }
        debug_assert!(!self.has_waiters(), "no task waits while a permit is free");
        self.n_free.set(n_free - 1);
        true
    }

    /// Takes `n` permits if they are free and no task waits.
    pub(super) fn try_take_many(&self, n: usize) -> bool {
        let left = self.n_free.get().checked_sub(n);
        let left = left.filter(|_| !self.has_waiters());
        if let Some(left) = left {
            self.n_free.set(left);
        }
        left.is_some()
    }

    /// Parks the running task behind those that wait, until it is handed `n` permits. False if all waiting
    /// tasks were dismissed.
    ///
    /// A cancel unwinds from here, and takes no permit.
    pub(super) fn take(&self, here: TaskContext, n: usize, what: &dyn Awaiting) -> bool {
        self.waiters
            .wait_for(here, n, what, |was_handed| self.leave(n, was_handed))
    }

    /// A task that wanted `n` permits has left the list of waiters: gives back what it was handed.
    pub(super) fn leave(&self, n: usize, was_handed: bool) {
        match was_handed {
            true => self.give(n),
            // Tasks behind may have waited only because this one was before them.
            false => self.hand_out(),
        }
    }

    /// The tasks that wait.
    pub(super) fn waiters(&self) -> &WaitList {
        &self.waiters
    }

    /// Like `take`, for a single permit that the task keeps even if a cancel unwinds from here: sets `is_held`
    /// when the task has it.
    pub(super) fn take_and_keep(
        &self,
        here: TaskContext,
        what: &dyn Awaiting,
        is_held: &Cell<bool>,
    ) {
        let was_handed = self
            .waiters
            .wait_for(here, 1, what, |was_handed| match was_handed {
                true => is_held.set(true),
                false => self.hand_out(),
            });
        is_held.set(was_handed);
    }

    /// Releases or adds `n` permits.
    #[inline(always)]
    pub(super) fn give(&self, n: usize) {
        self.n_free.set(self.n_free.get().saturating_add(n));
        if !self.waiters.is_empty() {
            self.hand_out();
        }
    }

    /// Takes all free permits.
    pub(super) fn take_all(&self) {
        self.n_free.set(0);
    }

    /// Hands free permits to waiting tasks, in order, as far as they suffice.
    #[cold]
    fn hand_out(&self) {
        while let Some(n) = self.waiters.first_wants()
            && let Some(left) = self.n_free.get().checked_sub(n)
        {
            self.n_free.set(left);
            self.waiters.hand_to_first();
        }
    }

    /// Dismisses all waiting tasks without a permit.
    pub(super) fn dismiss_all(&self) {
        self.waiters.wake_all();
    }

    /// Dismisses all waiting tasks. Until the next task waits, the permits may move.
    pub(super) fn clear(&self) {
        self.waiters.clear();
    }
}
