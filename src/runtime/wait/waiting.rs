//! Waiting in a list, or for a group of members.

#![allow(unsafe_code)]

use std::mem;
use std::ptr;

use super::park;
use crate::runtime::core::block::Awaiting;
use crate::runtime::core::context::TaskContext;
use crate::runtime::core::group::Group;
use crate::runtime::core::wait_list::{InsertAt, WaitList, Waiter};

impl WaitList {
    /// Parks the running task until it is woken through this list, or until `give_up` says so,
    /// which is asked whenever the task runs again for whatever reason. Answers whether it was
    /// woken.
    ///
    /// A cancel unwinds from here.
    ///
    /// The owner of the list keeps it alive meanwhile.
    pub(crate) fn wait(
        &self,
        here: TaskContext,
        what: &dyn Awaiting,
        give_up: impl FnMut() -> bool,
    ) -> bool {
        self.wait_at(here, InsertAt::Back, what, give_up)
    }

    /// As [`wait`](Self::wait), at the place in the list that is due.
    pub(crate) fn wait_at(
        &self,
        here: TaskContext,
        place: InsertAt,
        what: &dyn Awaiting,
        mut give_up: impl FnMut() -> bool,
    ) -> bool {
        let waiter = Waiter::new(here.task, 0);
        // SAFETY: the waiter is not moved from here on, and the owner of the list keeps the list alive during the wait.
        unsafe { self.join(&waiter, place) };
        loop {
            park::park(here, what);
            if waiter.is_woken.get() {
                waiter.list.set(ptr::null());
                return true;
            }
            if give_up() {
                return false;
            }
        }
    }

    /// Parks the running task until it is handed so much, or until everybody is woken. Answers
    /// whether it was handed that.
    ///
    /// A cancel unwinds from here. Then `on_unwind` is called, when the task has left the list, with
    /// whether it had been handed what it wants.
    pub(crate) fn wait_for(
        &self,
        here: TaskContext,
        wants: usize,
        what: &dyn Awaiting,
        on_unwind: impl Fn(bool),
    ) -> bool {
        let waiter = Waiter::new(here.task, wants);
        let leaving = Leaving(&waiter, on_unwind);
        // SAFETY: as in `wait_at`.
        unsafe { self.join(&waiter, InsertAt::Back) };
        while !waiter.is_woken.get() {
            park::park(here, what);
        }
        // It has returned with what it was handed: nothing comes back.
        mem::forget(leaving);
        waiter.is_handed.get()
    }
}

impl Group {
    /// Parks the running task until the wait is over, or until `give_up` says so, which is asked
    /// whenever the task runs again. Answers whether it is over; if it is at once, nobody else runs.
    ///
    /// A cancel unwinds from here.
    pub(crate) fn wait(
        &self,
        here: TaskContext,
        what: &dyn Awaiting,
        mut give_up: impl FnMut() -> bool,
    ) -> bool {
        while !self.is_over() {
            park::park(here, what);
            if self.is_over() {
                // The second of the two trips.
                park::yield_now(here);
            } else if give_up() {
                return false;
            }
        }
        true
    }
}

/// Tells the owner of a list that a waiter is unwound.
struct Leaving<'a, F: Fn(bool)>(&'a Waiter, F);

impl<F: Fn(bool)> Drop for Leaving<'_, F> {
    fn drop(&mut self) {
        self.0.node.link.unlink();
        (self.1)(self.0.is_handed.get());
    }
}
