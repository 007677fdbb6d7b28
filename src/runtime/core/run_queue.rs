//! The run queue: the tasks and callbacks that are ready to run, in FIFO order.
//!
//! An *iteration* consists of the entries that were in the queue when the iteration began. A task's entry holds the
//! task's parked stack pointer, so that the task's frames can be prefetched without a load from its block.
//!
//! A task that yields switches directly to the next one, as long as the loop has nothing to do in
//! between ([`switch_direct`](RunQueue::switch_direct)). In an iteration that adds and removes no entry, the
//! task's entry stays in place ([`IterationQueue`]), so that a yield stores two words. With a queue that pops and
//! pushes, a yield takes 6.1 ns (benches/yield.rs).

#![allow(unsafe_code)]

mod prefetch;

use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::rc::Rc;

use super::{Callback, TaskBlock, TaskPtr};
use crate::arch::Parked;
use crate::sys::prefetch_distances::MAX_CACHED;
use crate::util::iteration_queue::IterationQueue;

/// The maximum number of dispatches between two polls of timers and descriptors.
pub(crate) const POLL_EVERY: usize = 64;

/// What the loop runs next.
pub(crate) enum Runnable {
    Task(TaskPtr, Parked),
    Callback(Rc<Callback>),
}

/// An entry of the queue: a task, and where it is parked, or a callback, which the entry owns.
#[derive(Clone, Copy)]
#[repr(C)]
struct Entry {
    /// `None` for a callback, and for a task that is switching out. This is the first field, so that a
    /// pointer to the entry is also a pointer to this field.
    parked: Option<Parked>,
    /// The address of a task's block or of a callback.
    address: *const (),
}

impl Entry {
    fn of_task(task: TaskPtr, parked: Option<Parked>) -> Self {
        Self {
            parked,
            address: task.0.as_ptr().cast_const().cast(),
        }
    }

    /// The task or the callback of the entry.
    #[inline(always)]
    fn runnable(self) -> Runnable {
        match self.parked {
            // SAFETY: an entry with a parked sp is a task's, whose address is not zero.
            Some(parked) => Runnable::Task(unsafe { self.task() }, parked),
            // SAFETY: an entry without one is a callback's, which the entry owned.
            None => Runnable::Callback(unsafe { Rc::from_raw(self.address.cast()) }),
        }
    }

    /// # Safety
    /// The entry is a task's.
    #[inline(always)]
    unsafe fn task(self) -> TaskPtr {
        // SAFETY: forwarded to the caller.
        let block = unsafe { NonNull::new_unchecked(self.address.cast_mut()) };
        TaskPtr(block.cast::<TaskBlock>())
    }
}

/// What runs after a task that yields.
#[derive(Clone, Copy)]
pub(crate) enum Turn {
    /// The loop has something to do first, or a callback comes next.
    Loop,
    /// The yielding task itself: the queue has no other entry.
    Own,
    /// `task`, which is parked at `parked`. The stack pointer of the yielding task must be stored in `save` before
    /// any other code runs.
    Task {
        task: TaskPtr,
        parked: Parked,
        save: *mut Parked,
    },
}

/// The queue.
pub(crate) struct RunQueue {
    entries: IterationQueue<Entry>,
    /// End of the current batch of dispatches: the iteration's end, or the next look at timers and
    /// descriptors, whichever comes first.
    batch_end: Cell<*mut Entry>,
    /// A yielding task may switch directly to an entry before this place; null disables direct switches.
    direct_end: Cell<*mut Entry>,
    /// The number of dispatches between the end of the batch and the next poll.
    to_poll: Cell<usize>,
    /// The number of dispatches in one repetition of the iteration; `usize::MAX` if control must return to the loop
    /// at the iteration's end.
    repeat_cost: Cell<usize>,
    /// Whether the tasks' stacks exceed the cache.
    exceeds_cache: Cell<bool>,
    /// Up to here the stacks of the iteration's tasks were prefetched.
    fetched: Cell<*mut Entry>,
    /// Whether the tasks in the queue were woken by descriptors.
    io_batch: Cell<bool>,
    is_stopping: Cell<bool>,
}

impl RunQueue {
    pub(crate) fn new() -> Self {
        let entries = IterationQueue::new();
        Self {
            batch_end: Cell::new(entries.position()),
            entries,
            direct_end: Cell::new(ptr::null_mut()),
            to_poll: Cell::new(0),
            repeat_cost: Cell::new(usize::MAX),
            exceeds_cache: Cell::new(false),
            fetched: Cell::new(ptr::null_mut()),
            io_batch: Cell::new(false),
            is_stopping: Cell::new(false),
        }
    }

    #[inline(always)]
    pub(crate) fn push_task(&self, task: TaskPtr, parked: Parked) {
        self.push(Entry::of_task(task, Some(parked)));
    }

    pub(crate) fn push_callback(&self, callback: Rc<Callback>) {
        self.push(Entry {
            parked: None,
            address: Rc::into_raw(callback).cast(),
        });
    }

    #[inline(always)]
    fn push(&self, entry: Entry) {
        self.repeat_cost.set(usize::MAX);
        self.entries.push(entry);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The parked stack pointer of a task that is in the queue and does not run; otherwise `None`.
    pub(crate) fn parked(&self, task: TaskPtr) -> Option<Parked> {
        let address = task.0.as_ptr().cast_const().cast();
        let parked_of = |entry: &Entry| entry.parked.filter(|_| entry.address == address);
        self.entries.find_map(parked_of)
    }

    /// How many entries there are, when nothing runs.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Removes the first entry of any iteration and ends the batch. For the shutdown, when nothing
    /// runs.
    pub(crate) fn pop(&self) -> Option<Runnable> {
        let entry = self.entries.pop();
        self.batch_end.set(self.entries.position());
        self.repeat_cost.set(usize::MAX);
        entry.map(Entry::runnable)
    }

    /// Next entry of the current batch, which may continue into the next iteration. A task is current
    /// until `requeue` or `remove_current`.
    #[inline(always)]
    pub(crate) fn next(&self) -> Option<Runnable> {
        if self.entries.position() == self.batch_end.get() && !self.go_on() {
            return None;
        }
        let place = self.entries.position();
        self.prefetch_for_dispatch(place);
        // SAFETY: the batch ends with the iteration at the latest, and its end is not reached.
        let entry = unsafe { *place };
        if entry.parked.is_none() {
            self.remove_current();
        }
        Some(entry.runnable())
    }

    /// Queues the running task again: it has yielded and is parked at `parked`.
    #[inline(always)]
    pub(crate) fn requeue(&self, task: TaskPtr, parked: Parked) {
        let entry = Entry::of_task(task, Some(parked));
        let place = self.entries.keep(|| entry);
        let next = self.entries.position().wrapping_add(1);
        // SAFETY: the task's entry is at its place or the last of the next iteration, and no reference to
        // it exists; a task runs, so the position is not the end.
        unsafe {
            *place = entry;
            self.entries.advance_to(next);
        }
    }

    /// Removes the entry that runs from the queue.
    #[inline(always)]
    pub(crate) fn remove_current(&self) {
        self.repeat_cost.set(usize::MAX);
        // SAFETY: it runs, so it has its place, which is not the end.
        unsafe { self.entries.remove_current() };
    }

    /// Called when the running task yields: returns what runs next. If that is another task, the position of the
    /// queue has moved to its entry.
    #[inline(always)]
    pub(crate) fn switch_direct(&self, task: TaskPtr) -> Turn {
        let own = self.entries.position();
        let mut next = own.wrapping_add(1);
        if next >= self.direct_end.get() {
            let (cost, left) = (self.repeat_cost.get(), self.to_poll.get());
            if left < cost {
                return Turn::Loop;
            }
            // At the end of a reusable iteration: the next one has the same entries.
            self.to_poll.set(left - cost);
            next = self.entries.start();
            if next == own {
                return Turn::Own;
            }
        }
        self.prefetch(next);
        // SAFETY: as in `next`. The entries of a reusable iteration are tasks that have yielded.
        let entry = unsafe { *next };
        let Some(parked) = entry.parked else {
            return Turn::Loop;
        };
        let save = self.entries.keep(|| Entry::of_task(task, None));
        // SAFETY: `next` is the place after this one or, in a reusable iteration, the first after the
        // last. An entry with a parked sp is a task's.
        unsafe {
            self.entries.advance_to(next);
            Turn::Task {
                task: entry.task(),
                parked,
                save: save.cast(),
            }
        }
    }

    /// Disables direct switches until the next batch: every task returns to its resumer. For a task that
    /// runs although it is not at the queue's position.
    pub(crate) fn disable_direct(&self) {
        self.entries.end_reuse();
        self.repeat_cost.set(usize::MAX);
        self.direct_end.set(ptr::null_mut());
    }

    /// Begins a batch of dispatches, in the current iteration or a new one.
    pub(crate) fn begin_batch(&self) {
        if self.entries.begin_iteration() {
            self.fetched.set(self.entries.position());
        }
        let (first, to_poll) = (self.entries.position(), self.to_poll.get());
        // SAFETY: both are places of the iteration.
        let to_end = unsafe { self.entries.end().offset_from_unsigned(first) };
        let n = to_end.min(to_poll);
        self.to_poll.set(to_poll - n);
        self.batch_end.set(first.wrapping_add(n));
        self.direct_end.set(self.batch_end.get());
        let may_go_round = n == to_end && self.entries.is_reusable() && !self.is_stopping.get();
        self.repeat_cost.set(match may_go_round {
            true => self.entries.iteration_len(),
            false => usize::MAX,
        });
    }

    /// Extends the batch, into the next iteration if needed. False if the loop has something to do
    /// first.
    #[inline(always)]
    fn go_on(&self) -> bool {
        if self.is_stopping.get() || self.is_poll_due() || self.is_empty() {
            return false;
        }
        self.begin_batch();
        true
    }

    /// Whether the current iteration is over.
    #[inline(always)]
    pub(crate) fn is_iteration_over(&self) -> bool {
        self.entries.is_iteration_over()
    }

    /// Whether it is time to look at timers and descriptors.
    #[inline(always)]
    pub(crate) fn is_poll_due(&self) -> bool {
        self.to_poll.get() == 0
    }

    /// Has the loop look at timers before the next iteration.
    pub(crate) fn poll_soon(&self) {
        let batch_end = self.batch_end.get();
        // SAFETY: both are places of the iteration, or its end.
        let rest = unsafe { self.entries.end().offset_from_unsigned(batch_end) };
        self.to_poll.set(self.to_poll.get().min(rest));
    }

    /// Called after each poll of timers and descriptors, with the number of tasks, and whether descriptors alone
    /// have filled the queue.
    pub(crate) fn polled(&self, n_tasks: usize, io_batch: bool) {
        self.io_batch.set(io_batch);
        self.exceeds_cache.set(n_tasks > MAX_CACHED);
        self.to_poll.set(POLL_EVERY);
        self.entries.shrink();
        self.batch_end.set(self.entries.position());
    }

    /// Makes the loop return after the current iteration.
    pub(crate) fn stop(&self) {
        self.is_stopping.set(true);
        self.repeat_cost.set(usize::MAX);
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
