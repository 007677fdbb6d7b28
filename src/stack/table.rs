//! The process-wide table of slabs. It maps an address to its slot, for the fault handler and for finding
//! the stack of the running code.
//!
//! The table only grows, and each entry is a sequence lock over plain words, so a signal handler can read
//! it while another thread changes it. Writers take a mutex, which the handler never takes.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*, fence};
use std::sync::{Mutex, PoisonError};

use super::layout::Layout;

const N_ENTRIES: usize = 256;

/// The addresses and layout of a slab. An entry with an empty range is free.
struct SlabEntry {
    /// Odd while the other words are being changed.
    version: AtomicUsize,
    start: AtomicUsize,
    end: AtomicUsize,
    stride: AtomicUsize,
    guard_size: AtomicUsize,
}

/// A part of the table; the first is static, the others are leaked boxes.
struct Chunk {
    entries: [SlabEntry; N_ENTRIES],
    next: AtomicPtr<Chunk>,
}

impl Chunk {
    const fn new() -> Self {
        Self {
            entries: [const {
                SlabEntry {
                    version: AtomicUsize::new(0),
                    start: AtomicUsize::new(0),
                    end: AtomicUsize::new(0),
                    stride: AtomicUsize::new(0),
                    guard_size: AtomicUsize::new(0),
                }
            }; N_ENTRIES],
            next: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    fn next(&self) -> Option<&'static Self> {
        // SAFETY: chunks are leaked, so a pointer to one stays valid.
        unsafe { self.next.load(Acquire).as_ref() }
    }
}

thread_local! {
    /// The bounds of the last query for the running stack: a recursion queries the same stack many times
    /// in a row.
    pub(super) static LAST_BOUNDS: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

static TABLE: Chunk = Chunk::new();
static WRITERS: Mutex<()> = Mutex::new(());

/// The entry of a slab, for [`remove`].
#[derive(Clone, Copy)]
pub(super) struct Key(&'static SlabEntry);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Key")
            .field(&std::ptr::from_ref(self.0))
            .finish()
    }
}

/// Adds a slab.
pub(super) fn insert(range: Range<usize>, layout: Layout) -> Key {
    let _writing = WRITERS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut chunk = &TABLE;
    let entry = loop {
        if let Some(free) = chunk
            .entries
            .iter()
            .find(|entry| entry.end.load(Relaxed) == 0)
        {
            break free;
        }
        chunk = chunk.next().unwrap_or_else(|| {
            let new: &'static Chunk = Box::leak(Box::new(Chunk::new()));
            chunk
                .next
                .store(std::ptr::from_ref(new).cast_mut(), Release);
            new
        });
    };
    entry.write(range, layout);
    Key(entry)
}

/// Removes a slab, before its own thread unmaps it.
pub(super) fn remove(key: Key) {
    LAST_BOUNDS.set((0, 0));
    let _writing = WRITERS.lock().unwrap_or_else(PoisonError::into_inner);
    key.0.write(0..0, Layout::default());
}

impl SlabEntry {
    fn write(&self, range: Range<usize>, layout: Layout) {
        let version = self.version.load(Relaxed);
        self.version.store(version + 1, Relaxed);
        fence(Release);
        self.start.store(range.start, Relaxed);
        self.end.store(range.end, Relaxed);
        self.stride.store(layout.stride, Relaxed);
        self.guard_size.store(layout.guard_size, Relaxed);
        self.version.store(version + 2, Release);
    }

    /// The slot that contains an address, if it is in this slab and the entry is not being changed.
    fn slot(&self, address: usize) -> Option<StackSlot> {
        let version = self.version.load(Acquire);
        let start = self.start.load(Relaxed);
        let end = self.end.load(Relaxed);
        let layout = Layout {
            stride: self.stride.load(Relaxed),
            guard_size: self.guard_size.load(Relaxed),
        };
        fence(Acquire);
        let steady = version.is_multiple_of(2) && self.version.load(Relaxed) == version;
        if !steady || !(start..end).contains(&address) {
            return None;
        }
        let index = (address - start) / layout.stride;
        let guard = layout.guard(index);
        Some(StackSlot {
            guard: start + guard.start..start + guard.end,
            usable_size: layout.usable_size(),
            base: start + layout.base(index),
        })
    }
}

/// The slot that contains an address.
pub(super) struct StackSlot {
    pub(super) guard: Range<usize>,
    /// The usable size, as requested from the slab.
    pub(super) usable_size: usize,
    /// The base of the stack: the address of its record, which is initialised if the slot is taken.
    pub(super) base: usize,
}

/// Finds the slot that contains an address. Async-signal-safe.
pub(super) fn find(address: usize) -> Option<StackSlot> {
    let mut chunk = Some(&TABLE);
    while let Some(present) = chunk {
        if let Some(slot) = present.entries.iter().find_map(|entry| entry.slot(address)) {
            return Some(slot);
        }
        chunk = present.next();
    }
    None
}
