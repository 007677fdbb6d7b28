//! Guarded stacks for coroutines.
//!
//! The public part is for measuring and tuning: sizes, usage, and the pool's counts.

// A `Stack` is a slot of a slab (slab.rs), acquired from the thread's pool (pool.rs), with a record at its
// base (record.rs). Nothing here knows what runs on a stack. Next floor: `crate::arch`, which switches to
// one.

#![allow(unsafe_code)]

mod layout;
mod overflow;
mod pool;
mod record;
mod sizes;
mod slab;
mod table;
mod warm;

use std::io;
use std::ops::Range;
use std::ptr::NonNull;

pub(crate) use record::Record;
pub use sizes::{DEFAULT_STACK_SIZE_BYTES, MIN_STACK_SIZE_BYTES, PoolStats, StackUsage};

use table::LAST_BOUNDS;

use crate::sys::memory::{self, page_size};
#[cfg(feature = "runtime")]
pub(crate) use crate::sys::memory::{BATCH, discard};
use crate::sys::thread;

/// The counts of the running thread's pool.
#[must_use]
pub fn pool_stats() -> PoolStats {
    pool::stats()
}

/// Returns the pages of every idle stack of this thread to the system, and unmaps the slabs without a
/// stack in use.
///
/// ```
/// use selvedge::{Coroutine, Yielder, stack};
///
/// drop(Coroutine::new(|_: &Yielder<(), ()>, ()| ()));
/// stack::trim_pool();
/// assert_eq!(stack::pool_stats().n_warm, 0);
/// ```
pub fn trim_pool() {
    pool::trim();
}

/// Sets how many warm stacks of each size this thread keeps. The default is 1,024.
///
/// When one more is released, the pages of the coldest half are returned to the system. Zero keeps none.
///
/// ```
/// selvedge::stack::set_pool_watermark(16);
/// ```
pub fn set_pool_watermark(n_stacks: usize) {
    pool::set_watermark(n_stacks);
}

/// An owned stack, identified by its record. Its owner returns it by [`Stack::release`]; dropping it leaks
/// it, because only the owner knows whether something still lives on it.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Stack(NonNull<Record>);

impl Stack {
    /// Acquires a stack with at least `size` usable bytes from the thread's pool.
    ///
    /// # Errors
    /// `InvalidInput` for zero bytes or more than the address space holds; otherwise the system's error.
    #[inline]
    pub(crate) fn acquire(size: usize) -> io::Result<Self> {
        let size = if size == DEFAULT_STACK_SIZE_BYTES {
            size
        } else {
            round_up(size)?
        };
        pool::acquire(size).map(Self)
    }

    /// The stack with this base.
    ///
    /// # Safety
    /// `base` is the [`base`](Self::base) of an acquired stack, and no other `Stack` is used for it.
    #[inline(always)]
    pub(crate) unsafe fn at(base: NonNull<u8>) -> Self {
        Self(base.cast())
    }

    /// Returns the stack to the pool.
    ///
    /// # Safety
    /// Nothing uses the stack any more, and this is the thread that acquired it.
    #[inline]
    pub(crate) unsafe fn release(self) {
        // SAFETY: forwarded to the caller.
        unsafe { pool::release(self.0) }
    }

    /// As [`release`](Self::release), for a stack of the default size.
    ///
    /// # Safety
    /// As [`release`](Self::release), and the stack has the default size.
    #[inline]
    pub(crate) unsafe fn release_default(self) {
        // SAFETY: forwarded to the caller.
        unsafe { pool::release_default(self.0) }
    }

    /// The record, whose address is the base.
    #[inline]
    pub(crate) fn record(&self) -> &Record {
        // SAFETY: the record is initialised and does not move while the stack is taken.
        unsafe { self.0.as_ref() }
    }

    /// The base: the highest address that frames may use, aligned to a cache line.
    #[inline]
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.0.cast()
    }

    /// The usage of the stack.
    pub(crate) fn usage(&self) -> StackUsage {
        // SAFETY: a taken record's slab is alive.
        let slab = unsafe { self.record().slab.as_ref() };
        let usable = self.record().usable();
        let pages = usable.start..usable.end.next_multiple_of(page_size());
        let used = pages.end - memory::lowest_resident(pages.clone());
        let used = used.max(self.record().high_water_bytes());
        StackUsage {
            size_bytes: slab.layout.usable_size(),
            high_water_bytes: used.min(slab.layout.usable_size()),
            guard: usable.start - slab.layout.guard_size..usable.start,
        }
    }

    /// The resident pages below an address of this stack, if the address is on this stack and there are any. They count
    /// as returned to the system: the high-water mark is kept.
    #[cfg(feature = "runtime")]
    pub(crate) fn take_pages_below(&self, address: usize) -> Option<Range<usize>> {
        let usable = self.record().usable();
        if !usable.contains(&address) {
            return None;
        }
        let end = address & !(page_size() - 1);
        let start = memory::lowest_resident(usable.start..end.max(usable.start));
        if start >= end {
            return None;
        }
        let used = usable.end.next_multiple_of(page_size()) - start;
        self.record().note_high_water(used);
        Some(start..end)
    }
}

/// The usable size for a requested size.
fn round_up(size: usize) -> io::Result<usize> {
    let invalid = |text| io::Error::new(io::ErrorKind::InvalidInput, text);
    if size == 0 {
        return Err(invalid(
            "a coroutine needs a stack: the size asked for is zero".to_owned(),
        ));
    }
    size.max(MIN_STACK_SIZE_BYTES)
        .checked_next_multiple_of(page_size())
        .filter(|size| isize::try_from(*size).is_ok())
        .ok_or_else(|| {
            invalid(format!(
                "a stack of {size} bytes does not fit the address space"
            ))
        })
}

/// Whether the running thread is being torn down and its pool is already gone.
pub(crate) fn in_teardown() -> bool {
    pool::is_gone()
}

/// The record of the running stack, by its stack pointer; `None` on a thread's own stack.
pub(crate) fn find(stack_pointer: usize) -> Option<&'static Record> {
    let slot = table::find(stack_pointer)?;
    // SAFETY: code runs on the slot, so it is taken and its record is initialised; it stays taken as long
    // as the caller runs on it.
    let record = unsafe { &*(slot.base as *const Record) };
    record.usable().contains(&stack_pointer).then_some(record)
}

thread_local! {
    /// The bounds of the thread's own stack.
    static OWN: Option<Range<usize>> = thread::stack_bounds();
}

/// Whether an address on the running stack, which is not a stack of this library, is on the thread's own stack.
/// True where the platform does not report that stack's bounds.
pub(crate) fn is_own(stack_pointer: usize) -> bool {
    let is_in =
        |bounds: Option<Range<usize>>| bounds.is_none_or(|own| own.contains(&stack_pointer));
    // The main thread's stack may have grown beyond the limit that held when its bounds were stored.
    OWN.try_with(|own| is_in(own.clone())) == Ok(true) || is_in(thread::stack_bounds())
}

/// The number of bytes between an address on the running stack and the stack's limit, if the limit is known.
pub(crate) fn remaining(stack_pointer: usize) -> Option<usize> {
    let (limit, end) = LAST_BOUNDS.get();
    if (limit..end).contains(&stack_pointer) {
        return Some(stack_pointer - limit);
    }
    let bounds = match find(stack_pointer) {
        Some(record) => Some(record.usable()),
        None => OWN.try_with(Clone::clone).ok().flatten(),
    };
    let bounds = bounds.filter(|bounds| bounds.contains(&stack_pointer))?;
    LAST_BOUNDS.set((bounds.start, bounds.end));
    Some(stack_pointer - bounds.start)
}
