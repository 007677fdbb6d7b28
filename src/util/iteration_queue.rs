//! A first-in, first-out queue that is run lap by lap, where going round costs no copy.
//!
//! A *lap* is what was there at its start; what is pushed meanwhile comes in the next one. Most queue
//! of a busy loop change nothing: each entry runs, and goes to the queue's end again. Such a lap is
//! *in step*: the next one begins just as this one did, so what has run is left where it stands and
//! written nowhere. With the first push or the first entry that does not stay, the lap falls out of
//! step: what has run so far is copied to where the next lap is collected, which any entry is once a
//! lap at most.
//!
//! ```text
//! now    | ran and stays .. | at: runs, or runs next | to come ... |
//! later  | pushed, and what stays out of step (empty in step)      |
//! ```

use std::cell::{Cell, UnsafeCell};

/// The queue. No reference into it ever leaves a method, so shared use on one thread is sound.
pub(crate) struct IterationQueue<T: Copy> {
    /// The entries of the present lap. Nothing is pushed here, so they stay where they are.
    current: UnsafeCell<Vec<T>>,
    next: UnsafeCell<Vec<T>>,
    start: Cell<*mut T>,
    /// The entry that runs; between two, the one that runs next.
    position: Cell<*mut T>,
    end: Cell<*mut T>,
    /// Whether all entries before `at` go on in the next lap, as they stand, and `later` is empty.
    is_reusable: Cell<bool>,
}

/// Entries for which a lap has room at first.
const FEW: usize = 256;
/// Room for more entries than this is given back when the queue is empty.
const LARGE: usize = 1 << 16;

#[allow(unsafe_code)]
impl<T: Copy> IterationQueue<T> {
    pub(crate) fn new() -> Self {
        let mut now = Vec::with_capacity(FEW);
        let start: *mut T = now.as_mut_ptr();
        Self {
            current: UnsafeCell::new(now),
            next: UnsafeCell::new(Vec::with_capacity(FEW)),
            start: Cell::new(start),
            position: Cell::new(start),
            end: Cell::new(start),
            is_reusable: Cell::new(true),
        }
    }

    /// The place of the first entry of the present lap.
    #[inline(always)]
    pub(crate) fn start(&self) -> *mut T {
        self.start.get()
    }

    /// The place of the entry that runs, or runs next.
    #[inline(always)]
    pub(crate) fn position(&self) -> *mut T {
        self.position.get()
    }

    /// Behind the last place of the present lap.
    #[inline(always)]
    pub(crate) fn end(&self) -> *mut T {
        self.end.get()
    }

    #[inline(always)]
    pub(crate) fn is_reusable(&self) -> bool {
        self.is_reusable.get()
    }

    /// Whether nothing of the present lap is left to run.
    #[inline(always)]
    pub(crate) fn is_iteration_over(&self) -> bool {
        self.position.get() == self.end.get()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        let nothing_stays = !self.is_reusable.get() || self.start.get() == self.end.get();
        // SAFETY: no other reference into the vector exists: none leaves a method, and none calls
        // out while it holds one.
        self.is_iteration_over() && nothing_stays && unsafe { (*self.next.get()).is_empty() }
    }

    /// How many entries there are, the one that runs included.
    pub(crate) fn len(&self) -> usize {
        // SAFETY: as in `is_empty`; the places are all of the present lap's.
        unsafe {
            let to_come = self.end.get().offset_from_unsigned(self.position.get());
            let stays = self.position.get().offset_from_unsigned(self.start.get());
            let stays = if self.is_reusable.get() { stays } else { 0 };
            to_come + stays + (*self.next.get()).len()
        }
    }

    /// Calls a function, which leaves the queue alone, with the entries in their order, from the one that
    /// runs, until it answers something.
    pub(crate) fn find_map<R>(&self, f: impl FnMut(&T) -> Option<R>) -> Option<R> {
        // SAFETY: the places are all of the present lap's; as in `is_empty`, given what is asked of the
        // function.
        unsafe {
            let n_before = self.position.get().offset_from_unsigned(self.start.get());
            let (before, rest) = (&*self.current.get()).split_at(n_before);
            let stays = if self.is_reusable.get() { before } else { &[] };
            let later = &*self.next.get();
            rest.iter().chain(stays).chain(later).find_map(f)
        }
    }

    /// How many entries the present lap has.
    #[inline(always)]
    pub(crate) fn iteration_len(&self) -> usize {
        // SAFETY: the lap has so many entries.
        unsafe { (*self.current.get()).len() }
    }

    #[inline(always)]
    pub(crate) fn push(&self, entry: T) {
        self.end_reuse();
        // SAFETY: as in `is_empty`.
        unsafe { (*self.next.get()).push(entry) };
    }

    /// Lets what runs stay, as this entry; answers where it stands until the next change.
    #[inline(always)]
    pub(crate) fn keep(&self, entry: impl FnOnce() -> T) -> *mut T {
        if self.is_reusable.get() {
            return self.position.get();
        }
        // SAFETY: as in `is_empty`.
        let later = unsafe { &mut *self.next.get() };
        later.push(entry());
        later.as_mut_ptr().wrapping_add(later.len() - 1)
    }

    /// Goes on to another entry of the present lap, after `keep`.
    ///
    /// # Safety
    /// The place is the next one or the lap's end; or, in step, the first one, from the last one.
    #[inline(always)]
    pub(crate) unsafe fn advance_to(&self, place: *mut T) {
        self.position.set(place);
    }

    /// Goes on to the next entry; the one that ran does not stay.
    ///
    /// # Safety
    /// The lap is not over.
    #[inline(always)]
    pub(crate) unsafe fn remove_current(&self) {
        self.end_reuse();
        self.position.set(self.position.get().wrapping_add(1));
    }

    /// Begins the next lap, if the present one is over; answers whether it was.
    #[inline(always)]
    pub(crate) fn begin_iteration(&self) -> bool {
        if !self.is_iteration_over() {
            return false;
        }
        if !self.is_reusable.get() {
            // SAFETY: as in `is_empty`.
            let (now, later) = unsafe { (&mut *self.current.get(), &mut *self.next.get()) };
            std::mem::swap(now, later);
            later.clear();
            self.start.set(now.as_mut_ptr());
            self.end.set(now.as_mut_ptr().wrapping_add(now.len()));
            self.is_reusable.set(true);
        }
        self.position.set(self.start.get());
        true
    }

    /// Takes the first entry of all; nothing runs.
    pub(crate) fn pop(&self) -> Option<T> {
        self.end_reuse();
        self.begin_iteration();
        if self.is_iteration_over() {
            return None;
        }
        // SAFETY: the lap is not over, so there is an entry here.
        let entry = unsafe { self.position.get().read() };
        self.end_reuse();
        self.position.set(self.position.get().wrapping_add(1));
        Some(entry)
    }

    /// Writes what has run and stays to where the next lap is collected.
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
        // SAFETY: as in `is_empty`; what has run of the lap is in its vector.
        unsafe {
            let n = self.position.get().offset_from_unsigned(self.start.get());
            (*self.next.get()).extend_from_slice(&(&*self.current.get())[..n]);
        }
    }

    /// Gives room back that was needed only once.
    pub(crate) fn shrink(&self) {
        // SAFETY: as in `is_empty`.
        let n = unsafe { (*self.current.get()).capacity() + (*self.next.get()).capacity() };
        if n > LARGE && self.is_empty() {
            // SAFETY: as in `is_empty`; the places of the present lap are set below.
            let (now, later) = unsafe { (&mut *self.current.get(), &mut *self.next.get()) };
            (*now, *later) = (Vec::with_capacity(FEW), Vec::with_capacity(FEW));
            self.start.set(now.as_mut_ptr());
            self.position.set(self.start.get());
            self.end.set(self.start.get());
            self.is_reusable.set(true);
        }
    }
}

impl<T: Copy> std::fmt::Debug for IterationQueue<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IterationQueue")
            .field("iteration_len", &self.iteration_len())
            .field("is_reusable", &self.is_reusable.get())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(unsafe_code)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Runs the first entry: it stays or goes, and pushes others meanwhile.
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
    fn it_is_a_queue_in_step_and_out_of_it() {
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
            // It outgrows its first room again and again, but not by much: all of it is looked at in each step.
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
    fn a_lap_is_what_was_there_at_its_start() {
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
    fn it_shrinks_when_it_is_empty() {
        let queue = IterationQueue::new();
        (0..2 * LARGE).for_each(|n| queue.push(n));
        queue.shrink();
        while queue.pop().is_some() {}
        queue.shrink();
        // SAFETY: no other reference into the vectors exists.
        unsafe { assert_eq!((*queue.current.get()).capacity(), FEW) };
        queue.push(7);
        assert_eq!((queue.pop(), queue.pop()), (Some(7), None));
    }
}
