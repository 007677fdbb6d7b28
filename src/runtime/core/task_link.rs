//! [`TaskLink`]: which task a packet belongs to, in one word.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr::NonNull;

use super::{TaskBlock, TaskId, TaskPtr, default_name};

/// The identity of a task in one word: the address of its block while the task lives; afterwards its number, or the
/// address of number and name, with some low bits set.
pub(crate) struct TaskLink(Cell<usize>);

/// The data that is kept after the end of a task that has a name, or requests to cancel that were not taken
/// back.
struct Identity {
    id: TaskId,
    name: Option<Box<Box<str>>>,
    n_cancels: Cell<u32>,
}

const DONE: usize = 1;
const BOXED: usize = 2;
/// The error was retrieved or reported.
const RETRIEVED: usize = 4;
const BITS: u32 = 3;

impl TaskLink {
    /// The link of no task.
    pub(crate) const fn new() -> Self {
        Self(Cell::new(0))
    }

    /// The link of a new task.
    pub(crate) fn begin(&self, block: NonNull<TaskBlock>) {
        self.0.set(block.as_ptr() as usize);
    }

    /// The task; `None` once it is done.
    #[inline(always)]
    pub(crate) fn task(&self) -> Option<TaskPtr> {
        let word = self.0.get();
        if word & DONE != 0 {
            return None;
        }
        NonNull::new(word as *mut TaskBlock).map(TaskPtr)
    }

    pub(crate) fn id(&self) -> TaskId {
        match (self.task(), self.identity()) {
            (Some(task), _) => task.id,
            (None, Some(identity)) => identity.id,
            (None, None) => TaskId((self.0.get() >> BITS) as u64),
        }
    }

    pub(crate) fn name(&self) -> String {
        let name = || self.identity()?.name.as_ref().map(ToString::to_string);
        match self.task() {
            Some(task) => task.name(),
            None => name().unwrap_or_else(|| default_name(self.id())),
        }
    }

    /// Forgets the task, and keeps its number, its name and its requests to cancel.
    #[inline]
    pub(crate) fn finish(&self, id: TaskId, name: Option<Box<Box<str>>>, n_cancels: u32) {
        match (usize::try_from(id.0), name) {
            (Ok(number), None) if number >> (usize::BITS - BITS) == 0 && n_cancels == 0 => {
                self.0.set(number << BITS | DONE);
            }
            (_, name) => self.finish_boxed(id, name, n_cancels),
        }
    }

    #[cold]
    fn finish_boxed(&self, id: TaskId, name: Option<Box<Box<str>>>, n_cancels: u32) {
        let n_cancels = Cell::new(n_cancels);
        let identity = Box::new(Identity {
            id,
            name,
            n_cancels,
        });
        self.0.set(Box::into_raw(identity) as usize | DONE | BOXED);
    }

    /// Number of requests to cancel that were not taken back, of a task that is done.
    pub(crate) fn n_cancels(&self) -> u32 {
        self.identity()
            .map_or(0, |identity| identity.n_cancels.get())
    }

    /// Takes back a request to cancel of a task that is done, and returns how many are left.
    pub(crate) fn take_back(&self) -> u32 {
        if let Some(identity) = self.identity() {
            identity
                .n_cancels
                .set(identity.n_cancels.get().saturating_sub(1));
        }
        self.n_cancels()
    }

    fn identity(&self) -> Option<&Identity> {
        let word = self.0.get();
        // SAFETY: with both bits set the rest is the address of a box that `finish` made and only `drop` frees; the
        // low bits of a box of words are clear.
        (word & (DONE | BOXED) == DONE | BOXED)
            .then(|| unsafe { &*((word >> BITS << BITS) as *const Identity) })
    }

    #[inline]
    pub(crate) fn set_retrieved(&self) {
        if self.0.get() & DONE != 0 {
            self.0.set(self.0.get() | RETRIEVED);
        }
    }

    pub(crate) fn is_retrieved(&self) -> bool {
        self.0.get() & RETRIEVED != 0
    }
}

const _: () = assert!(align_of::<Identity>() >= 1 << BITS || cfg!(target_pointer_width = "32"));

impl Drop for TaskLink {
    #[inline]
    fn drop(&mut self) {
        if self.identity().is_some() {
            let address = self.0.get() >> BITS << BITS;
            // SAFETY: as in `identity`; no reference to the box is left.
            drop(unsafe { Box::from_raw(address as *mut Identity) });
        }
    }
}
