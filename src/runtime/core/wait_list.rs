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
use std::ptr::{self, NonNull};

use super::block::{COMPLETED, TaskPtr};
use super::group::{Group, Outcome};
use super::id::next_in_turn;
use super::wake;
use crate::sys::prefetch::prefetch;
use crate::util::list::{Link, List};

/// The tasks that wait for something.
#[derive(Debug)]
pub(crate) struct WaitList(List);

/// The end of a list at which a waiter joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InsertAt {
    Back,
    /// Of one who was woken for nothing: it was the first.
    Front,
}

/// What is in a list: the beginning of a [`Waiter`], or one of a [`Group`]'s.
///
/// Those of groups are in the lists of tasks and promises only, which end once, for all.
#[repr(C)]
pub(crate) struct Node {
    pub(crate) link: Link,
    /// Whom it tells; null in a waiter.
    pub(crate) group: Cell<*const Group>,
}

impl Node {
    pub(crate) const fn new() -> Self {
        Self {
            link: Link::new(),
            group: Cell::new(ptr::null()),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.link.unlink();
    }
}

/// A task in a [`WaitList`].
#[repr(C)]
pub(crate) struct Waiter {
    pub(crate) node: Node,
    task: TaskPtr,
    pub(crate) is_woken: Cell<bool>,
    /// Whether it was handed what it wants and has not returned with it yet.
    pub(crate) is_handed: Cell<bool>,
    /// How much it wants, of whatever the owner of the list has.
    wants: usize,
    /// When it came.
    turn: u64,
    /// Whom to pass a wake-up on to; null if that is not wanted.
    pub(crate) list: Cell<*const WaitList>,
}

impl WaitList {
    pub(crate) const fn new() -> Self {
        Self(List::new())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a waiter at an end of the list.
    ///
    /// # Safety
    /// The waiter stays where it is until it is dropped. The list stays where it is until the waiter has left it.
    pub(crate) unsafe fn join(&self, waiter: &Waiter, place: InsertAt) {
        // SAFETY: the node unlinks itself in its destructor, and the list unlinks what is left in its own; the
        // rest is the caller's.
        unsafe {
            match place {
                InsertAt::Back => self.0.push_back(&waiter.node.link),
                InsertAt::Front => self.0.push_front(&waiter.node.link),
            }
        }
    }

    /// How much the first wants that waits; `None` if nobody does.
    pub(crate) fn first_wants(&self) -> Option<usize> {
        loop {
            // SAFETY: as in `wake_first`; no group waits for what is handed over.
            let first = unsafe { self.0.front().cast::<Waiter>().as_ref() }?;
            if !first.task.has(COMPLETED) {
                return Some(first.wants);
            }
            // It was left behind for good, with its frames: it would never use what it is handed.
            first.node.link.unlink();
        }
    }

    /// Wakes the first that waits: it is handed what it wants. Nobody passes this on.
    pub(crate) fn hand_to_first(&self) {
        // SAFETY: as in `wake_first`; no group waits for what is handed over.
        if let Some(first) = unsafe { self.0.front().cast::<Waiter>().as_ref() } {
            first.is_handed.set(true);
            self.wake_first(ptr::null(), Outcome::Returned);
        }
    }

    /// Wakes the first that waits; false if nobody does.
    #[inline]
    pub(crate) fn wake_one(&self) -> bool {
        !self.is_empty() && self.wake_first(self, Outcome::Returned)
    }

    /// Starts to load the first that waits.
    pub(crate) fn prefetch(&self) {
        prefetch(self.0.front().cast());
    }

    /// Calls a function with the task that waits first, where one waits and no group.
    #[inline(always)]
    pub(crate) fn with_first_task(&self, f: impl FnOnce(TaskPtr)) {
        // SAFETY: as in `wake_first`.
        if let Some(first) = unsafe { self.0.front().cast::<Waiter>().as_ref() }
            && first.node.group.get().is_null()
        {
            f(first.task);
        }
    }

    /// Wakes all that wait. The list may die then: nobody passes anything on.
    #[inline]
    pub(crate) fn wake_all(&self) {
        self.tell_all(Outcome::Returned);
    }

    /// Wakes all that wait for something that has ended, as [`wake_all`](Self::wake_all).
    #[inline]
    pub(crate) fn tell_all(&self, outcome: Outcome) {
        while !self.is_empty() {
            self.wake_first(ptr::null(), outcome);
        }
    }

    /// Wakes those who came before a turn, as [`tell_all`](Self::tell_all).
    pub(crate) fn tell_before(&self, turn: u64, outcome: Outcome) {
        // SAFETY: as in `wake_first`.
        while unsafe { turn_of(self.0.front()) }.is_some_and(|first| first < turn) {
            self.wake_first(ptr::null(), outcome);
        }
    }

    /// Appends a node of a group's.
    ///
    /// # Safety
    /// The node stays where it is until it is dropped, and so does the group that it names. The list
    /// stays where it is until the node has left it.
    pub(crate) unsafe fn push(&self, node: &Node) {
        // SAFETY: the node unlinks itself in its destructor; the rest is the caller's.
        unsafe { self.0.push_back(&node.link) };
    }

    fn wake_first(&self, pass_on_to: *const Self, outcome: Outcome) -> bool {
        let first = self.0.pop_front();
        // SAFETY: a node of this list is alive as long as it is linked, as are the task, or the group,
        // that it names; one that names no group is the first field of a waiter.
        unsafe {
            let Some(node) = first.cast::<Node>().as_ref() else {
                return false;
            };
            if let Some(group) = node.group.get().as_ref() {
                group.told(node, outcome);
                return true;
            }
            let waiter = &*first.cast::<Waiter>();
            waiter.is_woken.set(true);
            waiter.list.set(pass_on_to);
            wake::unpark(waiter.task);
        }
        true
    }
}

/// When somebody came to a list; `None` for null.
///
/// # Safety
/// The link is that of a node in a list.
unsafe fn turn_of(link: *const Link) -> Option<u64> {
    // SAFETY: a node is alive as long as it is linked, and so is its group; one that names none is the
    // first field of a waiter.
    unsafe {
        let node = link.cast::<Node>().as_ref()?;
        let group = node.group.get().as_ref();
        Some(group.map_or_else(|| (*link.cast::<Waiter>()).turn, |group| group.turn))
    }
}

impl Waiter {
    pub(crate) fn new(task: TaskPtr, wants: usize) -> Self {
        Self {
            node: Node::new(),
            task,
            is_woken: Cell::new(false),
            is_handed: Cell::new(false),
            wants,
            turn: next_in_turn(),
            list: Cell::new(ptr::null()),
        }
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
        if let Some(list) = NonNull::new(self.list.get().cast_mut()) {
            // SAFETY: the waiting function's caller keeps the list alive during the wait.
            unsafe { list.as_ref() }.wake_one();
        }
    }
}
