//! The run queue: who runs next, first come, first served.
//!
//! An *iteration* is the entries that were there at its start. An entry of a task carries the place
//! where the task is parked, so that its frames can be prefetched without touching its block.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::rc::Rc;

use super::callback::Callback;
use super::task::TaskPtr;
use crate::arch::Parked;
use crate::util::ring::Ring;

/// How many dispatches there are at most between two looks at timers and descriptors.
pub(crate) const POLL_EVERY: usize = 64;

/// How many places ahead the frames of a parked task are prefetched.
const AHEAD: usize = 4;

/// Who runs.
pub(crate) enum Runnable {
    Task(TaskPtr, Parked),
    Callback(Rc<Callback>),
}

/// An entry of the ring: a task, and where it is parked, or a callback, which the entry owns.
#[derive(Clone, Copy)]
struct Entry {
    /// Of a task's block, or of a callback; null in a place that holds nothing.
    address: *const (),
    /// `None` for a callback.
    parked: Option<Parked>,
}

impl Entry {
    const NONE: Self = Self {
        address: ptr::null(),
        parked: None,
    };
}

/// The queue.
pub(crate) struct RunQueue {
    ring: Ring<Entry>,
    /// The position at which the present iteration ends.
    iteration_end: Cell<usize>,
    /// The position at which the present stretch ends: where the iteration does, or where it is time
    /// to look at timers and descriptors.
    stretch_end: Cell<usize>,
    /// The position at which the loop is to look at timers and descriptors.
    poll_at: Cell<usize>,
    is_stopping: Cell<bool>,
}

impl RunQueue {
    pub(crate) fn new() -> Self {
        Self {
            ring: Ring::new(Entry::NONE),
            iteration_end: Cell::new(0),
            stretch_end: Cell::new(0),
            poll_at: Cell::new(0),
            is_stopping: Cell::new(false),
        }
    }

    #[inline(always)]
    pub(crate) fn push_task(&self, task: TaskPtr, parked: Parked) {
        self.ring.push(Entry {
            address: task.0.as_ptr().cast_const().cast(),
            parked: Some(parked),
        });
    }

    pub(crate) fn push_callback(&self, callback: Rc<Callback>) {
        self.ring.push(Entry {
            address: Rc::into_raw(callback).cast(),
            parked: None,
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// Takes the first entry, whatever its iteration.
    pub(crate) fn pop(&self) -> Option<Runnable> {
        self.ring.pop().map(Self::runnable)
    }

    /// Takes the next entry of the present stretch.
    #[inline(always)]
    pub(crate) fn next(&self) -> Option<Runnable> {
        if self.ring.head() == self.stretch_end.get() {
            return None;
        }
        let entry = self.ring.pop()?;
        // What lies there may be gone by now: to prefetch it does no harm.
        if let Some(soon) = self.ring.peek(AHEAD).parked {
            soon.prefetch();
        }
        Some(Self::runnable(entry))
    }

    #[inline(always)]
    fn runnable(entry: Entry) -> Runnable {
        match entry.parked {
            Some(parked) => {
                // SAFETY: an entry with a parked sp is a task's.
                let block = unsafe { NonNull::new_unchecked(entry.address.cast_mut()) };
                Runnable::Task(TaskPtr(block.cast()), parked)
            }
            // SAFETY: an entry without one is a callback's, which the entry owned.
            None => Runnable::Callback(unsafe { Rc::from_raw(entry.address.cast()) }),
        }
    }

    /// Begins a stretch of dispatches. It ends at once if it is time to look at timers.
    pub(crate) fn begin_stretch(&self) {
        let head = self.ring.head();
        let to_end = self.iteration_end.get().wrapping_sub(head);
        let to_poll = self.poll_at.get().wrapping_sub(head);
        let to_poll = usize::try_from(to_poll.cast_signed()).unwrap_or(0);
        self.stretch_end.set(head.wrapping_add(to_end.min(to_poll)));
    }

    /// Begins an iteration of what is there now.
    pub(crate) fn begin_iteration(&self) {
        self.iteration_end.set(self.ring.tail());
    }

    /// Whether the present iteration is over.
    #[inline(always)]
    pub(crate) fn is_iteration_over(&self) -> bool {
        self.ring.head() == self.iteration_end.get()
    }

    /// Whether it is time to look at timers and descriptors.
    #[inline(always)]
    pub(crate) fn is_poll_due(&self) -> bool {
        let to_poll = self.poll_at.get().wrapping_sub(self.ring.head());
        to_poll.cast_signed() <= 0
    }

    /// Has the loop look at timers before the next iteration.
    pub(crate) fn poll_soon(&self) {
        self.poll_at.set(self.iteration_end.get());
    }

    /// Notes that timers and descriptors were looked at just now.
    pub(crate) fn polled(&self) {
        self.poll_at.set(self.ring.head().wrapping_add(POLL_EVERY));
        self.ring.shrink();
    }

    /// Lets the loop end after the present iteration.
    pub(crate) fn stop(&self) {
        self.is_stopping.set(true);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.get()
    }

    pub(crate) fn clear_stop(&self) {
        self.is_stopping.set(false);
    }
}

impl Drop for RunQueue {
    fn drop(&mut self) {
        while let Some(runnable) = self.pop() {
            if let Runnable::Callback(callback) = runnable {
                callback.discard();
            }
        }
    }
}
