//! Free lists: the thread keeps small allocations that are freed and hands them out again.
//!
//! An allocator's own caches are short (glibc's holds seven of a size), and beyond them an allocation
//! of a few words takes longer than running a task. The lists are bounded, and freed with the thread.

#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::{self, NonNull};

/// The sizes of the lists, in bytes. Both waste nothing in an allocator that rounds to 16 bytes and adds
/// a word of its own.
const CLASSES: [usize; 2] = [40, 72];
const ALIGN: usize = 8;

/// Capacity of a list; 1.2 MB for the larger size. When ten thousand tasks come and go at once, those
/// beyond the capacity spend a third of their instructions in glibc's allocator.
const MAX_FREE: usize = 16 * 1024;

/// Free blocks of one size. Each begins with the address of the next.
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
        // SAFETY: a block in the list is unused and begins with the next block's address.
        self.first.set(unsafe { first.read() }.cast());
        self.n.set(self.n.get() - 1);
        Some(first.cast())
    }

    /// False if the list is full.
    fn give(&self, block: NonNull<u8>) -> bool {
        if self.n.get() == MAX_FREE {
            return false;
        }
        // SAFETY: the block is unused, aligned to a word, and at least a word long.
        unsafe { block.cast::<*mut u8>().write(self.first.get().cast()) };
        self.first.set(block.as_ptr().cast());
        self.n.set(self.n.get() + 1);
        true
    }
}

impl Drop for FreeList {
    fn drop(&mut self) {
        while let Some(block) = self.take() {
            // SAFETY: `allocate` allocated it with this layout, and it is unused.
            unsafe { dealloc(block.as_ptr(), layout_of(self.size)) };
        }
    }
}

thread_local! {
    static FREE_LISTS: [FreeList; 2] = const { [FreeList::new(CLASSES[0]), FreeList::new(CLASSES[1])] };
}

fn layout_of(size: usize) -> Layout {
    Layout::from_size_align(size, ALIGN).expect("a size of a few words")
}

/// Index of the list for a layout; `None` if the allocator serves it.
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

/// Allocates memory for a value of this layout, whose size is not 0.
#[inline]
pub(crate) fn allocate(layout: Layout) -> NonNull<u8> {
    let mut layout = layout;
    if let Some(class) = class_of(layout) {
        if let Ok(Some(block)) = FREE_LISTS.try_with(|lists| lists[class].take()) {
            return block;
        }
        layout = layout_of(CLASSES[class]);
    }
    debug_assert!(layout.size() > 0);
    // SAFETY: the layout is not empty.
    let memory = unsafe { alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Frees memory.
///
/// # Safety
/// It came from [`allocate`] with the same layout and is unused.
#[inline]
pub(crate) unsafe fn free(memory: NonNull<u8>, layout: Layout) {
    let mut layout = layout;
    if let Some(class) = class_of(layout) {
        // After the thread's lists are destroyed, the allocator takes it.
        if let Ok(true) = FREE_LISTS.try_with(|lists| lists[class].give(memory)) {
            return;
        }
        layout = layout_of(CLASSES[class]);
    }
    // SAFETY: the caller vouches for it; `allocate` chose the same layout.
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
    fn a_list_is_bounded() {
        let layout = Layout::from_size_align(16, 8).unwrap();
        let blocks: Vec<_> = (0..3 * MAX_FREE).map(|_| allocate(layout)).collect();
        for block in blocks {
            // SAFETY: from the same layout, unused.
            unsafe { free(block, layout) };
        }
        FREE_LISTS.with(|lists| assert_eq!(lists[0].n.get(), MAX_FREE));
    }
}
