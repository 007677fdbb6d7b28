//! Lists of waiting tasks, first come, first served, without an allocation.
//!
//! A [`Waiter`] lives in the waiting function's frame and is linked into the list. It unlinks itself
//! when the frame goes, by return or by an unwind; one that was woken but is unwound before it could
//! make use of that passes its wake-up on to the next.
//!
//! An owner that hands something over with a wake-up (a permit, a lock, an item of a queue) uses
//! [`WaitList::wait_for`] and [`WaitList::hand_to_first`]: then it is told, instead of the next waiter,
//! what comes back.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::mem;
use std::ptr::{self, NonNull};

use super::context::Here;
use super::park;
use super::task::{Awaiting, OVER, TaskPtr, next_in_turn};
use crate::util::list::{Link, List};

/// The tasks that wait for something.
#[derive(Debug)]
pub(crate) struct WaitList(List);

/// Where one joins a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Back,
    /// Of one who was woken for nothing: it was the first.
    Front,
}

/// A task in a [`WaitList`].
#[repr(C)]
struct Waiter {
    link: Link,
    task: TaskPtr,
    is_woken: Cell<bool>,
    /// Whether it was handed what it wants and has not returned with it yet.
    is_handed: Cell<bool>,
    /// How much it wants, of whatever the owner of the list has.
    wants: usize,
    /// When it came.
    turn: u64,
    /// Whom to pass a wake-up on to; null if that is not wanted.
    list: Cell<*const WaitList>,
}

impl WaitList {
    pub(crate) const fn new() -> Self {
        Self(List::new())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Parks the running task until it is woken through this list, or until `give_up` says so,
    /// which is asked whenever the task runs again for whatever reason. Answers whether it was
    /// woken.
    ///
    /// A cancel unwinds from here.
    ///
    /// The owner of the list keeps it alive meanwhile.
    pub(crate) fn wait(
        &self,
        here: Here,
        what: &dyn Awaiting,
        give_up: impl FnMut() -> bool,
    ) -> bool {
        self.wait_at(here, Place::Back, what, give_up)
    }

    /// As [`wait`](Self::wait), at the place in the list that is due.
    pub(crate) fn wait_at(
        &self,
        here: Here,
        place: Place,
        what: &dyn Awaiting,
        mut give_up: impl FnMut() -> bool,
    ) -> bool {
        let waiter = Waiter::new(here, 0);
        // SAFETY: the waiter is not moved from here on and unlinks itself in its destructor; the
        // list unlinks what is left in its own.
        unsafe {
            match place {
                Place::Back => self.0.push_back(&waiter.link),
                Place::Front => self.0.push_front(&waiter.link),
            }
        }
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
        here: Here,
        wants: usize,
        what: &dyn Awaiting,
        on_unwind: impl Fn(bool),
    ) -> bool {
        let waiter = Waiter::new(here, wants);
        let leaving = Leaving(&waiter, on_unwind);
        // SAFETY: as in `wait_at`.
        unsafe { self.0.push_back(&waiter.link) };
        while !waiter.is_woken.get() {
            park::park(here, what);
        }
        // It has returned with what it was handed: nothing comes back.
        mem::forget(leaving);
        waiter.is_handed.get()
    }

    /// How much the first wants that waits; `None` if nobody does.
    pub(crate) fn first_wants(&self) -> Option<usize> {
        loop {
            // SAFETY: as in `wake_first`.
            let first = unsafe { self.0.front().cast::<Waiter>().as_ref() }?;
            if !first.task.has(OVER) {
                return Some(first.wants);
            }
            // It was left behind for good, with its frames: it would never use what it is handed.
            first.link.unlink();
        }
    }

    /// Wakes the first that waits: it is handed what it wants. Nobody passes this on.
    pub(crate) fn hand_to_first(&self) {
        // SAFETY: as in `wake_first`.
        if let Some(first) = unsafe { self.0.front().cast::<Waiter>().as_ref() } {
            first.is_handed.set(true);
            self.wake_first(ptr::null());
        }
    }

    /// Wakes the first that waits; false if nobody does.
    pub(crate) fn wake_one(&self) -> bool {
        self.wake_first(self)
    }

    /// Wakes all that wait. The list may die then: nobody passes anything on.
    #[inline]
    pub(crate) fn wake_all(&self) {
        while !self.is_empty() {
            self.wake_first(ptr::null());
        }
    }

    /// Wakes all that came before a turn, as [`wake_all`](Self::wake_all).
    pub(crate) fn wake_before(&self, turn: u64) {
        // SAFETY: as in `wake_first`.
        while unsafe { self.0.front().cast::<Waiter>().as_ref() }
            .is_some_and(|waiter| waiter.turn < turn)
        {
            self.wake_first(ptr::null());
        }
    }

    fn wake_first(&self, pass_on_to: *const Self) -> bool {
        let first = self.0.pop_front().cast::<Waiter>();
        // SAFETY: a node of this list is the first field of a waiter, which is alive as long as it
        // is linked, as is its task.
        let Some(waiter) = (unsafe { first.as_ref() }) else {
            return false;
        };
        waiter.is_woken.set(true);
        waiter.list.set(pass_on_to);
        park::unpark(waiter.task);
        true
    }
}

impl Waiter {
    fn new(here: Here, wants: usize) -> Self {
        Self {
            link: Link::new(),
            task: here.task,
            is_woken: Cell::new(false),
            is_handed: Cell::new(false),
            wants,
            turn: next_in_turn(),
            list: Cell::new(ptr::null()),
        }
    }
}

/// Tells the owner of a list that a waiter is unwound.
struct Leaving<'a, F: Fn(bool)>(&'a Waiter, F);

impl<F: Fn(bool)> Drop for Leaving<'_, F> {
    fn drop(&mut self) {
        self.0.link.unlink();
        (self.1)(self.0.is_handed.get());
    }
}

impl Drop for WaitList {
    fn drop(&mut self) {
        // Whoever still waits finds out from what it waits for.
        self.wake_all();
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.link.unlink();
        if let Some(list) = NonNull::new(self.list.get().cast_mut()) {
            // SAFETY: the waiting function's caller keeps the list alive during the wait.
            unsafe { list.as_ref() }.wake_one();
        }
    }
}
