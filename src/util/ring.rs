//! A first-in, first-out ring of copyable entries that can be looked into a few places ahead.
//!
//! Positions count up for ever: an entry's position is its number among all that were ever
//! pushed, which lets a scheduler name the end of an iteration by a position.

use std::cell::{Cell, UnsafeCell};

/// The ring. No reference into it ever leaves a method, so shared use on one thread is sound.
pub(crate) struct Ring<T: Copy> {
    entries: UnsafeCell<Box<[T]>>,
    /// The position of the first entry.
    head: Cell<usize>,
    /// The position that the next push gets.
    tail: Cell<usize>,
    /// What fills the places that hold nothing.
    empty: T,
}

/// Places at first, and again after a ring that grew large has become empty.
const FEW: usize = 64;
/// A ring larger than this shrinks when it is empty.
const LARGE: usize = 1 << 16;

#[allow(unsafe_code)]
impl<T: Copy> Ring<T> {
    pub(crate) fn new(empty: T) -> Self {
        Self {
            entries: UnsafeCell::new(vec![empty; FEW].into_boxed_slice()),
            head: Cell::new(0),
            tail: Cell::new(0),
            empty,
        }
    }

    #[inline(always)]
    pub(crate) fn head(&self) -> usize {
        self.head.get()
    }

    #[inline(always)]
    pub(crate) fn tail(&self) -> usize {
        self.tail.get()
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.get() == self.tail.get()
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.tail.get().wrapping_sub(self.head.get())
    }

    #[inline(always)]
    pub(crate) fn push(&self, entry: T) {
        // SAFETY: no other reference into the box exists: none leaves a method, and none calls
        // out while it holds one.
        let entries = unsafe { &mut **self.entries.get() };
        let tail = self.tail.get();
        if tail.wrapping_sub(self.head.get()) == entries.len() {
            self.grow();
            return self.push(entry);
        }
        // SAFETY: the mask keeps the place within the box, whose length is a power of two.
        unsafe { *entries.get_unchecked_mut(tail & (entries.len() - 1)) = entry };
        self.tail.set(tail.wrapping_add(1));
    }

    /// The entry at so many places behind the first, or whatever lies there if there are fewer.
    #[inline(always)]
    pub(crate) fn peek(&self, ahead: usize) -> T {
        // SAFETY: as in `push`.
        let entries = unsafe { &**self.entries.get() };
        let place = self.head.get().wrapping_add(ahead) & (entries.len() - 1);
        // SAFETY: the mask keeps the place within the box, whose length is a power of two.
        unsafe { *entries.get_unchecked(place) }
    }

    /// Takes the first entry. Its place keeps it, so that `peek` may show what is gone.
    #[inline(always)]
    pub(crate) fn pop(&self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let entry = self.peek(0);
        self.head.set(self.head.get().wrapping_add(1));
        Some(entry)
    }

    /// Takes the first entry.
    ///
    /// # Safety
    /// There is one.
    #[inline(always)]
    pub(crate) unsafe fn pop_unchecked(&self) -> T {
        debug_assert!(!self.is_empty());
        let entry = self.peek(0);
        self.head.set(self.head.get().wrapping_add(1));
        entry
    }

    /// Gives room back that was needed only once.
    pub(crate) fn shrink(&self) {
        // SAFETY: as in `push`.
        let entries = unsafe { &mut *self.entries.get() };
        if self.is_empty() && entries.len() > LARGE {
            *entries = vec![self.empty; FEW].into_boxed_slice();
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&self) {
        // SAFETY: as in `push`.
        let entries = unsafe { &mut *self.entries.get() };
        let (head, n) = (self.head.get(), entries.len());
        let mut larger = vec![self.empty; 2 * n].into_boxed_slice();
        for position in 0..n {
            let position = head.wrapping_add(position);
            larger[position & (2 * n - 1)] = entries[position & (n - 1)];
        }
        *entries = larger;
    }
}

impl<T: Copy> std::fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").field("len", &self.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn it_is_a_queue_however_it_grows() {
        let ring = Ring::new(usize::MAX);
        let mut model = VecDeque::new();
        let mut seed = 1_usize;
        for n in 0..200_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if (seed >> 60) < 9 {
                ring.push(n);
                model.push_back(n);
            } else {
                assert_eq!(ring.pop(), model.pop_front());
            }
            assert_eq!(ring.len(), model.len());
            if let Some(third) = model.get(2) {
                assert_eq!(ring.peek(2), *third);
            }
        }
    }

    #[test]
    fn it_shrinks_when_it_is_empty() {
        let ring = Ring::new(0);
        (0..2 * LARGE).for_each(|n| ring.push(n));
        while ring.pop().is_some() {}
        ring.shrink();
        ring.push(7);
        assert_eq!((ring.peek(0), ring.pop(), ring.pop()), (7, Some(7), None));
    }
}
