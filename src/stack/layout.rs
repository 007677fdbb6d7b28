//! Where a slot's parts lie in its slab.
//!
//! ```text
//! slot n     | guard, at least 64 KiB | usable .................. | record | colour |
//! slot n + 1 | guard ...
//! ```
//!
//! The *colour* moves the base down by a number of cache lines that differs from slot to slot, and the
//! stride is an odd number of pages. Without them the hot words of a thousand parked coroutines would share
//! a few cache sets and TLB sets. Record and colour have a page of their own, so that a stack is never
//! smaller than requested.

use std::ops::Range;

use crate::sys::memory::page_size;

/// The minimum size of a guard: C code that does not probe its frames can't step over it.
const GUARD_SIZE: usize = 64 * 1024;

/// The number of colours, a cache line apart: within 2 KiB, so that a parked coroutine still fits on one
/// page.
const N_COLOURS: usize = 32;
pub(super) const CACHE_LINE: usize = 64;

/// The layout of the slots of a slab.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layout {
    /// The number of bytes from a slot to the next.
    pub(super) stride: usize,
    pub(super) guard_size: usize,
}

impl Layout {
    /// The layout for stacks of `usable_size` bytes; `None` if they don't fit the address space.
    pub(super) fn new(usable_size: usize) -> Option<Self> {
        let page = page_size();
        let unpadded = usable_size.checked_add(page + GUARD_SIZE.next_multiple_of(page))?;
        let is_even = (unpadded / page).is_multiple_of(2);
        let stride = unpadded.checked_add(if is_even { page } else { 0 })?;
        Some(Self {
            stride,
            guard_size: stride - usable_size - page,
        })
    }

    /// The size of a stack, as requested.
    pub(super) fn usable_size(self) -> usize {
        self.stride - self.guard_size - page_size()
    }

    /// The guard of a slot, as offsets from the start of the slab.
    pub(super) fn guard(self, index: usize) -> Range<usize> {
        let start = index * self.stride;
        start..start + self.guard_size
    }

    /// The offset of a slot's record, which is the stack's base, from the start of the slab.
    pub(super) fn base(self, index: usize) -> usize {
        let colour = (index % N_COLOURS) * CACHE_LINE;
        // The record fills a cache line.
        (index + 1) * self.stride - colour - CACHE_LINE
    }
}
