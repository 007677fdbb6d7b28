//! A number of permits, and who waits for some: strictly first come, first served.
//!
//! A permit that is given back while somebody waits is handed over, and is never free in between: nobody who
//! comes later can take it first. Whoever was handed some and is unwound before it runs gives them back, so
//! that they go on to the next. Everything in [`sync`](super) that has a limit is made of this.

use std::cell::Cell;
use std::fmt;

use crate::runtime::core::block::Awaiting;
use crate::runtime::core::context::TaskContext;
use crate::runtime::core::wait_list::WaitList;

/// The permits.
pub(super) struct Permits {
    n_free: Cell<usize>,
    line: WaitList,
}

impl Permits {
    pub(super) const fn new(n: usize) -> Self {
        Self {
            n_free: Cell::new(n),
            line: WaitList::new(),
        }
    }

    /// How many nobody has, nor was handed.
    pub(super) fn n_free(&self) -> usize {
        self.n_free.get()
    }

    /// Whether somebody waits.
    pub(super) fn has_line(&self) -> bool {
        !self.line.is_empty()
    }

    /// Takes one, if that is possible at once: where nobody takes more than one.
    #[inline(always)]
    pub(super) fn try_take(&self) -> bool {
        let n_free = self.n_free.get();
        if n_free == 0 {
            return false;
        }
        debug_assert!(!self.has_line(), "nobody waits for one beside a free one");
        self.n_free.set(n_free - 1);
        true
    }

    /// Takes so many, if that is possible at once and nobody waits.
    pub(super) fn try_take_many(&self, n: usize) -> bool {
        let left = self.n_free.get().checked_sub(n);
        let left = left.filter(|_| !self.has_line());
        if let Some(left) = left {
            self.n_free.set(left);
        }
        left.is_some()
    }

    /// Parks the running task at the end of the line until it is handed so many. False if everybody
    /// was sent away.
    ///
    /// A cancel unwinds from here, and takes nothing.
    pub(super) fn take(&self, here: TaskContext, n: usize, what: &dyn Awaiting) -> bool {
        self.line
            .wait_for(here, n, what, |was_handed| match was_handed {
                true => self.give(n),
                // Those behind may have waited for it only.
                false => self.hand_out(),
            })
    }

    /// As `take`, for one that stays with the task also if a cancel unwinds from here: sets `is_held` when
    /// the task has it.
    pub(super) fn take_and_keep(
        &self,
        here: TaskContext,
        what: &dyn Awaiting,
        is_held: &Cell<bool>,
    ) {
        let was_handed = self
            .line
            .wait_for(here, 1, what, |was_handed| match was_handed {
                true => is_held.set(true),
                false => self.hand_out(),
            });
        is_held.set(was_handed);
    }

    /// Gives so many back, or adds them.
    #[inline(always)]
    pub(super) fn give(&self, n: usize) {
        self.n_free.set(self.n_free.get().saturating_add(n));
        if !self.line.is_empty() {
            self.hand_out();
        }
    }

    /// Takes back what is free.
    pub(super) fn take_all(&self) {
        self.n_free.set(0);
    }

    /// Hands what is free to those who wait, as far as it goes.
    #[cold]
    fn hand_out(&self) {
        while let Some(n) = self.line.first_wants()
            && let Some(left) = self.n_free.get().checked_sub(n)
        {
            self.n_free.set(left);
            self.line.hand_to_first();
        }
    }

    /// Sends everybody away who waits, with nothing.
    pub(super) fn dismiss_all(&self) {
        self.line.wake_all();
    }
}

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permits")
            .field("n_free", &self.n_free.get())
            .field("has_line", &self.has_line())
            .finish()
    }
}
