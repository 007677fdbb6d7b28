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
const N_KEPT: usize = 16 * 1024;

/// What is kept of one size. Each piece begins with the address of the next.
struct Kept {
    first: Cell<*mut *mut u8>,
    n: Cell<usize>,
    size: usize,
}

impl Kept {
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

    fn put(&self, piece: NonNull<u8>) -> bool {
        if self.n.get() == N_KEPT {
            return false;
        }
        // SAFETY: the piece is unused, aligned to a word, and larger than one.
        unsafe { piece.cast::<*mut u8>().write(self.first.get().cast()) };
        self.first.set(piece.as_ptr().cast());
        self.n.set(self.n.get() + 1);
        true
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        while let Some(piece) = self.take() {
            // SAFETY: allocated with this layout by `allocate`, and used by nobody.
            unsafe { dealloc(piece.as_ptr(), layout_of(self.size)) };
        }
    }
}

thread_local! {
    static KEPT: [Kept; 2] = const { [Kept::new(CLASSES[0]), Kept::new(CLASSES[1])] };
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
        if let Ok(Some(piece)) = KEPT.try_with(|kept| kept[class].take()) {
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
        if let Ok(true) = KEPT.try_with(|kept| kept[class].put(memory)) {
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
    fn a_freed_block_is_handed_out_again() {
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
    fn large_and_overaligned_blocks_are_left_to_the_allocator() {
        for (size, align) in [(73, 8), (4096, 8), (8, 64)] {
            let layout = Layout::from_size_align(size, align).unwrap();
            let memory = allocate(layout);
            assert!(memory.as_ptr().addr().is_multiple_of(align));
            // SAFETY: from the same layout, unused.
            unsafe { free(memory, layout) };
        }
    }

    #[test]
    fn the_number_of_kept_blocks_is_bounded() {
        let layout = Layout::from_size_align(16, 8).unwrap();
        let pieces: Vec<_> = (0..3 * N_KEPT).map(|_| allocate(layout)).collect();
        for piece in pieces {
            // SAFETY: from the same layout, unused.
            unsafe { free(piece, layout) };
        }
        KEPT.with(|kept| assert_eq!(kept[0].n.get(), N_KEPT));
    }
}
