//! A first-in, first-out queue that is run in iterations, where requeuing an entry costs no copy.
//!
//! An *iteration* is the entries that were there at its start; entries pushed meanwhile run in the next
//! one. Most iterations of a busy loop change nothing: each entry runs and is queued again. Such an
//! iteration is *reusable*: the next one has the same entries in the same order, so entries that have
//! run stay in place and nothing is written. The first push, or the first entry that is removed, ends
//! the reuse: the entries that have run so far are copied to the next iteration's vector, each at most
//! once an iteration.
//!
//! ```text
//! current | have run and stay ... | position: runs, or runs next | to come ... |
//! next    | pushed, and kept since the reuse ended (empty while reusable)     |
//! ```

use std::cell::{Cell, UnsafeCell};

/// The queue. No reference into it leaves a method, so shared use on one thread is sound.
pub(crate) struct IterationQueue<T: Copy> {
    /// Entries of the current iteration. Nothing is pushed here, so they do not move.
    current: UnsafeCell<Vec<T>>,
    /// Entries of the next iteration, unless the current one is reusable.
    next: UnsafeCell<Vec<T>>,
    start: Cell<*mut T>,
    /// The entry that runs, or that runs next.
    position: Cell<*mut T>,
    end: Cell<*mut T>,
    /// Whether every entry before `position` stays for the next iteration and `next` is empty.
    is_reusable: Cell<bool>,
    /// Whether the current iteration has the entries of the previous one.
    is_repeated: Cell<bool>,
}

/// Initial capacity of an iteration.
const INITIAL_CAPACITY: usize = 256;
/// A larger capacity is freed when the queue is empty.
const MAX_IDLE_CAPACITY: usize = 1 << 16;

#[allow(unsafe_code)]
impl<T: Copy> IterationQueue<T> {
    pub(crate) fn new() -> Self {
        let mut current = Vec::with_capacity(INITIAL_CAPACITY);
        let start: *mut T = current.as_mut_ptr();
        Self {
            current: UnsafeCell::new(current),
            next: UnsafeCell::new(Vec::with_capacity(INITIAL_CAPACITY)),
            start: Cell::new(start),
            position: Cell::new(start),
            end: Cell::new(start),
            is_reusable: Cell::new(true),
            is_repeated: Cell::new(false),
        }
    }

    /// Place of the iteration's first entry.
    #[inline(always)]
    pub(crate) fn start(&self) -> *mut T {
        self.start.get()
    }

    /// Place of the entry that runs, or runs next.
    #[inline(always)]
    pub(crate) fn position(&self) -> *mut T {
        self.position.get()
    }

    /// Place behind the iteration's last entry.
    #[inline(always)]
    pub(crate) fn end(&self) -> *mut T {
        self.end.get()
    }

    #[inline(always)]
    pub(crate) fn is_reusable(&self) -> bool {
        self.is_reusable.get()
    }

    /// Whether the current iteration has the entries of the previous one, each of which was kept.
    pub(crate) fn is_repeated(&self) -> bool {
        self.is_repeated.get()
    }

    /// Whether no entry of the current iteration is left to run.
    #[inline(always)]
    pub(crate) fn is_iteration_over(&self) -> bool {
        self.position.get() == self.end.get()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        let nothing_kept = !self.is_reusable.get() || self.start.get() == self.end.get();
        // SAFETY: no other reference into the vector exists: none leaves a method, and no method calls
        // other code while it holds one.
        self.is_iteration_over() && nothing_kept && unsafe { (*self.next.get()).is_empty() }
    }

    /// Number of entries, the one that runs included.
    pub(crate) fn len(&self) -> usize {
        // SAFETY: as in `is_empty`; all places are the iteration's.
        unsafe {
            let to_come = self.end.get().offset_from_unsigned(self.position.get());
            let has_run = self.position.get().offset_from_unsigned(self.start.get());
            let kept = if self.is_reusable.get() { has_run } else { 0 };
            to_come + kept + (*self.next.get()).len()
        }
    }

    /// Calls `f` with each entry in order, beginning with the one that runs, until it returns `Some`.
    /// `f` must not use the queue.
    pub(crate) fn find_map<R>(&self, f: impl FnMut(&T) -> Option<R>) -> Option<R> {
        // SAFETY: all places are the iteration's; as in `is_empty`, since `f` does not use the queue.
        unsafe {
            let n_before = self.position.get().offset_from_unsigned(self.start.get());
            let (before, rest) = (&*self.current.get()).split_at(n_before);
            let kept = if self.is_reusable.get() { before } else { &[] };
            let next = &*self.next.get();
            rest.iter().chain(kept).chain(next).find_map(f)
        }
    }

    /// Number of entries of the current iteration.
    #[inline(always)]
    pub(crate) fn iteration_len(&self) -> usize {
        // SAFETY: as in `is_empty`.
        unsafe { (*self.current.get()).len() }
    }

    #[inline(always)]
    pub(crate) fn push(&self, entry: T) {
        self.end_reuse();
        // SAFETY: as in `is_empty`.
        unsafe { (*self.next.get()).push(entry) };
    }

    /// Keeps the entry that runs for the next iteration; returns its place until the next change.
    #[inline(always)]
    pub(crate) fn keep(&self, entry: impl FnOnce() -> T) -> *mut T {
        if self.is_reusable.get() {
            return self.position.get();
        }
        // SAFETY: as in `is_empty`.
        let next = unsafe { &mut *self.next.get() };
        next.push(entry());
        next.as_mut_ptr().wrapping_add(next.len() - 1)
    }

    /// Advances to another entry of the current iteration, after `keep`.
    ///
    /// # Safety
    /// `place` is the next one or the iteration's end; or, if reusable, the first after the last.
    #[inline(always)]
    pub(crate) unsafe fn advance_to(&self, place: *mut T) {
        self.position.set(place);
    }

    /// Removes the entry that runs and advances to the next one.
    ///
    /// # Safety
    /// The iteration is not over.
    #[inline(always)]
    pub(crate) unsafe fn remove_current(&self) {
        self.end_reuse();
        self.position.set(self.position.get().wrapping_add(1));
    }

    /// Begins the next iteration if the current one is over; returns whether it was.
    #[inline(always)]
    pub(crate) fn begin_iteration(&self) -> bool {
        if !self.is_iteration_over() {
            return false;
        }
        self.is_repeated.set(self.is_reusable.get());
        if !self.is_reusable.get() {
            // SAFETY: as in `is_empty`.
            let (current, next) = unsafe { (&mut *self.current.get(), &mut *self.next.get()) };
            std::mem::swap(current, next);
            next.clear();
            self.start.set(current.as_mut_ptr());
            self.end
                .set(current.as_mut_ptr().wrapping_add(current.len()));
            self.is_reusable.set(true);
        }
        self.position.set(self.start.get());
        true
    }

    /// Removes the first entry of any iteration, while none runs.
    pub(crate) fn pop(&self) -> Option<T> {
        self.end_reuse();
        self.begin_iteration();
        if self.is_iteration_over() {
            return None;
        }
        // SAFETY: the iteration is not over, so the position is an entry's.
        let entry = unsafe { self.position.get().read() };
        self.end_reuse();
        self.position.set(self.position.get().wrapping_add(1));
        Some(entry)
    }

    /// Copies the entries that have run and stay to the next iteration's vector.
    #[inline(always)]
    pub(crate) fn end_reuse(&self) {
        if self.is_reusable.get() {
            self.is_reusable.set(false);
            if self.position.get() != self.start.get() {
                self.copy_kept();
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn copy_kept(&self) {
        // SAFETY: as in `is_empty`; the entries that have run are in the vector.
        unsafe {
            let n = self.position.get().offset_from_unsigned(self.start.get());
            (*self.next.get()).extend_from_slice(&(&*self.current.get())[..n]);
        }
    }

    /// Frees the capacity that a peak needed, if the queue is empty.
    pub(crate) fn shrink(&self) {
        // SAFETY: as in `is_empty`.
        let n = unsafe { (*self.current.get()).capacity() + (*self.next.get()).capacity() };
        if n > MAX_IDLE_CAPACITY && self.is_empty() {
            // SAFETY: as in `is_empty`; the places are set below.
            let (current, next) = unsafe { (&mut *self.current.get(), &mut *self.next.get()) };
            (*current, *next) = (
                Vec::with_capacity(INITIAL_CAPACITY),
                Vec::with_capacity(INITIAL_CAPACITY),
            );
            self.start.set(current.as_mut_ptr());
            self.position.set(self.start.get());
            self.end.set(self.start.get());
            self.is_reusable.set(true);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(unsafe_code)]

    use std::collections::VecDeque;

    use super::*;

    /// Runs the first entry, which pushes others and then is kept or removed.
    fn run(queue: &IterationQueue<u32>, stays: bool, pushed: &[u32]) -> u32 {
        queue.begin_iteration();
        // SAFETY: the callers' queues are not empty.
        let entry = unsafe { *queue.position() };
        pushed.iter().for_each(|n| queue.push(*n));
        // SAFETY: the entry that runs is at its place, so there is a next place or the end.
        unsafe {
            if stays {
                let kept = queue.keep(|| entry);
                assert_eq!(*kept, entry);
                queue.advance_to(queue.position().wrapping_add(1));
            } else {
                queue.remove_current();
            }
        }
        entry
    }

    #[test]
    fn order_is_first_in_first_out_with_and_without_reuse() {
        let (queue, mut model) = (IterationQueue::new(), VecDeque::new());
        let mut seed = 1_u64;
        let mut random = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % n
        };
        let mut next = 0..;
        for _ in 0..6_000 {
            let quiet = random(4) > 0;
            for _ in 0..random(12) {
                let pushed: Vec<u32> = match quiet {
                    true => Vec::new(),
                    false => next.by_ref().take(random(3) as usize).collect(),
                };
                assert_eq!(
                    (queue.is_empty(), queue.len()),
                    (model.is_empty(), model.len())
                );
                let mut expected = model.iter();
                let wrong =
                    queue.find_map(|entry| (expected.next() != Some(entry)).then_some(*entry));
                assert_eq!((wrong, expected.next()), (None, None));
                let Some(first) = model.pop_front() else {
                    queue.push(7);
                    model.push_back(7);
                    continue;
                };
                let stays = quiet || random(2) > 0;
                assert_eq!(run(&queue, stays, &pushed), first);
                model.extend(pushed);
                if stays {
                    model.push_back(first);
                }
            }
            // The queue outgrows its initial capacity repeatedly, by little: each step reads all entries.
            let n_popped = match model.len() {
                600.. => 500,
                _ => usize::from(random(16) == 0),
            };
            for _ in 0..n_popped {
                assert_eq!(queue.pop(), model.pop_front());
            }
        }
        while let Some(first) = model.pop_front() {
            assert_eq!(queue.pop(), Some(first));
        }
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn an_iteration_is_the_entries_at_its_start() {
        let queue = IterationQueue::new();
        (0..3).for_each(|n| queue.push(n));
        assert_eq!(run(&queue, true, &[]), 0);
        assert_eq!(run(&queue, true, &[3]), 1);
        assert!(!queue.is_iteration_over());
        assert_eq!(run(&queue, false, &[]), 2);
        assert!(queue.is_iteration_over() && !queue.is_empty());
        queue.begin_iteration();
        assert_eq!(queue.iteration_len(), 3);
        assert_eq!([queue.pop(), queue.pop(), queue.pop()], [0, 3, 1].map(Some));
    }

    #[test]
    fn an_empty_queue_frees_its_peak_capacity() {
        let queue = IterationQueue::new();
        (0..2 * MAX_IDLE_CAPACITY).for_each(|n| queue.push(n));
        queue.shrink();
        while queue.pop().is_some() {}
        queue.shrink();
        // SAFETY: no other reference into the vectors exists.
        unsafe { assert_eq!((*queue.current.get()).capacity(), INITIAL_CAPACITY) };
        queue.push(7);
        assert_eq!((queue.pop(), queue.pop()), (Some(7), None));
    }
}
