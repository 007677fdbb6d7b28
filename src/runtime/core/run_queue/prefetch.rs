//! What the run queue prefetches: the stacks of tasks that run soon.

#![allow(unsafe_code)]

use super::{Entry, RunQueue};
use crate::arch::Parked;
use crate::runtime::core::TaskPtr;
use crate::sys::prefetch_distances::{TASK_BATCH, TASK_DISTANCE, TASK_LINES};

impl RunQueue {
    /// Before the dispatch of the task at a place.
    #[inline(always)]
    pub(super) fn prefetch_for_dispatch(&self, place: *mut Entry) {
        if self.io_batch.get() {
            self.fetch_next(place);
        } else if !self.exceeds_cache.get() {
            self.prefetch(place);
        } else {
            self.fetch_batch(place);
        }
    }

    /// Among more tasks than the cache holds: prefetches the next batch when half of this one has run. Yielding tasks return
    /// to the loop at that place.
    #[inline(always)]
    fn fetch_batch(&self, place: *mut Entry) {
        if place.wrapping_add(TASK_BATCH / 2) >= self.fetched.get() {
            self.fetch(place);
        }
        if self.repeat_cost.get() == usize::MAX {
            let half = self.fetched.get().wrapping_sub(TASK_BATCH / 2);
            self.direct_end.set(half.min(self.batch_end.get()));
        }
    }

    /// Prefetches one cache line of the innermost frame of the task that is `TASK_DISTANCE` places ahead. A second
    /// line costs 3% with a thousand tasks (benches/yield.rs).
    #[inline(always)]
    pub(super) fn prefetch(&self, place: *mut Entry) {
        let soon = place.wrapping_add(TASK_DISTANCE);
        if soon < self.entries.end() {
            // SAFETY: the place is one of the iteration's.
            Parked::prefetch_any(unsafe { (*soon).parked });
        }
    }

    /// Prefetches all that the next task will touch, and no later task: the current task will read and write, and
    /// these system calls would evict from the cache what was prefetched earlier.
    fn fetch_next(&self, place: *mut Entry) {
        let next = self.waiting_at(place.wrapping_add(1));
        next.inspect(|(task, parked)| task.prefetch_all(*parked));
    }

    /// Task at a place; `None` behind the iteration's end or for a callback.
    #[inline(always)]
    fn waiting_at(&self, place: *mut Entry) -> Option<(TaskPtr, Parked)> {
        if place >= self.entries.end() {
            return None;
        }
        // SAFETY: the place is one of the iteration's; an entry with a parked sp is a task's.
        unsafe { (*place).parked.map(|parked| ((*place).task(), parked)) }
    }

    /// Prefetches the stacks of the next `TASK_BATCH` tasks. With many tasks, the addresses of the stacks are in no
    /// order, so each prefetch needs a page table walk. The processor waits for a single walk, but performs many
    /// at the same time (sys/prefetch_distances.rs).
    #[cold]
    fn fetch(&self, place: *mut Entry) {
        let first = self.fetched.get().max(place);
        self.fetched.set(first.wrapping_add(TASK_BATCH));
        let tasks = || (0..TASK_BATCH).filter_map(|i| self.waiting_at(first.wrapping_add(i)));
        if self.entries.is_repeated() {
            // Each of them has yielded.
            for (task, parked) in tasks() {
                parked.prefetch_line(0);
                task.prefetch_flags();
            }
            return;
        }
        for (task, parked) in tasks() {
            parked.prefetch_line(0);
            task.prefetch_block();
        }
        for (task, parked) in tasks() {
            if task.has_begun() {
                (1..TASK_LINES).for_each(|line| parked.prefetch_line(line));
                task.prefetch_for_end();
            } else {
                (-TASK_LINES..0).for_each(|line| parked.prefetch_line(line));
            }
        }
    }
}
