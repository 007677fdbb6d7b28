//! How far ahead each part of the library prefetches, and how much: all constants in one table.
//!
//! Why there are batches: among more objects than the cache holds, each prefetch needs a walk through the
//! page tables. The processor waits for a walk that comes alone, but does many at the same time: 250 ns
//! for each stack alone, 60 in a batch of 16, in random order (ARCHITECTURE, "Crowds").

#![cfg_attr(
    not(feature = "runtime"),
    allow(dead_code, reason = "only the pool of stacks prefetches")
)]

/// Size of a cache line.
pub(crate) const LINE_SIZE_BYTES: usize = 64;

/// With more stacks, tasks or timers than this, most are out of the cache: then the batches below apply.
pub(crate) const MAX_CACHED: usize = 4096;

/// Places ahead of the current task whose innermost line is prefetched, while the tasks are in the cache.
/// A second line costs 3% among a thousand tasks (benches/yield.rs).
pub(crate) const TASK_DISTANCE: usize = 4;

/// Tasks of the run queue that are prefetched together, and lines of each one's frames. With the timers'
/// batch and the pool's, a million sleeps on warm stacks take 1.5 s of CPU instead of 2.6
/// (ARCHITECTURE, "Crowds").
pub(crate) const TASK_BATCH: usize = 32;
pub(crate) const TASK_LINES: isize = 8;

/// Lines of the frames of the next task, after its descriptor became ready. Seven instead of ten cost 5%
/// of an echo request.
pub(crate) const IO_TASK_LINES: isize = 12;

/// Due timers that are prefetched together: their slots, alarms and tasks.
pub(crate) const TIMER_BATCH: usize = 32;

/// Warm stacks that are prefetched together, and lines at the base of each that making and running a
/// coroutine touches first: the record, and below it header, block, body and frames.
pub(crate) const STACK_BATCH: usize = 16;
pub(crate) const STACK_LINES: usize = 6;
