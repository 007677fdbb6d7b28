//! [`IdleStacks`]: returns the unused pages of stacks whose tasks wait for long.
//!
//! Everything below the stack pointer of a parked task is unused. When the loop has nothing to do and the time has come, it
//! looks at all tasks, a few at a time, so that no event waits long. A look clears `HAS_RUN` of each task; a look that finds
//! `HAS_RUN` cleared clears `HAD_RUN`, and returns the pages. Waking a task sets both flags together with `SCHEDULED`, so
//! running tasks cost nothing.

#![allow(unsafe_code)]

use std::array;
use std::cell::Cell;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::coroutine::Hosted;
use crate::runtime::core::{COMPLETED, Core, HAD_RUN, HAS_RUN, SCHEDULED, TaskBlock, TaskPtr};
use crate::stack::{BATCH, discard};

/// See [`IdleStacks::n_unread`].
const N_UNREAD: u8 = 15;

/// When the loop looks at its tasks.
pub(crate) struct IdleStacks {
    /// The time between two looks; `None` for no look.
    period: Option<Duration>,
    due: Cell<Option<Instant>>,
    /// How many calls to make until the next one that reads the clock, which takes as long as a short turn of the loop.
    n_unread: Cell<u8>,
    /// The present look has met a task that another look has to meet.
    is_wanted: Cell<bool>,
}

impl IdleStacks {
    pub(crate) fn new(period: Option<Duration>) -> Self {
        Self {
            period,
            due: Cell::new(None),
            n_unread: Cell::new(0),
            is_wanted: Cell::new(false),
        }
    }

    /// Looks at some tasks if the time has come. Returns how long the loop may sleep before it calls this again: zero if
    /// tasks are left, `None` for no limit.
    ///
    /// The loop is idle: tasks have run since the last call, or that call has asked for this one.
    pub(crate) fn look(&self, core: &Core) -> Option<Duration> {
        let period = self.period?;
        let n_unread = self.n_unread.get();
        if n_unread > 0 && core.is_walk_over() {
            self.n_unread.set(n_unread - 1);
            return Some(period);
        }
        self.n_unread.set(N_UNREAD);
        self.look_at(core, Instant::now(), period)
    }

    /// No descriptor was ready: perhaps the time for a look has come.
    pub(crate) fn slept_in_vain(&self) {
        self.n_unread.set(0);
    }

    fn look_at(&self, core: &Core, now: Instant, period: Duration) -> Option<Duration> {
        // A time that the clock can't represent never comes.
        let next = now.checked_add(period)?;
        if core.is_walk_over() {
            let due = self.due.get().unwrap_or(next);
            self.due.set(Some(due));
            if now < due {
                return Some(due - now);
            }
            self.is_wanted.set(false);
            core.begin_walk();
        }
        let mut unused: [Range<usize>; BATCH] = array::from_fn(|_| 0..0);
        let mut n_unused = 0;
        for _ in 0..BATCH {
            let Some(task) = core.walk_on() else { break };
            if let Some(pages) = self.visit(task) {
                unused[n_unused] = pages;
                n_unused += 1;
            }
        }
        // SAFETY: whole pages of stacks below the frames of parked tasks. No task runs meanwhile.
        unsafe { discard(&unused[..n_unused]) };
        if !core.is_walk_over() {
            return Some(Duration::ZERO);
        }
        self.due.set(Some(next));
        self.is_wanted.get().then_some(period)
    }

    /// Returns the pages that a task has not needed for long.
    fn visit(&self, task: TaskPtr) -> Option<Range<usize>> {
        if task.has(COMPLETED) || !task.has_begun() {
            return None;
        }
        if task.has(SCHEDULED | HAS_RUN) {
            task.clear(HAS_RUN);
            self.is_wanted.set(true);
            return None;
        }
        if !task.has(HAD_RUN) {
            return None;
        }
        task.clear(HAD_RUN);
        // SAFETY: a task that is neither scheduled nor done is parked, at the position that its block has. The caller
        // gives the pages back before any task runs.
        unsafe { Hosted::<TaskBlock>::take_unused_pages(task.0, task.parked.get()) }
    }
}
