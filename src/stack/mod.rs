//! Guarded stacks: where coroutines live.
//!
//! What of it is public is for measuring and tuning: sizes, usage, and the pool's counts.

// A `Stack` is a slot of a slab (slab.rs), handed out by the thread's pool (pool.rs), with a
// record at its base (record.rs). Nothing here knows what runs on a stack. Next floor:
// `crate::arch`, which switches to one.

#![allow(unsafe_code)]

mod overflow;
mod pool;
mod record;
mod slab;
mod table;
mod warm;

use std::cell::Cell;
use std::io;
use std::ops::Range;
use std::ptr::NonNull;

pub(crate) use record::{Record, Use};

use crate::sys::memory::{self, page_size};
use crate::sys::thread;

/// The usable size in bytes of a stack for which no other was asked: 256 KiB.
///
/// It is address space; a page of it is committed when it is first touched.
pub const DEFAULT_STACK_SIZE: usize = 256 * 1024;

/// The least usable size in bytes: smaller requests are rounded up to it.
///
/// Printing needs 4 KiB of stack, a panic 8 KiB, a panic with `RUST_BACKTRACE=1` about 24 KiB.
pub const MIN_STACK_SIZE: usize = 16 * 1024;

/// How much of a stack is used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StackUsage {
    /// The usable size in bytes, the guard excluded.
    pub size_bytes: usize,
    /// The most that was ever in use, in bytes, rounded up to whole pages.
    ///
    /// It is a mark of the pooled stack, not only of its present coroutine: it falls back when
    /// the pool returns the pages ([`trim_pool`]).
    pub high_water_bytes: usize,
    /// The addresses of the guard below the stack; touching them is an overflow.
    pub guard: Range<usize>,
}

/// What the running thread's pool of stacks holds and has done.
///
/// ```
/// use selvedge::{Coroutine, Yielder, stack::pool_stats};
///
/// let coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| ());
/// let live = pool_stats().live;
/// drop(coroutine);
/// assert_eq!(pool_stats().live, live - 1);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Stacks in use, leaked ones included.
    pub live: usize,
    /// Idle stacks whose pages are kept for the next coroutine.
    pub warm: usize,
    /// Idle stacks whose pages went back to the system.
    pub cold: usize,
    /// Mappings that stacks are cut from.
    pub slabs: usize,
    /// The address space of those mappings in bytes, guards included.
    pub mapped_bytes: usize,
    /// How often a warm stack was handed out.
    pub reused: u64,
    /// How often a fresh or a cold one was.
    pub fresh: u64,
    /// How often a stack's pages were given back.
    pub trimmed: u64,
}

/// The counts of the running thread's pool.
#[must_use]
pub fn pool_stats() -> PoolStats {
    pool::stats()
}

/// Gives the pages of every idle stack of this thread back to the system and unmaps the slabs
/// of which no stack is in use.
///
/// ```
/// use selvedge::{Coroutine, Yielder, stack};
///
/// drop(Coroutine::new(|_: &Yielder<(), ()>, ()| ()));
/// stack::trim_pool();
/// assert_eq!(stack::pool_stats().warm, 0);
/// ```
pub fn trim_pool() {
    pool::trim();
}

/// Sets how many warm stacks of each size this thread keeps: 1,024 unless told otherwise.
///
/// When one more comes back, the coldest half gives its pages back. Zero keeps none.
///
/// ```
/// selvedge::stack::set_pool_watermark(16);
/// ```
pub fn set_pool_watermark(n_stacks: usize) {
    pool::set_watermark(n_stacks);
}

/// A stack of one's own, by its record. It must be given back by [`Stack::release`]; dropping
/// it leaks it, because only the owner knows whether something still lives on it.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Stack(NonNull<Record>);

impl Stack {
    /// Takes a stack with at least so many usable bytes from the thread's pool.
    ///
    /// # Errors
    /// `InvalidInput` for zero bytes or more than the address space holds, else what the
    /// system answers.
    #[inline]
    pub(crate) fn acquire(size: usize) -> io::Result<Self> {
        let size = if size == DEFAULT_STACK_SIZE {
            size
        } else {
            round_up(size)?
        };
        pool::acquire(size).map(Self)
    }

    /// The stack that has its base here.
    ///
    /// # Safety
    /// It is somebody's [`Stack::base`], who does not use the stack by another name.
    #[inline(always)]
    pub(crate) unsafe fn at(base: NonNull<u8>) -> Self {
        Self(base.cast())
    }

    /// Gives the stack back.
    ///
    /// # Safety
    /// Nothing uses the stack any more, and the thread is the one that acquired it.
    #[inline]
    pub(crate) unsafe fn release(self) {
        // SAFETY: forwarded to the caller.
        unsafe { pool::release(self.0) }
    }

    /// The record, whose address is the base.
    #[inline]
    pub(crate) fn record(&self) -> &Record {
        // SAFETY: the record is initialised and stays where it is while the stack is taken.
        unsafe { self.0.as_ref() }
    }

    /// The base: the highest address that frames may use, aligned to a cache line.
    #[inline]
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.0.cast()
    }

    /// How much is used, and how much there is.
    pub(crate) fn usage(&self) -> StackUsage {
        // SAFETY: a taken record's slab is alive.
        let slab = unsafe { self.record().slab.as_ref() };
        let usable = self.record().usable();
        let pages = usable.start..usable.end.next_multiple_of(page_size());
        let used = pages.end - memory::lowest_resident(pages.clone());
        StackUsage {
            size_bytes: slab.usable_size(),
            high_water_bytes: used.min(slab.usable_size()),
            guard: usable.start - slab.guard_size()..usable.start,
        }
    }
}

/// The size that is made of a request.
fn round_up(size: usize) -> io::Result<usize> {
    let invalid = |text| io::Error::new(io::ErrorKind::InvalidInput, text);
    if size == 0 {
        return Err(invalid(
            "a coroutine needs a stack: the size asked for is zero".to_owned(),
        ));
    }
    size.max(MIN_STACK_SIZE)
        .checked_next_multiple_of(page_size())
        .filter(|size| isize::try_from(*size).is_ok())
        .ok_or_else(|| {
            invalid(format!(
                "a stack of {size} bytes does not fit the address space"
            ))
        })
}

/// Whether the running thread is being torn down: its pool is gone already.
pub(crate) fn in_teardown() -> bool {
    pool::is_gone()
}

/// The record of the stack that the running code is on, by its stack pointer; `None` on a
/// thread's own.
pub(crate) fn find(stack_pointer: usize) -> Option<&'static Record> {
    let slot = table::find(stack_pointer)?;
    // SAFETY: the slot is taken, since code runs on it, so its record is initialised; it stays
    // as long as the caller is on it.
    let record = unsafe { slot.record.as_ref() };
    record.usable().contains(&stack_pointer).then_some(record)
}

thread_local! {
    /// The stack that was asked about last: most questions come in runs, from a recursion.
    static LAST: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    /// The thread's own stack.
    static OWN: Option<Range<usize>> = thread::stack_bounds();
}

/// Forgets the stack that was asked about last, because a slab goes.
fn forget_last() {
    LAST.set((0, 0));
}

/// Bytes between an address on the running stack and the stack's limit, where that is known.
pub(crate) fn remaining(stack_pointer: usize) -> Option<usize> {
    let (limit, end) = LAST.get();
    if (limit..end).contains(&stack_pointer) {
        return Some(stack_pointer - limit);
    }
    let bounds = match find(stack_pointer) {
        Some(record) => Some(record.usable()),
        None => OWN.try_with(Clone::clone).ok().flatten(),
    };
    let bounds = bounds.filter(|bounds| bounds.contains(&stack_pointer))?;
    LAST.set((bounds.start, bounds.end));
    Some(stack_pointer - bounds.start)
}
