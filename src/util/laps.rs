//! A first-in, first-out queue that is run lap by lap, where going round costs no copy.
//!
//! A *lap* is what was there at its start; what is pushed meanwhile comes in the next one. Most laps
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
pub(crate) struct Laps<T: Copy> {
    /// The entries of the present lap. Nothing is pushed here, so they stay where they are.
    now: UnsafeCell<Vec<T>>,
    later: UnsafeCell<Vec<T>>,
    start: Cell<*mut T>,
    /// The entry that runs; between two, the one that runs next.
    at: Cell<*mut T>,
    end: Cell<*mut T>,
    /// Whether all entries before `at` go on in the next lap, as they stand, and `later` is empty.
    is_in_step: Cell<bool>,
}

/// Entries for which a lap has room at first.
const FEW: usize = 256;
/// Room for more entries than this is given back when the queue is empty.
const LARGE: usize = 1 << 16;

#[allow(unsafe_code)]
impl<T: Copy> Laps<T> {
    pub(crate) fn new() -> Self {
        let mut now = Vec::with_capacity(FEW);
        let start: *mut T = now.as_mut_ptr();
        Self {
            now: UnsafeCell::new(now),
            later: UnsafeCell::new(Vec::with_capacity(FEW)),
            start: Cell::new(start),
            at: Cell::new(start),
            end: Cell::new(start),
            is_in_step: Cell::new(true),
        }
    }

    /// The place of the first entry of the present lap.
    #[inline(always)]
    pub(crate) fn start(&self) -> *mut T {
        self.start.get()
    }

    /// The place of the entry that runs, or runs next.
    #[inline(always)]
    pub(crate) fn at(&self) -> *mut T {
        self.at.get()
    }

    /// Behind the last place of the present lap.
    #[inline(always)]
    pub(crate) fn end(&self) -> *mut T {
        self.end.get()
    }

    #[inline(always)]
    pub(crate) fn is_in_step(&self) -> bool {
        self.is_in_step.get()
    }

    /// Whether nothing of the present lap is left to run.
    #[inline(always)]
    pub(crate) fn is_over(&self) -> bool {
        self.at.get() == self.end.get()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        let nothing_stays = !self.is_in_step.get() || self.start.get() == self.end.get();
        // SAFETY: no other reference into the vector exists: none leaves a method, and none calls
        // out while it holds one.
        self.is_over() && nothing_stays && unsafe { (*self.later.get()).is_empty() }
    }

    /// How many entries there are, the one that runs included.
    pub(crate) fn len(&self) -> usize {
        // SAFETY: as in `is_empty`; the places are all of the present lap's.
        unsafe {
            let to_come = self.end.get().offset_from_unsigned(self.at.get());
            let stays = self.at.get().offset_from_unsigned(self.start.get());
            let stays = if self.is_in_step.get() { stays } else { 0 };
            to_come + stays + (*self.later.get()).len()
        }
    }

    /// Calls a function, which leaves the queue alone, with the entries in their order, from the one that
    /// runs, until it answers something.
    pub(crate) fn find_map<R>(&self, f: impl FnMut(&T) -> Option<R>) -> Option<R> {
        // SAFETY: the places are all of the present lap's; as in `is_empty`, given what is asked of the
        // function.
        unsafe {
            let n_before = self.at.get().offset_from_unsigned(self.start.get());
            let (before, rest) = (&*self.now.get()).split_at(n_before);
            let stays = if self.is_in_step.get() { before } else { &[] };
            let later = &*self.later.get();
            rest.iter().chain(stays).chain(later).find_map(f)
        }
    }

    /// How many entries the present lap has.
    #[inline(always)]
    pub(crate) fn len_of_lap(&self) -> usize {
        // SAFETY: the lap has so many entries.
        unsafe { (*self.now.get()).len() }
    }

    #[inline(always)]
    pub(crate) fn push(&self, entry: T) {
        self.leave_step();
        // SAFETY: as in `is_empty`.
        unsafe { (*self.later.get()).push(entry) };
    }

    /// Lets what runs stay, as this entry; answers where it stands until the next change.
    #[inline(always)]
    pub(crate) fn keep(&self, entry: impl FnOnce() -> T) -> *mut T {
        if self.is_in_step.get() {
            return self.at.get();
        }
        // SAFETY: as in `is_empty`.
        let later = unsafe { &mut *self.later.get() };
        later.push(entry());
        later.as_mut_ptr().wrapping_add(later.len() - 1)
    }

    /// Goes on to another entry of the present lap, after `keep`.
    ///
    /// # Safety
    /// The place is the next one or the lap's end; or, in step, the first one, from the last one.
    #[inline(always)]
    pub(crate) unsafe fn go_to(&self, place: *mut T) {
        self.at.set(place);
    }

    /// Goes on to the next entry; the one that ran does not stay.
    ///
    /// # Safety
    /// The lap is not over.
    #[inline(always)]
    pub(crate) unsafe fn skip(&self) {
        self.leave_step();
        self.at.set(self.at.get().wrapping_add(1));
    }

    /// Begins the next lap, if the present one is over; answers whether it was.
    #[inline(always)]
    pub(crate) fn begin(&self) -> bool {
        if !self.is_over() {
            return false;
        }
        if !self.is_in_step.get() {
            // SAFETY: as in `is_empty`.
            let (now, later) = unsafe { (&mut *self.now.get(), &mut *self.later.get()) };
            std::mem::swap(now, later);
            later.clear();
            self.start.set(now.as_mut_ptr());
            self.end.set(now.as_mut_ptr().wrapping_add(now.len()));
            self.is_in_step.set(true);
        }
        self.at.set(self.start.get());
        true
    }

    /// Takes the first entry of all; nothing runs.
    pub(crate) fn pop(&self) -> Option<T> {
        self.leave_step();
        self.begin();
        if self.is_over() {
            return None;
        }
        // SAFETY: the lap is not over, so there is an entry here.
        let entry = unsafe { self.at.get().read() };
        self.leave_step();
        self.at.set(self.at.get().wrapping_add(1));
        Some(entry)
    }

    /// Writes what has run and stays to where the next lap is collected.
    #[inline(always)]
    pub(crate) fn leave_step(&self) {
        if self.is_in_step.get() {
            self.is_in_step.set(false);
            if self.at.get() != self.start.get() {
                self.write_down();
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn write_down(&self) {
        // SAFETY: as in `is_empty`; what has run of the lap is in its vector.
        unsafe {
            let n = self.at.get().offset_from_unsigned(self.start.get());
            (*self.later.get()).extend_from_slice(&(&*self.now.get())[..n]);
        }
    }

    /// Gives room back that was needed only once.
    pub(crate) fn shrink(&self) {
        // SAFETY: as in `is_empty`.
        let n = unsafe { (*self.now.get()).capacity() + (*self.later.get()).capacity() };
        if n > LARGE && self.is_empty() {
            // SAFETY: as in `is_empty`; the places of the present lap are set below.
            let (now, later) = unsafe { (&mut *self.now.get(), &mut *self.later.get()) };
            (*now, *later) = (Vec::with_capacity(FEW), Vec::with_capacity(FEW));
            self.start.set(now.as_mut_ptr());
            self.at.set(self.start.get());
            self.end.set(self.start.get());
            self.is_in_step.set(true);
        }
    }
}

impl<T: Copy> std::fmt::Debug for Laps<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Laps")
            .field("len_of_lap", &self.len_of_lap())
            .field("is_in_step", &self.is_in_step.get())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(unsafe_code)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Runs the first entry: it stays or goes, and pushes others meanwhile.
    fn run(laps: &Laps<u32>, stays: bool, pushed: &[u32]) -> u32 {
        laps.begin();
        // SAFETY: the callers' queues are not empty.
        let entry = unsafe { *laps.at() };
        pushed.iter().for_each(|n| laps.push(*n));
        // SAFETY: the entry that runs is at its place, so there is a next place or the end.
        unsafe {
            if stays {
                let kept = laps.keep(|| entry);
                assert_eq!(*kept, entry);
                laps.go_to(laps.at().wrapping_add(1));
            } else {
                laps.skip();
            }
        }
        entry
    }

    #[test]
    fn entries_come_in_order_in_step_and_out_of_step() {
        let (laps, mut model) = (Laps::new(), VecDeque::new());
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
                    (laps.is_empty(), laps.len()),
                    (model.is_empty(), model.len())
                );
                let mut expected = model.iter();
                let wrong =
                    laps.find_map(|entry| (expected.next() != Some(entry)).then_some(*entry));
                assert_eq!((wrong, expected.next()), (None, None));
                let Some(first) = model.pop_front() else {
                    laps.push(7);
                    model.push_back(7);
                    continue;
                };
                let stays = quiet || random(2) > 0;
                assert_eq!(run(&laps, stays, &pushed), first);
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
                assert_eq!(laps.pop(), model.pop_front());
            }
        }
        while let Some(first) = model.pop_front() {
            assert_eq!(laps.pop(), Some(first));
        }
        assert_eq!(laps.pop(), None);
    }

    #[test]
    fn an_iteration_holds_the_entries_of_its_start() {
        let laps = Laps::new();
        (0..3).for_each(|n| laps.push(n));
        assert_eq!(run(&laps, true, &[]), 0);
        assert_eq!(run(&laps, true, &[3]), 1);
        assert!(!laps.is_over());
        assert_eq!(run(&laps, false, &[]), 2);
        assert!(laps.is_over() && !laps.is_empty());
        laps.begin();
        assert_eq!(laps.len_of_lap(), 3);
        assert_eq!([laps.pop(), laps.pop(), laps.pop()], [0, 3, 1].map(Some));
    }

    #[test]
    fn an_empty_queue_shrinks() {
        let laps = Laps::new();
        (0..2 * LARGE).for_each(|n| laps.push(n));
        laps.shrink();
        while laps.pop().is_some() {}
        laps.shrink();
        // SAFETY: no other reference into the vectors exists.
        unsafe { assert_eq!((*laps.now.get()).capacity(), FEW) };
        laps.push(7);
        assert_eq!((laps.pop(), laps.pop()), (Some(7), None));
    }
}
