//! The sizes and counts that users see.

use std::ops::Range;

/// The default usable size of a stack in bytes: 256 KiB, and 1 MiB in a build with debug assertions, whose frames are larger:
/// without optimization each step of a call copies the values that it moves.
///
/// The stack is reserved address space; a page is committed when it is first touched.
#[doc(alias = "DEFAULT_STACK_SIZE")]
pub const DEFAULT_STACK_SIZE_BYTES: usize = if cfg!(debug_assertions) { 1024 } else { 256 } * 1024;

/// The minimum usable size of a stack in bytes: smaller requests are rounded up to it.
///
/// Printing needs 4 KiB of stack, a panic 8 KiB, a panic with `RUST_BACKTRACE=1` about 24 KiB.
#[doc(alias = "MIN_STACK_SIZE")]
pub const MIN_STACK_SIZE_BYTES: usize = 16 * 1024;

/// The usage of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StackUsage {
    /// The usable size in bytes, the guard excluded.
    pub size_bytes: usize,
    /// The largest number of bytes that was ever in use, rounded up to whole pages.
    ///
    /// It counts for the pooled stack, not only for its current coroutine, and is reset when the pool
    /// returns the pages to the system ([`trim_pool`](super::trim_pool)).
    pub high_water_bytes: usize,
    /// The addresses of the guard below the stack; an access to them is an overflow.
    pub guard: Range<usize>,
}

/// The counts of the running thread's pool of stacks.
///
/// ```
/// use selvedge::{Coroutine, Yielder, stack::pool_stats};
///
/// let coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| ());
/// let n_live = pool_stats().n_live;
/// drop(coroutine);
/// assert_eq!(pool_stats().n_live, n_live - 1);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Stacks in use, including leaked ones.
    pub n_live: usize,
    /// Idle stacks whose pages are kept for the next coroutine.
    pub n_warm: usize,
    /// Idle stacks whose pages were returned to the system.
    pub n_cold: usize,
    /// Mappings that stacks are cut from.
    pub n_slabs: usize,
    /// The address space of those mappings in bytes, including guards.
    pub mapped_bytes: usize,
    /// How often a warm stack was acquired.
    pub n_reused: u64,
    /// How often a fresh or a cold stack was acquired.
    pub n_fresh: u64,
    /// How often a stack's pages were returned to the system.
    pub n_trimmed: u64,
}
