//! A slab: one mapping cut into slots of one size, each with a guard at its lower end.
//!
//! [`layout`](super::layout) has a picture.
//!
//! A slot is *fresh* (never used), *cold* (its pages were returned to the system) or *taken* (in use, or
//! warm in the pool). A slab is unmapped only when no slot is taken; a leaked coroutine leaks its slab.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::io;
use std::ops::Range;
use std::ptr::NonNull;

use super::layout::Layout;
use super::record::Record;
use super::sizes::DEFAULT_STACK_SIZE_BYTES;
use super::table;
use super::warm::WarmList;
use crate::sys::memory::{BATCH, Mapping, page_size, populate};
use crate::sys::{guard, valgrind};

/// A size class: the stacks of one usable size. Slabs point to it; its methods are in `pool`.
#[derive(Debug)]
pub(crate) struct Class {
    pub(super) usable_size: usize,
    pub(super) warm: WarmList<Record>,
    /// How often a stack was popped from the warm list.
    pub(super) n_popped: Cell<u64>,
    pub(super) watermark: Cell<usize>,
    pub(super) slabs: RefCell<Vec<NonNull<Slab>>>,
    pub(super) n_fresh: Cell<u64>,
    pub(super) n_trimmed: Cell<u64>,
}

/// A slab of slots. It lives on the heap and belongs to the thread that created it.
#[derive(Debug)]
pub(crate) struct Slab {
    mapping: Mapping,
    /// The class to which its stacks are released; `None` once the thread's pool is gone.
    pub(super) class: Cell<Option<NonNull<Class>>>,
    pub(super) layout: Layout,
    pub(super) n_slots: usize,
    /// Slots below this index were taken at least once.
    n_used: Cell<usize>,
    /// Slots below this index have their guards.
    n_guarded: Cell<usize>,
    /// The number of guards that `mprotect` made.
    n_split: Cell<usize>,
    /// The number of taken slots.
    n_taken: Cell<usize>,
    cold: RefCell<Vec<u32>>,
    /// Valgrind's numbers for the slots that were used.
    valgrind: RefCell<Vec<u32>>,
    registered: table::Key,
}

impl Slab {
    /// Maps a slab of up to `n_slots` slots; fewer if the system has no room for all.
    pub(super) fn new(usable_size: usize, n_slots: usize) -> io::Result<NonNull<Self>> {
        let too_large = || {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("a stack of {usable_size} bytes does not fit the address space"),
            )
        };
        let layout = Layout::new(usable_size).ok_or_else(too_large)?;
        let mut n_slots = n_slots;
        let mapping = loop {
            let len = layout
                .stride
                .checked_mul(n_slots)
                .filter(|len| isize::try_from(*len).is_ok());
            match len.ok_or_else(too_large).and_then(Mapping::reserve) {
                Ok(mapping) => break mapping,
                Err(error) if n_slots == 1 => return Err(error),
                Err(_) => n_slots /= 2,
            }
        };
        let registered = table::insert(mapping.range(), layout);
        let slab = Self {
            mapping,
            class: Cell::new(None),
            layout,
            n_slots,
            n_used: Cell::new(0),
            n_guarded: Cell::new(0),
            n_split: Cell::new(0),
            n_taken: Cell::new(0),
            // Room for all slots, so that trimming does not allocate.
            cold: RefCell::new(Vec::with_capacity(n_slots)),
            valgrind: RefCell::new(Vec::new()),
            registered,
        };
        Ok(NonNull::from(Box::leak(Box::new(slab))))
    }

    /// Unmaps a slab.
    ///
    /// # Safety
    /// The slab comes from [`Slab::new`], no slot is taken, and no other pointer to it is used any more.
    pub(super) unsafe fn delete(slab: NonNull<Self>) {
        // SAFETY: the caller guarantees that this is the only pointer to the leaked box.
        let slab = unsafe { Box::from_raw(slab.as_ptr()) };
        debug_assert_eq!(slab.n_taken.get(), 0);
        table::remove(slab.registered);
        guard::released(slab.n_split.get());
        slab.valgrind
            .borrow_mut()
            .drain(..)
            .for_each(valgrind::deregister);
    }

    pub(super) fn n_taken(&self) -> usize {
        self.n_taken.get()
    }

    pub(super) fn n_cold(&self) -> usize {
        self.cold.borrow().len()
    }

    pub(super) fn mapped_size(&self) -> usize {
        self.mapping.range().len()
    }

    /// Whether [`Slab::take`] finds a slot.
    pub(super) fn has_room(&self) -> bool {
        self.n_used.get() < self.n_slots || self.n_cold() > 0
    }

    /// Takes a cold slot, else a fresh one, and initialises its record.
    ///
    /// # Errors
    /// If no guard can be made. The slab is unchanged.
    ///
    /// # Panics
    /// If there is no free slot.
    pub(super) fn take(slab: NonNull<Self>) -> io::Result<NonNull<Record>> {
        // SAFETY: only the pool deletes slabs, and it calls this with slabs that it holds.
        let this = unsafe { slab.as_ref() };
        let cold = this.cold.borrow_mut().pop();
        let index = match cold {
            Some(index) => index as usize,
            None => this.take_fresh()?,
        };
        this.n_taken.set(this.n_taken.get() + 1);
        let at = this.record(index);
        let is_default = this.layout.usable_size() == DEFAULT_STACK_SIZE_BYTES;
        let record = Record::new(slab, index as u32, this.limit(index), is_default);
        // SAFETY: the record lies within the slot, below its end, aligned to a cache line; nothing else uses
        // a slot that is not taken.
        unsafe { at.write(record) };
        Ok(at)
    }

    /// Marks a slot as cold: its pages, with the record, are being returned to the system.
    pub(super) fn make_cold(&self, index: u32) {
        self.cold.borrow_mut().push(index);
        self.n_taken.set(self.n_taken.get() - 1);
    }

    /// Counts a slot as no longer taken, before the slab is deleted.
    pub(super) fn forget(&self) {
        self.n_taken.set(self.n_taken.get() - 1);
    }

    /// The pages of a slot above its guard.
    pub(super) fn pages(&self, index: u32) -> Range<usize> {
        let index = index as usize;
        self.limit(index)..self.mapping.range().start + (index + 1) * self.layout.stride
    }

    fn limit(&self, index: usize) -> usize {
        self.mapping.range().start + self.layout.guard(index).end
    }

    fn record(&self, index: usize) -> NonNull<Record> {
        self.mapping.at(self.layout.base(index)).cast()
    }

    fn take_fresh(&self) -> io::Result<usize> {
        let index = self.n_used.get();
        assert!(index < self.n_slots, "the slab has no room");
        self.guard_up_to(index)?;
        self.n_used.set(index + 1);
        if let Some(number) = valgrind::register(self.pages(index as u32)) {
            self.valgrind.borrow_mut().push(number);
        }
        Ok(index)
    }

    /// Commits the first page of each slot ahead, if the slab has filled one batch already: a crowd needs the next one soon.
    fn populate(&self, slots: Range<usize>) {
        if slots.start == 0 {
            return;
        }
        let mut ranges: [Range<usize>; BATCH] = std::array::from_fn(|_| 0..0);
        let n_slots = slots.len();
        for (range, slot) in ranges.iter_mut().zip(slots) {
            let end = self.mapping.range().start + (slot + 1) * self.layout.stride;
            *range = end - page_size()..end;
        }
        // SAFETY: pages of the mapping.
        unsafe { populate(&ranges[..n_slots]) };
    }

    fn guard_up_to(&self, index: usize) -> io::Result<()> {
        let from = self.n_guarded.get();
        if index < from {
            return Ok(());
        }
        let to = (from + BATCH).min(self.n_slots);
        let mut ranges: [Range<usize>; BATCH] = std::array::from_fn(|_| 0..0);
        for (range, slot) in ranges.iter_mut().zip(from..to) {
            let limit = self.limit(slot);
            *range = limit - self.layout.guard_size..limit;
        }
        let mut n_split = 0;
        // SAFETY: the ranges are the lower ends of slots that were never taken.
        let result = unsafe { guard::install(&ranges[..to - from], &mut n_split) };
        self.n_split.set(self.n_split.get() + n_split);
        match result {
            Ok(()) => {
                self.n_guarded.set(to);
                self.populate(from..to);
            }
            // The first guards may have been made before the limit was reached.
            Err(_) if n_split > 0 => self.n_guarded.set(from + n_split),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
