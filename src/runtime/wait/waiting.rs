//! Waiting in a list of waiters, or for a group of members.

#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::ptr;

use super::consume_budget;
use super::park::{self, Park};
use crate::runtime::core::{Awaiting, Group, InsertAt, TaskContext, WaitList, Waiter};

impl WaitList {
    /// Parks the running task until it is woken through this list, or until `give_up` returns true, which is called
    /// after each spurious wake-up. Returns whether the task was woken through the list.
    ///
    /// A cancel unwinds from here. The list's owner keeps the list alive during the wait.
    pub(crate) fn wait(
        &self,
        here: TaskContext,
        what: &dyn Awaiting,
        give_up: impl FnMut() -> bool,
    ) -> bool {
        let Ok(is_woken) = self.wait_by(park::park_or_unwind, here, InsertAt::Back, what, give_up);
        is_woken
    }

    /// As [`wait`](Self::wait), for I/O, at a given end of the list.
    ///
    /// # Errors
    /// If the task has a pending cancel.
    pub(crate) fn wait_io(
        &self,
        here: TaskContext,
        place: InsertAt,
        what: &dyn Awaiting,
        give_up: impl FnMut() -> bool,
    ) -> io::Result<bool> {
        self.wait_by(park::park_io, here, place, what, give_up)
    }

    #[inline(always)]
    fn wait_by<E>(
        &self,
        park: Park<E>,
        here: TaskContext,
        place: InsertAt,
        what: &dyn Awaiting,
        mut give_up: impl FnMut() -> bool,
    ) -> Result<bool, E> {
        let waiter = Waiter::new(here.task, 0);
        // SAFETY: the waiter is not moved from here on, and the owner of the list keeps the list alive during the wait.
        unsafe { self.insert(&waiter, place) };
        loop {
            park(here, what)?;
            if waiter.is_woken.get() {
                waiter.list.set(ptr::null());
                return Ok(true);
            }
            if give_up() {
                return Ok(false);
            }
        }
    }

    /// As [`wait_io`](Self::wait_io), but a wake-up through another list also ends the wait, like a spurious wake-up.
    /// The owners of both lists keep the lists alive during the wait.
    #[cfg(feature = "http")]
    pub(crate) fn wait_io_beside(
        &self,
        other: &Self,
        here: TaskContext,
        what: &dyn Awaiting,
        give_up: impl FnMut() -> bool,
    ) -> io::Result<bool> {
        let waiter = Waiter::new(here.task, 0);
        // SAFETY: as in `wait_by`.
        unsafe { other.insert(&waiter, InsertAt::Back) };
        self.wait_io(here, InsertAt::Back, what, give_up)
    }

    /// Parks the running task until it is handed `wants`, or until all waiters are woken. Returns whether it was handed
    /// that.
    ///
    /// A cancel unwinds from here. Then `on_unwind` is called, after the task has left the list, with whether the task
    /// had been handed what it wants.
    pub(crate) fn wait_for(
        &self,
        here: TaskContext,
        wants: usize,
        what: &dyn Awaiting,
        on_unwind: impl Fn(bool),
    ) -> bool {
        let waiter = Waiter::new(here.task, wants);
        let report = UnwindReport(&waiter, on_unwind);
        // SAFETY: as in `wait_by`.
        unsafe { self.insert(&waiter, InsertAt::Back) };
        while !waiter.is_woken.get() {
            park::park(here, what);
        }
        // The task keeps what it was handed.
        mem::forget(report);
        waiter.is_handed.get()
    }
}

impl Group {
    /// Parks the running task until the wait is over, or until `give_up` returns true, which is called after each
    /// spurious wake-up. Returns whether the wait is over; if it is at the start, the task does not park.
    ///
    /// A cancel unwinds from here.
    pub(crate) fn wait(
        &self,
        here: TaskContext,
        what: &dyn Awaiting,
        mut give_up: impl FnMut() -> bool,
    ) -> bool {
        if self.is_over() {
            consume_budget(1);
        }
        while !self.is_over() {
            park::park(here, what);
            if self.is_over() {
                // The second trip through the run queue.
                park::yield_now(here);
            } else if give_up() {
                return false;
            }
        }
        true
    }
}

/// Reports an unwound waiter to the list's owner.
struct UnwindReport<'a, F: Fn(bool)>(&'a Waiter, F);

impl<F: Fn(bool)> Drop for UnwindReport<'_, F> {
    fn drop(&mut self) {
        self.0.node.link.unlink();
        (self.1)(self.0.is_handed.get());
    }
}
