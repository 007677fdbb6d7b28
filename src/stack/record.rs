//! The record at the base of every stack: what the pool, the overflow report and the floors
//! above need to know of it.
//!
//! A record lies inside of its own slot, on the page that a parked coroutine touches anyway.
//! It is initialised when the slot is handed out for the first time and again each time its
//! pages had gone back to the system.

use std::cell::Cell;
use std::ops::Range;
use std::panic::Location;
use std::ptr::{self, NonNull};

use super::slab::Slab;

/// What a stack is in use for, or was in use for last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Use {
    /// Nothing yet since its pages were committed.
    Unused,
    /// A coroutine.
    Coroutine,
    /// A call of `on_stack`.
    Call,
}

/// The name of what has none.
const NO_NAME: *const [u8] = &[];

/// The record. Its address is the base of the stack: frames grow down from it.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Record {
    pub(super) slab: NonNull<Slab>,
    /// The lowest usable address: the guard ends here.
    limit: usize,
    pub(super) index: u32,
    in_use: Cell<Use>,
    name: Cell<*const [u8]>,
    site: Cell<Option<&'static Location<'static>>>,
}

/// A record and what the floor above puts below it stay within one cache line each.
const _: () = assert!(size_of::<Record>() == 64);

impl Record {
    pub(super) fn new(slab: NonNull<Slab>, index: u32, limit: usize) -> Self {
        Self {
            slab,
            limit,
            index,
            in_use: Cell::new(Use::Unused),
            name: Cell::new(NO_NAME),
            site: Cell::new(None),
        }
    }

    /// The addresses that frames may use, this record excluded.
    pub(crate) fn usable(&self) -> Range<usize> {
        self.limit..ptr::from_ref(self) as usize
    }

    /// What the stack is in use for, if it is in use.
    pub(crate) fn in_use(&self) -> Use {
        self.in_use.get()
    }

    /// Notes what the stack is used for and by whom; stores only what is different, because
    /// stacks change hands often.
    ///
    /// The name must stay where it is until the stack is released: the overflow report reads
    /// it.
    #[inline]
    pub(crate) fn label(
        &self,
        in_use: Use,
        name: Option<*const [u8]>,
        site: &'static Location<'static>,
    ) {
        if self.in_use.get() != in_use {
            self.in_use.set(in_use);
        }
        if name.is_some() || self.name.get().len() > 0 {
            self.name.set(name.unwrap_or(NO_NAME));
        }
        self.site.set(Some(site));
    }

    /// Forgets the name, which goes before the stack does.
    #[cfg(feature = "runtime")]
    pub(crate) fn forget_name(&self) {
        self.name.set(NO_NAME);
    }

    /// The name given with the label, empty for none.
    pub(super) fn name(&self) -> *const [u8] {
        self.name.get()
    }

    /// Where what runs here was created.
    pub(crate) fn site(&self) -> Option<&'static Location<'static>> {
        self.site.get()
    }
}
