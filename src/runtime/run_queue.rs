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

/// How a task is entered: as it has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It gave the others a turn, and will probably do so again before it returns from where it is.
    Call,
    /// It parked in a function of the library's, from which it returns first.
    Jump,
}

/// Who runs.
pub(crate) enum Runnable {
    Task(TaskPtr, Parked, Way),
    Callback(Rc<Callback>),
}

/// An entry of the ring: a task, and where it is parked, or a callback, which the entry owns.
#[derive(Clone, Copy)]
struct Entry {
    /// Of a task's block, perhaps with the bit [`AGAIN`], or of a callback; null in a place that
    /// holds nothing.
    address: *const (),
    /// `None` for a callback.
    parked: Option<Parked>,
}

/// Of a task that is to be entered by a call.
const AGAIN: usize = 1;

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

    /// Queues a task that has left by giving the others a turn.
    #[inline(always)]
    pub(crate) fn push_again(&self, task: TaskPtr, parked: Parked) {
        let block = task.0.as_ptr().cast_const();
        self.ring.push(Entry {
            address: block.map_addr(|address| address | AGAIN).cast(),
            parked: Some(parked),
        });
    }

    pub(crate) fn push_callback(&self, callback: Rc<Callback>) {
        self.ring.push(Entry {
            address: Rc::into_raw(callback).cast(),
            parked: None,
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// Takes the first entry, whatever its iteration, which is over then, as the stretch is: for
    /// shutting down.
    pub(crate) fn pop(&self) -> Option<Runnable> {
        let entry = self.ring.pop()?;
        self.iteration_end.set(self.ring.head());
        self.stretch_end.set(self.ring.head());
        Some(Self::runnable(entry))
    }

    /// Takes the next entry of the present stretch, which may go on into the next iteration.
    #[inline(always)]
    pub(crate) fn next(&self) -> Option<Runnable> {
        if self.ring.head() == self.stretch_end.get() && !self.go_on() {
            return None;
        }
        // SAFETY: the stretch ends where the ring does, at the latest, and the end has not come.
        let entry = unsafe { self.ring.pop_unchecked() };
        // What lies there may be gone by now: to prefetch it does no harm.
        Parked::prefetch_any(self.ring.peek(AHEAD).parked);
        Some(Self::runnable(entry))
    }

    #[inline(always)]
    fn runnable(entry: Entry) -> Runnable {
        match entry.parked {
            Some(parked) => {
                let block = entry.address.map_addr(|address| address & !AGAIN);
                // SAFETY: an entry with a parked sp is a task's, whose address is not zero.
                let block = unsafe { NonNull::new_unchecked(block.cast_mut()) };
                let way = match entry.address.addr() & AGAIN {
                    0 => Way::Jump,
                    _ => Way::Call,
                };
                Runnable::Task(TaskPtr(block.cast()), parked, way)
            }
            // SAFETY: an entry without one is a callback's, which the entry owned.
            None => Runnable::Callback(unsafe { Rc::from_raw(entry.address.cast()) }),
        }
    }

    /// Begins a stretch of dispatches, in the present iteration or a new one.
    pub(crate) fn begin_stretch(&self) {
        self.stretch_end.set(self.ring.head());
        if self.is_iteration_over() {
            self.iteration_end.set(self.ring.tail());
        }
        self.extend_stretch();
    }

    /// Lets the stretch go on, into the next iteration if need be. False if the loop has to do
    /// something first.
    #[inline(always)]
    fn go_on(&self) -> bool {
        let head = self.ring.head();
        if self.is_stopping.get() || self.ring.is_empty() || self.is_poll_due() {
            return false;
        }
        if head == self.iteration_end.get() {
            self.iteration_end.set(self.ring.tail());
        }
        self.extend_stretch();
        head != self.stretch_end.get()
    }

    /// Sets the end of the stretch: that of the iteration, or where it is time to look at timers.
    #[inline(always)]
    fn extend_stretch(&self) {
        let head = self.ring.head();
        let to_end = self.iteration_end.get().wrapping_sub(head);
        let to_poll = self.poll_at.get().wrapping_sub(head);
        let to_poll = usize::try_from(to_poll.cast_signed()).unwrap_or(0);
        self.stretch_end.set(head.wrapping_add(to_end.min(to_poll)));
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
