//! The warm stacks of a class, last in, first out. A stack is identified by a pointer to its base.
//!
//! They are in an array, not in a list through the stacks: taking a stack then reads nothing from a stack
//! that left the cache long ago, and the stacks that are taken next can be prefetched.
//!
//! If there are many stacks, they are taken in the order of their addresses instead. Then tasks that are
//! spawned one after the other are neighbours in memory, and so are the page table entries that they need
//! (worth a seventh of the total time of a million sleeps).

#![allow(unsafe_code)]

use std::cell::{Cell, UnsafeCell};
use std::cmp::Reverse;
use std::collections::TryReserveError;
use std::fmt;
use std::ptr::NonNull;

use crate::sys::prefetch::prefetch;
use crate::sys::prefetch_distances::{LINE_SIZE_BYTES, MAX_CACHED, STACK_BATCH, STACK_LINES};

/// The array. No reference into it leaves a method, except to the closure of
/// [`take_coldest`](Self::take_coldest), which uses nothing else of the list; so shared use on one thread is
/// sound.
pub(super) struct WarmList<T> {
    /// A place for each stack. The places from `len` on hold stacks that were popped, or dangling pointers.
    places: UnsafeCell<Vec<NonNull<T>>>,
    len: Cell<usize>,
    /// The number of leading stacks that are still sorted, by descending address.
    n_sorted: Cell<usize>,
}

impl<T> WarmList<T> {
    pub(super) const fn new() -> Self {
        Self {
            places: UnsafeCell::new(Vec::new()),
            len: Cell::new(0),
            n_sorted: Cell::new(0),
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len.get()
    }

    /// Reserves room for `n_stacks` stacks, so that releasing one does not allocate.
    pub(super) fn make_room(&self, n_stacks: usize) -> Result<(), TryReserveError> {
        // SAFETY: by the type's invariant there is no other reference.
        let places = unsafe { &mut *self.places.get() };
        let n_more = n_stacks.saturating_sub(places.len());
        places.try_reserve(n_more)?;
        places.resize(places.len() + n_more, NonNull::dangling());
        Ok(())
    }

    /// # Safety
    /// [`make_room`](Self::make_room) has reserved room for the stack.
    #[inline]
    pub(super) unsafe fn push(&self, stack: NonNull<T>) {
        let len = self.len.get();
        // SAFETY: as in `make_room`; the caller guarantees the room.
        unsafe {
            let places = &mut *self.places.get();
            debug_assert!(len < places.len());
            let place = places.get_unchecked_mut(len);
            // A stack often returns to its old place. Without the store, the load for the next
            // coroutine does not wait for the end of this one.
            if *place != stack {
                put(place, stack);
            }
        }
        self.len.set(len + 1);
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<NonNull<T>> {
        let len = self.len.get();
        // One comparison covers both an empty list and many stacks.
        if len.wrapping_sub(1) >= MAX_CACHED {
            if len == 0 {
                return None;
            }
            self.prepare_many();
        }
        self.len.set(len - 1);
        // SAFETY: as in `make_room`; there are at least `len` places.
        Some(unsafe { *(&*self.places.get()).get_unchecked(len - 1) })
    }

    /// Takes all stacks out, with the memory of the list.
    pub(super) fn take(&self) -> Vec<NonNull<T>> {
        // SAFETY: as in `make_room`.
        let mut stacks = std::mem::take(unsafe { &mut *self.places.get() });
        stacks.truncate(self.len.take());
        stacks
    }

    /// Sorts the stacks if most were released since the last sort, and prefetches those that are taken
    /// next. It is not inlined, so that [`pop`](Self::pop) is small enough to be.
    #[inline(never)]
    fn prepare_many(&self) {
        let len = self.len.get();
        // SAFETY: as in `make_room`.
        let stacks = unsafe { &mut (&mut *self.places.get())[..len] };
        if self.n_sorted.get() < len / 2 {
            stacks.sort_unstable_by_key(|stack| Reverse(*stack));
            self.n_sorted.set(len);
        }
        // The stack that is taken now, and whatever takes its place, is not sorted any more.
        self.n_sorted.set(self.n_sorted.get().min(len - 1));
        if len.is_multiple_of(STACK_BATCH) {
            let (_, soon) = stacks.split_at(len - 2 * STACK_BATCH);
            fetch(&soon[..STACK_BATCH]);
        }
    }

    /// Calls a function with the `n_stacks` stacks that were released first (any, among many), then removes
    /// them.
    pub(super) fn take_coldest(&self, n_stacks: usize, f: impl FnOnce(&[NonNull<T>])) {
        // SAFETY: as in `make_room`; the function is the pool's and does not use the list.
        let stacks = unsafe { &mut (&mut *self.places.get())[..self.len.get()] };
        f(&stacks[..n_stacks]);
        stacks.copy_within(n_stacks.., 0);
        self.len.set(stacks.len() - n_stacks);
        let n_sorted = self.n_sorted.get();
        self.n_sorted.set(n_sorted.saturating_sub(n_stacks));
    }
}

#[cold]
fn fetch<T>(stacks: &[NonNull<T>]) {
    for n in 0..STACK_LINES {
        for stack in stacks {
            prefetch(
                stack
                    .as_ptr()
                    .cast_const()
                    .cast::<u8>()
                    .wrapping_sub(n * LINE_SIZE_BYTES),
            );
        }
    }
}

impl<T> fmt::Debug for WarmList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WarmList").field(&self.len()).finish()
    }
}

#[cold]
fn put<T>(place: &mut NonNull<T>, stack: NonNull<T>) {
    *place = stack;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stands for what is at a stack's base.
    type Base = [u64; 8];

    /// Addresses that stand for stacks, unordered.
    fn scattered(n_stacks: usize) -> Vec<NonNull<Base>> {
        let step = 7919;
        assert!(!n_stacks.is_multiple_of(step));
        let address = |i| 0x10000 + i * step % n_stacks * size_of::<Base>();
        let record = |i| NonNull::new(address(i) as *mut Base).expect("above zero");
        (0..n_stacks).map(record).collect()
    }

    fn list_of(stacks: &[NonNull<Base>]) -> WarmList<Base> {
        let list = WarmList::new();
        list.make_room(stacks.len()).expect("memory");
        // SAFETY: there is room.
        stacks.iter().for_each(|stack| unsafe { list.push(*stack) });
        list
    }

    fn all_of(list: &WarmList<Base>) -> Vec<NonNull<Base>> {
        std::iter::from_fn(|| list.pop()).collect()
    }

    #[test]
    fn few_stacks_leave_last_in_first_out() {
        let mut stacks = scattered(MAX_CACHED);
        let out = all_of(&list_of(&stacks));
        stacks.reverse();
        assert_eq!(out, stacks);
    }

    #[test]
    fn many_stacks_leave_in_the_order_of_their_addresses() {
        let mut stacks = scattered(10 * MAX_CACHED);
        let list = list_of(&stacks);
        assert_ne!(list.len(), 0);
        let out = all_of(&list);
        stacks.sort();
        assert_eq!(out, stacks);
    }

    #[test]
    fn a_returned_stack_leaves_first_among_many_sorted_ones() {
        let stacks = scattered(4 * MAX_CACHED);
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
        let stacks = scattered(2 * MAX_CACHED);
        let list = list_of(&stacks);
        let first = list.pop().expect("a stack");
        let mut out = vec![first];
        list.take_coldest(MAX_CACHED, |coldest| out.extend_from_slice(coldest));
        assert_eq!(list.len(), MAX_CACHED - 1);
        out.extend(all_of(&list));
        out.sort();
        let mut all = stacks;
        all.sort();
        assert_eq!(out, all);
    }
}
