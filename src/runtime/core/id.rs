//! Numbers of tasks and callbacks.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::util::fmt::impl_fmt;

/// A task's number, unique in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub(crate) u64);

impl_fmt!(Display for TaskId, |this, f| this.0.fmt(f));

/// The next task's number.
#[inline]
pub(crate) fn next_task_id() -> TaskId {
    /// Numbers that a thread reserves at a time.
    const BATCH: u64 = 64;
    static NEXT: AtomicU64 = AtomicU64::new(0);
    thread_local! {
        static LAST: Cell<u64> = const { Cell::new(0) };
    }
    let mut last = LAST.get();
    if last.is_multiple_of(BATCH) {
        last = NEXT.fetch_add(BATCH, Relaxed);
    }
    LAST.set(last + 1);
    TaskId(last + 1)
}

/// The name of a task that was spawned without one.
pub(crate) fn default_name(id: TaskId) -> String {
    format!("Task-{id}")
}

/// Names a done-callback, so that it can be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallbackId(pub(crate) u64);

/// A sequence number, larger than any before it on this thread. Waiters and callbacks of one task or promise are
/// notified in the order of these numbers.
pub(crate) fn next_sequence() -> u64 {
    thread_local! {
        static LAST: Cell<u64> = const { Cell::new(0) };
    }
    LAST.set(LAST.get() + 1);
    LAST.get()
}
