//! The warm stacks of a class: the one that came back last goes first.
//!
//! An array beside the stacks, not a list through them: who takes a stack need not read from one that
//! left the cache long ago to find the next, and those that will be taken soon can be fetched ahead.
//!
//! A crowd that has come back in any order goes in the order of the addresses instead: tasks that are
//! spawned one after the other then lie beside each other, and so does what their walks through the
//! page tables touch (a million sleeps: a seventh of all).

#![allow(unsafe_code)]

use std::cell::{Cell, UnsafeCell};
use std::cmp::Reverse;
use std::collections::TryReserveError;
use std::fmt;
use std::ptr::NonNull;

use super::record::Record;
use crate::sys::prefetch::prefetch;

/// How many stacks' lines are fetched together, as many places ahead. Each takes a walk through the page
/// tables, for which the processor waits where it is one, but does many at a time: 250 ns each against
/// 60 in a batch, in random order.
const BATCH: usize = 16;
/// Stacks that are fewer are in the cache anyway.
const MANY: usize = 4096;
/// The lines at a stack's base that making a coroutine and running it touches first: the record, and
/// below it header, block, body and frames.
const N_LINES: usize = 6;
const LINE: usize = 64;

/// The array. No reference into it leaves a method, save to [`take_coldest`](Self::take_coldest)'s
/// caller, who uses nothing else of it; so shared use on one thread is sound.
pub(super) struct WarmList {
    stacks: UnsafeCell<Vec<NonNull<Record>>>,
    /// How many of the first ones are in order since a crowd was sorted: the last address first.
    n_sorted: Cell<usize>,
}

impl WarmList {
    pub(super) const fn new() -> Self {
        Self {
            stacks: UnsafeCell::new(Vec::new()),
            n_sorted: Cell::new(0),
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        // SAFETY: by the type's rule nobody else has a reference.
        unsafe { (*self.stacks.get()).len() }
    }

    /// Sees to it that so many stacks have room: coming back is not to allocate.
    pub(super) fn make_room(&self, n_stacks: usize) -> Result<(), TryReserveError> {
        // SAFETY: as in `len`.
        let stacks = unsafe { &mut *self.stacks.get() };
        stacks.try_reserve(n_stacks.saturating_sub(stacks.len()))
    }

    /// # Safety
    /// [`make_room`](Self::make_room) has seen to it that it has room.
    #[inline]
    pub(super) unsafe fn push(&self, record: NonNull<Record>) {
        // SAFETY: as in `len`; the rest is the caller's word.
        unsafe {
            let stacks = &mut *self.stacks.get();
            let len = stacks.len();
            debug_assert!(len < stacks.capacity());
            stacks.as_mut_ptr().add(len).write(record);
            stacks.set_len(len + 1);
        }
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<NonNull<Record>> {
        // SAFETY: as in `len`.
        let stacks = unsafe { &mut *self.stacks.get() };
        if stacks.len() > MANY {
            self.prepare_crowd(stacks);
        }
        stacks.pop()
    }

    /// Sorts a crowd of which most have come back since that was done last, and starts to load those of
    /// it that will be taken soon.
    fn prepare_crowd(&self, stacks: &mut [NonNull<Record>]) {
        let len = stacks.len();
        if self.n_sorted.get() < len / 2 {
            stacks.sort_unstable_by_key(|stack| Reverse(*stack));
            self.n_sorted.set(len);
        }
        // What is taken now is in order no more, whatever comes back in its place.
        self.n_sorted.set(self.n_sorted.get().min(len - 1));
        if len.is_multiple_of(BATCH) {
            let (_, soon) = stacks.split_at(len - 2 * BATCH);
            fetch(&soon[..BATCH]);
        }
    }

    /// Takes the stacks out that have been here longest, or any of a crowd, and hands them to a function
    /// before.
    pub(super) fn take_coldest(&self, n_stacks: usize, f: impl FnOnce(&[NonNull<Record>])) {
        // SAFETY: as in `len`; the function is the pool's and uses nothing else of the list.
        let stacks = unsafe { &mut *self.stacks.get() };
        f(&stacks[..n_stacks]);
        stacks.drain(..n_stacks);
        let n_sorted = self.n_sorted.get();
        self.n_sorted.set(n_sorted.saturating_sub(n_stacks));
    }
}

#[cold]
fn fetch(stacks: &[NonNull<Record>]) {
    for n in 0..N_LINES {
        for stack in stacks {
            prefetch(
                stack
                    .as_ptr()
                    .cast_const()
                    .cast::<u8>()
                    .wrapping_sub(n * LINE),
            );
        }
    }
}

impl fmt::Debug for WarmList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WarmList").field(&self.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses that stand for stacks, in no order.
    fn scattered(n_stacks: usize) -> Vec<NonNull<Record>> {
        let step = 7919;
        assert!(!n_stacks.is_multiple_of(step));
        let address = |i| 0x10000 + i * step % n_stacks * size_of::<Record>();
        let record = |i| NonNull::new(address(i) as *mut Record).expect("above zero");
        (0..n_stacks).map(record).collect()
    }

    fn list_of(stacks: &[NonNull<Record>]) -> WarmList {
        let list = WarmList::new();
        list.make_room(stacks.len()).expect("memory");
        // SAFETY: there is room.
        stacks.iter().for_each(|stack| unsafe { list.push(*stack) });
        list
    }

    fn all_of(list: &WarmList) -> Vec<NonNull<Record>> {
        std::iter::from_fn(|| list.pop()).collect()
    }

    #[test]
    fn few_stacks_leave_last_in_first_out() {
        let mut stacks = scattered(MANY);
        let out = all_of(&list_of(&stacks));
        stacks.reverse();
        assert_eq!(out, stacks);
    }

    #[test]
    fn many_stacks_leave_in_the_order_of_their_addresses() {
        let mut stacks = scattered(10 * MANY);
        let list = list_of(&stacks);
        assert_ne!(list.len(), 0);
        let out = all_of(&list);
        stacks.sort();
        assert_eq!(out, stacks);
    }

    #[test]
    fn a_returned_stack_leaves_first_among_many_sorted_ones() {
        let stacks = scattered(4 * MANY);
        let list = list_of(&stacks);
        let lowest = list.pop().expect("a stack");
        let next = list.pop().expect("a stack");
        // SAFETY: there is the room of the two that were taken.
        unsafe {
            list.push(lowest);
            list.push(next);
        }
        assert_eq!((list.pop(), list.pop()), (Some(next), Some(lowest)));
    }

    #[test]
    fn a_removed_stack_is_gone_and_the_rest_stay() {
        let stacks = scattered(2 * MANY);
        let list = list_of(&stacks);
        let first = list.pop().expect("a stack");
        let mut out = vec![first];
        list.take_coldest(MANY, |coldest| out.extend_from_slice(coldest));
        assert_eq!(list.len(), MANY - 1);
        out.extend(all_of(&list));
        out.sort();
        let mut all = stacks;
        all.sort();
        assert_eq!(out, all);
    }
}
