//! A slab: one mapping cut into slots of one size, each with a guard at its lower end.
//!
//! ```text
//! slot n     | guard, at least 64 KiB | usable .................. | record | colour |
//! slot n + 1 | guard ...
//! ```
//!
//! The *colour* moves the base down by a multiple of a cache line, another for each slot, and
//! the stride is an odd number of pages: without either, the hot words of a thousand parked
//! coroutines would fall into the same few cache sets and TLB sets. A page is kept beside the
//! usable bytes for record and colour, so that a stack is never smaller than what was asked for.
//!
//! A slot is *fresh* (never used), *cold* (its pages went back) or *taken* (in use, or warm in
//! the pool). A slab is unmapped only when none is taken; a forgotten coroutine leaks its slab.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::io;
use std::ops::Range;
use std::ptr::NonNull;

use super::pool::Class;
use super::record::Record;
use super::table;
use crate::sys::memory::{BATCH, Mapping, page_size};
use crate::sys::{guard, valgrind};

/// The least size of a guard: C code that does not probe its frames can't step over one.
pub(super) const GUARD_SIZE: usize = 64 * 1024;

/// How many colours there are, a cache line apart: within 2 KiB, so that a parked coroutine
/// still fits the page.
const N_COLOURS: usize = 32;
const CACHE_LINE: usize = 64;

/// A slab of slots. It lives on the heap, on the thread that made it.
#[derive(Debug)]
pub(crate) struct Slab {
    mapping: Mapping,
    /// The class that its stacks go back to; none once that thread's pool is gone.
    pub(super) class: Cell<Option<NonNull<Class>>>,
    usable_size: usize,
    guard_size: usize,
    stride: usize,
    n_slots: usize,
    /// Slots below this index have been taken at least once.
    n_used: Cell<usize>,
    /// Slots below this index have their guards.
    n_guarded: Cell<usize>,
    /// How many guards `mprotect` made.
    n_split: Cell<usize>,
    /// Slots that are taken.
    n_taken: Cell<usize>,
    cold: RefCell<Vec<u32>>,
    /// Valgrind's numbers of the slots that have been used.
    valgrind: RefCell<Vec<u32>>,
    registered: table::Key,
}

impl Slab {
    /// Maps a slab of up to `n_slots` slots: fewer, where the system has no room for so many.
    pub(super) fn new(usable_size: usize, n_slots: usize) -> io::Result<NonNull<Self>> {
        let page = page_size();
        let too_large = || {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("a stack of {usable_size} bytes does not fit the address space"),
            )
        };
        let head_and_guard = page + GUARD_SIZE.next_multiple_of(page);
        let unpadded = usable_size
            .checked_add(head_and_guard)
            .ok_or_else(too_large)?;
        let padding = if (unpadded / page).is_multiple_of(2) {
            page
        } else {
            0
        };
        let stride = unpadded.checked_add(padding).ok_or_else(too_large)?;
        let mut n_slots = n_slots;
        let mapping = loop {
            let len = stride
                .checked_mul(n_slots)
                .filter(|len| isize::try_from(*len).is_ok());
            match len.ok_or_else(too_large).and_then(Mapping::reserve) {
                Ok(mapping) => break mapping,
                Err(error) if n_slots == 1 => return Err(error),
                Err(_) => n_slots /= 2,
            }
        };
        let guard_size = stride - usable_size - page;
        let registered = table::insert(mapping.range(), stride, guard_size);
        let slab = Self {
            mapping,
            class: Cell::new(None),
            usable_size,
            guard_size,
            stride,
            n_slots,
            n_used: Cell::new(0),
            n_guarded: Cell::new(0),
            n_split: Cell::new(0),
            n_taken: Cell::new(0),
            // Room for all: trimming is not to allocate.
            cold: RefCell::new(Vec::with_capacity(n_slots)),
            valgrind: RefCell::new(Vec::new()),
            registered,
        };
        Ok(NonNull::from(Box::leak(Box::new(slab))))
    }

    /// Unmaps a slab.
    ///
    /// # Safety
    /// The slab came from [`Slab::new`], no slot is taken and nobody has a pointer to it any
    /// more.
    pub(super) unsafe fn delete(slab: NonNull<Self>) {
        // SAFETY: by the caller's word this is the only pointer to the leaked box.
        let slab = unsafe { Box::from_raw(slab.as_ptr()) };
        debug_assert_eq!(slab.n_taken.get(), 0);
        table::remove(slab.registered);
        super::forget_last();
        guard::released(slab.n_split.get());
        slab.valgrind
            .borrow_mut()
            .drain(..)
            .for_each(valgrind::deregister);
    }

    pub(super) fn n_slots(&self) -> usize {
        self.n_slots
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

    pub(super) fn usable_size(&self) -> usize {
        self.usable_size
    }

    pub(super) fn guard_size(&self) -> usize {
        self.guard_size
    }

    /// Whether [`Slab::take`] has something to give.
    pub(super) fn has_room(&self) -> bool {
        self.n_used.get() < self.n_slots || self.n_cold() > 0
    }

    /// Takes a cold slot, else a fresh one, and initialises its record.
    ///
    /// # Errors
    /// When no guard can be made. The slab stays as it was.
    ///
    /// # Panics
    /// If there is no room.
    pub(super) fn take(slab: NonNull<Self>) -> io::Result<NonNull<Record>> {
        // SAFETY: slabs are deleted only by the pool, which calls this with those it has.
        let this = unsafe { slab.as_ref() };
        let cold = this.cold.borrow_mut().pop();
        let index = match cold {
            Some(index) => index as usize,
            None => this.take_fresh()?,
        };
        this.n_taken.set(this.n_taken.get() + 1);
        let record = this.record(index);
        // SAFETY: the record lies within the slot, below its end, aligned to a cache line;
        // nobody else uses a slot that is not taken.
        unsafe { record.write(Record::new(slab, index as u32, this.limit(index))) };
        Ok(record)
    }

    /// Notes that a slot's pages are going back. Its record is gone with them.
    pub(super) fn make_cold(&self, index: u32) {
        self.cold.borrow_mut().push(index);
        self.n_taken.set(self.n_taken.get() - 1);
    }

    /// Notes that a slot is not used any more, when the slab is about to go.
    pub(super) fn forget(&self) {
        self.n_taken.set(self.n_taken.get() - 1);
    }

    /// The pages of a slot behind its guard.
    pub(super) fn pages(&self, index: u32) -> Range<usize> {
        let index = index as usize;
        self.limit(index)..self.mapping.range().start + (index + 1) * self.stride
    }

    fn limit(&self, index: usize) -> usize {
        self.mapping.range().start + index * self.stride + self.guard_size
    }

    fn record(&self, index: usize) -> NonNull<Record> {
        self.mapping.at(record_offset(index, self.stride)).cast()
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

    fn guard_up_to(&self, index: usize) -> io::Result<()> {
        let from = self.n_guarded.get();
        if index < from {
            return Ok(());
        }
        let to = (from + BATCH).min(self.n_slots);
        let mut ranges: [Range<usize>; BATCH] = std::array::from_fn(|_| 0..0);
        for (range, slot) in ranges.iter_mut().zip(from..to) {
            let limit = self.limit(slot);
            *range = limit - self.guard_size..limit;
        }
        let mut n_split = 0;
        // SAFETY: the ranges are the lower ends of slots that were never taken.
        let result = unsafe { guard::install(&ranges[..to - from], &mut n_split) };
        self.n_split.set(self.n_split.get() + n_split);
        match result {
            Ok(()) => self.n_guarded.set(to),
            // The first ones may have got theirs before the limit was met.
            Err(_) if n_split > 0 => self.n_guarded.set(from + n_split),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Where a slot's record lies, from the start of its slab.
pub(super) fn record_offset(index: usize, stride: usize) -> usize {
    let colour = (index % N_COLOURS) * CACHE_LINE;
    (index + 1) * stride - colour - size_of::<Record>()
}
