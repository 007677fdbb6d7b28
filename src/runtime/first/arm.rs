//! [`Arm`]: what the waiting frame keeps for one of several waits.

#![allow(unsafe_code)]

use std::cell::OnceCell;
use std::marker::PhantomPinned;
use std::pin::Pin;

use crate::runtime::core::{InsertAt, Nanoseconds, TaskContext, WaitList, Waiter};
use crate::runtime::time::Alarm;
use crate::util::fmt::impl_debug;

/// The task that waits.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Here(pub(super) TaskContext);

impl_debug!(Here, |_here| {});

/// One of several waits of the running task: an entry in a list of waiters, a deadline, or both.
#[doc(hidden)]
pub struct Arm {
    here: TaskContext,
    waiter: Waiter,
    alarm: OnceCell<Alarm>,
    _pinned: PhantomPinned,
}

/// How a wait that is done has ended. Only this crate makes one: an end says that the task holds what the wait is for.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// The task was handed what it waited for.
    pub(crate) is_handed: bool,
    /// The deadline has come.
    pub(crate) is_late: bool,
}

impl End {
    /// The end of a wait that handed the task nothing.
    pub(crate) const EMPTY: Self = Self {
        is_handed: false,
        is_late: false,
    };
}

impl Arm {
    pub(crate) fn new(Here(here): Here) -> Self {
        Self {
            here,
            waiter: Waiter::new(here.task, 0),
            alarm: OnceCell::new(),
            _pinned: PhantomPinned,
        }
    }

    /// The task that waits.
    pub(crate) fn here(&self) -> TaskContext {
        self.here
    }

    /// Enters a list of waiters, which its owner keeps in place during the wait. The task wants an amount, if the owner
    /// hands out amounts.
    pub(crate) fn wait_in(self: Pin<&Self>, list: &WaitList, wants: usize) {
        let waiter = &self.get_ref().waiter;
        waiter.wants.set(wants);
        waiter.is_woken.set(false);
        // SAFETY: the arm is pinned, and its waiter unlinks itself in its destructor. The list's owner keeps the list in
        // place; a list unlinks its nodes in its own destructor.
        unsafe { list.insert(waiter, InsertAt::Back) };
    }

    /// Ends the wait at a deadline.
    pub(crate) fn wait_until(self: Pin<&Self>, deadline: Nanoseconds) {
        let alarm = self.get_ref().alarm.get_or_init(|| Alarm::unset(self.here));
        // SAFETY: the alarm is a part of the arm, which is pinned.
        unsafe { alarm.set(deadline) };
    }

    /// Whether the task was woken by the list.
    pub(crate) fn is_woken(&self) -> bool {
        self.waiter.is_woken.get()
    }

    pub(crate) fn end(&self) -> End {
        End {
            is_handed: self.waiter.is_handed.get(),
            is_late: self.alarm.get().is_some_and(Alarm::has_fired),
        }
    }

    /// Whether the deadline has come.
    pub(crate) fn is_late(&self) -> bool {
        self.end().is_late
    }

    /// Leaves the list.
    pub(crate) fn unlink(&self) {
        self.waiter.node.link.unlink();
    }
}

impl_debug!(Arm, |this| { is_woken: this.is_woken(), is_late: this.is_late() });
