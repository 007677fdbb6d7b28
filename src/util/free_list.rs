//! Small allocations that come and go by the hundred: kept by the thread and handed out again.
//!
//! An allocator's own caches are short (glibc's holds seven of a size), and beyond them it takes
//! longer to get a few words than to run a task. What is kept is bounded, and freed with the thread.

#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::{self, NonNull};

/// The sizes that are kept, in bytes: two that leave no room unused in an allocator of 16-byte
/// steps with a word of its own.
const CLASSES: [usize; 2] = [40, 72];
const ALIGN: usize = 8;

/// How many of a size are kept, which is 1.2 MB of the larger at most. When ten thousand tasks come and
/// go at once, those beyond the bound cost a third of their instructions in glibc's allocator.
const MAX_FREE: usize = 16 * 1024;

/// What is kept of one size. Each piece begins with the address of the next.
struct FreeList {
    first: Cell<*mut *mut u8>,
    n: Cell<usize>,
    size: usize,
}

impl FreeList {
    const fn new(size: usize) -> Self {
        Self {
            first: Cell::new(ptr::null_mut()),
            n: Cell::new(0),
            size,
        }
    }

    fn take(&self) -> Option<NonNull<u8>> {
        let first = NonNull::new(self.first.get())?;
        // SAFETY: a piece that is kept is nobody else's and begins with the next one's address.
        self.first.set(unsafe { first.read() }.cast());
        self.n.set(self.n.get() - 1);
        Some(first.cast())
    }

    fn give(&self, piece: NonNull<u8>) -> bool {
        if self.n.get() == MAX_FREE {
            return false;
        }
        // SAFETY: the piece is unused, aligned to a word, and larger than one.
        unsafe { piece.cast::<*mut u8>().write(self.first.get().cast()) };
        self.first.set(piece.as_ptr().cast());
        self.n.set(self.n.get() + 1);
        true
    }
}

impl Drop for FreeList {
    fn drop(&mut self) {
        while let Some(piece) = self.take() {
            // SAFETY: allocated with this layout by `allocate`, and used by nobody.
            unsafe { dealloc(piece.as_ptr(), layout_of(self.size)) };
        }
    }
}

thread_local! {
    static FREE_LISTS: [FreeList; 2] = const { [FreeList::new(CLASSES[0]), FreeList::new(CLASSES[1])] };
}

fn layout_of(size: usize) -> Layout {
    Layout::from_size_align(size, ALIGN).expect("a size of a few words")
}

/// The class that a layout belongs to.
#[inline(always)]
const fn class_of(layout: Layout) -> Option<usize> {
    if layout.align() > ALIGN || layout.size() > CLASSES[1] {
        None
    } else if layout.size() <= CLASSES[0] {
        Some(0)
    } else {
        Some(1)
    }
}

/// Memory for a value of this layout, which is not empty.
#[inline]
pub(crate) fn allocate(layout: Layout) -> NonNull<u8> {
    let mut layout = layout;
    if let Some(class) = class_of(layout) {
        if let Ok(Some(piece)) = FREE_LISTS.try_with(|lists| lists[class].take()) {
            return piece;
        }
        layout = layout_of(CLASSES[class]);
    }
    debug_assert!(layout.size() > 0);
    // SAFETY: the layout is not empty.
    let memory = unsafe { alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Gives memory back.
///
/// # Safety
/// It came from [`allocate`] with the same layout, and nobody uses it any more.
#[inline]
pub(crate) unsafe fn free(memory: NonNull<u8>, layout: Layout) {
    let mut layout = layout;
    if let Some(class) = class_of(layout) {
        // Once the thread's are gone, nothing is kept.
        if let Ok(true) = FREE_LISTS.try_with(|lists| lists[class].give(memory)) {
            return;
        }
        layout = layout_of(CLASSES[class]);
    }
    // SAFETY: the caller's word; `allocate` has chosen the same layout.
    unsafe { dealloc(memory.as_ptr(), layout) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_freed_is_handed_out_again() {
        for size in [1, 40, 41, 72] {
            let layout = Layout::from_size_align(size, 8).unwrap();
            let first = allocate(layout);
            // SAFETY: from the same layout, unused.
            unsafe { free(first, layout) };
            let second = allocate(layout);
            assert_eq!(first, second, "{size} bytes");
            // SAFETY: as above.
            unsafe { free(second, layout) };
        }
    }

    #[test]
    fn large_and_overaligned_ones_are_left_to_the_allocator() {
        for (size, align) in [(73, 8), (4096, 8), (8, 64)] {
            let layout = Layout::from_size_align(size, align).unwrap();
            let memory = allocate(layout);
            assert!(memory.as_ptr().addr().is_multiple_of(align));
            // SAFETY: from the same layout, unused.
            unsafe { free(memory, layout) };
        }
    }

    #[test]
    fn no_more_are_kept_than_a_bound() {
        let layout = Layout::from_size_align(16, 8).unwrap();
        let pieces: Vec<_> = (0..3 * MAX_FREE).map(|_| allocate(layout)).collect();
        for piece in pieces {
            // SAFETY: from the same layout, unused.
            unsafe { free(piece, layout) };
        }
        FREE_LISTS.with(|lists| assert_eq!(lists[0].n.get(), MAX_FREE));
    }
}
