//! The warm stacks of a class: the one that came back last goes first.
//!
//! An array beside the stacks, not a list through them: who takes a stack need not read from one that
//! left the cache long ago to find the next, and those that will be taken soon can be fetched ahead.

#![allow(unsafe_code)]

use std::cell::UnsafeCell;
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

/// The array. No reference into it leaves a method, save to [`discard_coldest`](Self::discard_coldest)'s
/// caller, who uses nothing else of it; so shared use on one thread is sound.
pub(super) struct WarmList(UnsafeCell<Vec<NonNull<Record>>>);

impl WarmList {
    pub(super) const fn new() -> Self {
        Self(UnsafeCell::new(Vec::new()))
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        // SAFETY: by the type's rule nobody else has a reference.
        unsafe { (*self.0.get()).len() }
    }

    /// Sees to it that so many stacks have room: coming back is not to allocate.
    pub(super) fn make_room(&self, n_stacks: usize) -> Result<(), TryReserveError> {
        // SAFETY: as in `len`.
        let stacks = unsafe { &mut *self.0.get() };
        stacks.try_reserve(n_stacks.saturating_sub(stacks.len()))
    }

    /// # Safety
    /// [`make_room`](Self::make_room) has seen to it that it has room.
    #[inline]
    pub(super) unsafe fn push(&self, record: NonNull<Record>) {
        // SAFETY: as in `len`; the rest is the caller's word.
        unsafe {
            let stacks = &mut *self.0.get();
            let len = stacks.len();
            debug_assert!(len < stacks.capacity());
            stacks.as_mut_ptr().add(len).write(record);
            stacks.set_len(len + 1);
        }
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<NonNull<Record>> {
        // SAFETY: as in `len`.
        let stacks = unsafe { &mut *self.0.get() };
        let record = stacks.pop()?;
        if stacks.len() > MANY && stacks.len().is_multiple_of(BATCH) {
            let (_, soon) = stacks.split_at(stacks.len() - 2 * BATCH);
            fetch(&soon[..BATCH]);
        }
        Some(record)
    }

    /// Takes the stacks out that have been here longest, and hands them to a function before.
    pub(super) fn take_coldest(&self, n_stacks: usize, f: impl FnOnce(&[NonNull<Record>])) {
        // SAFETY: as in `len`; the function is the pool's and uses nothing else of the list.
        let stacks = unsafe { &mut *self.0.get() };
        f(&stacks[..n_stacks]);
        stacks.drain(..n_stacks);
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
