//! The record at the base of every stack: data for the pool, the overflow report and the floors above.
//!
//! A record lies inside its own slot, on the page that a parked coroutine uses anyway. It is initialised
//! when the slot is taken for the first time, and again after its pages were returned to the system.

use std::cell::Cell;
use std::ops::Range;
use std::panic::Location;
use std::ptr::{self, NonNull};

use super::layout::CACHE_LINE;
use super::slab::Slab;

/// The current or last use of a stack. One comparison tells whether a reused stack is as its next use needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Use {
    /// None since its pages were committed.
    Unused,
    /// A call of `on_stack`.
    Call,
    /// A coroutine without a name.
    Coroutine,
    /// A task without a name.
    Task,
    /// A coroutine or a task with a name.
    Named,
}

/// The name of an unnamed stack.
const NO_NAME: *const [u8] = &[];

/// The record. Its address is the base of the stack: frames grow down from it.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Record {
    pub(super) slab: NonNull<Slab>,
    /// The lowest usable address: the end of the guard.
    limit: usize,
    pub(super) index: u32,
    /// Whether the stack has the default size.
    is_default: bool,
    in_use: Cell<Use>,
    name: Cell<*const [u8]>,
    /// The number of the task whose stack this is; 0 for none.
    task: Cell<u64>,
    site: Cell<Option<&'static Location<'static>>>,
    /// The largest number of bytes that had been in use when unused pages went back to the system.
    high_water_bytes: Cell<usize>,
}

/// A record fills one cache line, so that what the floor above puts below it begins at the next.
const _: () = assert!(size_of::<Record>() == CACHE_LINE);

impl Record {
    pub(super) fn new(slab: NonNull<Slab>, index: u32, limit: usize, is_default: bool) -> Self {
        Self {
            slab,
            limit,
            index,
            is_default,
            in_use: Cell::new(Use::Unused),
            name: Cell::new(NO_NAME),
            task: Cell::new(0),
            site: Cell::new(None),
            high_water_bytes: Cell::new(0),
        }
    }

    /// The addresses that frames may use; the record is above them.
    pub(crate) fn usable(&self) -> Range<usize> {
        self.limit..ptr::from_ref(self) as usize
    }

    /// Whether the stack has the default size.
    pub(crate) fn is_default(&self) -> bool {
        self.is_default
    }

    /// The current use; meaningful only while the stack is taken.
    pub(super) fn in_use(&self) -> Use {
        self.in_use.get()
    }

    /// Whether the current or last use is a coroutine, whose header lies below the record.
    pub(crate) fn has_header(&self) -> bool {
        self.in_use.get() >= Use::Coroutine
    }

    /// Whether the current or last use is a call of `on_stack`.
    pub(crate) fn is_called(&self) -> bool {
        self.in_use.get() == Use::Call
    }

    /// Makes the stack a coroutine's, with its name, its task's number (0 for none) and its creation site. Returns whether
    /// the last use has left a header. Stores only what has changed, because stacks are reused often.
    ///
    /// The name must not move until the stack is released: the overflow report reads it.
    #[inline]
    pub(crate) fn label(
        &self,
        name: Option<*const [u8]>,
        task: u64,
        site: &'static Location<'static>,
    ) -> bool {
        self.site.set(Some(site));
        let unnamed = if task == 0 { Use::Coroutine } else { Use::Task };
        if name.is_none() && self.in_use.get() == unnamed {
            if task != 0 {
                self.task.set(task);
            }
            return true;
        }
        let in_use = name.map_or(unnamed, |_| Use::Named);
        self.set_label(in_use, name.unwrap_or(NO_NAME), task)
    }

    /// Makes the stack one of a call of `on_stack`.
    pub(crate) fn label_call(&self, site: &'static Location<'static>) {
        self.site.set(Some(site));
        self.set_label(Use::Call, NO_NAME, 0);
    }

    /// Returns whether the last use has left a header.
    #[cold]
    fn set_label(&self, in_use: Use, name: *const [u8], task: u64) -> bool {
        self.name.set(name);
        self.task.set(task);
        self.in_use.replace(in_use) >= Use::Coroutine
    }

    /// Removes the name, which is freed before the stack is released.
    #[cfg(feature = "runtime")]
    pub(crate) fn forget_name(&self) {
        self.name.set(NO_NAME);
    }

    /// The largest number of bytes in use at which unused pages went back to the system.
    pub(super) fn high_water_bytes(&self) -> usize {
        self.high_water_bytes.get()
    }

    #[cfg(feature = "runtime")]
    pub(super) fn note_high_water(&self, bytes: usize) {
        let before = self.high_water_bytes.get();
        self.high_water_bytes.set(before.max(bytes));
    }

    /// The name, empty for none.
    pub(super) fn name(&self) -> *const [u8] {
        self.name.get()
    }

    /// The number of the task whose stack this is; 0 for none.
    pub(super) fn task(&self) -> u64 {
        self.task.get()
    }

    /// The creation site of the coroutine or call.
    pub(crate) fn site(&self) -> Option<&'static Location<'static>> {
        self.site.get()
    }
}
