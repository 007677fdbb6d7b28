//! FIFO lists of waiting tasks, without allocation.
//!
//! A [`Waiter`] lives in the waiting function's frame and is linked into the list. It unlinks itself when the frame goes,
//! by return or unwind. A waiter that was woken, and is unwound before it could use the wake-up, passes the wake-up to
//! the next one.
//!
//! An owner that hands something over with a wake-up (a permit, a lock, an item of a queue) uses `WaitList::wait_for` and
//! [`WaitList::hand_to_first`]. Then an unwound waiter reports to the owner instead of waking the next one.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::{COMPLETED, Group, Outcome, TaskPtr, next_sequence, wake};
use crate::sys::prefetch::prefetch;
use crate::util::list::{Link, List};

/// The tasks that wait for something.
#[derive(Debug)]
pub(crate) struct WaitList(List);

/// The end of a list at which a waiter is inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InsertAt {
    Back,
    /// For a waiter that was first, and was woken spuriously.
    Front,
}

/// An entry of a list: the first field of a [`Waiter`], or a node of a [`Group`].
///
/// Nodes of groups are only in the lists of tasks and promises, which end once, for all waiters.
#[repr(C)]
pub(crate) struct Node {
    pub(crate) link: Link,
    /// The group to notify; null in a waiter.
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
    /// The waiter was handed what it wants, and has not returned yet.
    pub(crate) is_handed: Cell<bool>,
    /// The amount that the waiter wants, in the list owner's unit.
    pub(crate) wants: Cell<usize>,
    /// Sequence number of the wait.
    sequence: u64,
    /// The list to pass an unused wake-up to; null for none.
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
    /// The waiter does not move until it is dropped. The list does not move while the waiter is linked.
    pub(crate) unsafe fn insert(&self, waiter: &Waiter, place: InsertAt) {
        // SAFETY: a node unlinks itself in its destructor, and a list unlinks its nodes in its own; the rest is the
        // caller's promise.
        unsafe {
            match place {
                InsertAt::Back => self.0.push_back(&waiter.node.link),
                InsertAt::Front => self.0.push_front(&waiter.node.link),
            }
        }
    }

    /// The amount that the first waiter wants; `None` without a waiter.
    pub(crate) fn first_wants(&self) -> Option<usize> {
        loop {
            // SAFETY: as in `wake_first`; groups are not in lists of this kind.
            let first = unsafe { self.0.front().cast::<Waiter>().as_ref() }?;
            if !first.task.has(COMPLETED) {
                return Some(first.wants.get());
            }
            // An abandoned task would never use what it is handed.
            first.node.link.unlink();
        }
    }

    /// Hands the first waiter what it wants, and wakes it.
    pub(crate) fn hand_to_first(&self) {
        // SAFETY: as in `wake_first`; groups are not in lists of this kind.
        if let Some(first) = unsafe { self.0.front().cast::<Waiter>().as_ref() } {
            first.is_handed.set(true);
            self.wake_first(ptr::null(), Outcome::Returned);
        }
    }

    /// Wakes the first waiter; false without one.
    #[inline]
    pub(crate) fn wake_one(&self) -> bool {
        !self.is_empty() && self.wake_first(self, Outcome::Returned)
    }

    /// Prefetches the first waiter.
    pub(crate) fn prefetch(&self) {
        prefetch(self.0.front().cast());
    }

    /// Calls a function with the first waiter's task, unless a group is first.
    #[inline(always)]
    pub(crate) fn with_first_task(&self, f: impl FnOnce(TaskPtr)) {
        // SAFETY: as in `wake_first`.
        if let Some(first) = unsafe { self.0.front().cast::<Waiter>().as_ref() }
            && first.node.group.get().is_null()
        {
            f(first.task);
        }
    }

    /// Wakes all waiters. The list may be dropped then: no wake-up is passed on.
    #[inline]
    pub(crate) fn wake_all(&self) {
        self.notify_all(Outcome::Returned);
    }

    /// As [`wake_all`](Self::wake_all), with the outcome for groups.
    #[inline]
    pub(crate) fn notify_all(&self, outcome: Outcome) {
        while !self.is_empty() {
            self.wake_first(ptr::null(), outcome);
        }
    }

    /// Wakes all waiters. Until the next task waits, the list may move.
    pub(crate) fn clear(&self) {
        self.wake_all();
        self.0.clear();
    }

    /// As [`notify_all`](Self::notify_all), for waiters with a smaller sequence number.
    pub(crate) fn notify_before(&self, sequence: u64, outcome: Outcome) {
        // SAFETY: as in `wake_first`.
        while unsafe { sequence_of(self.0.front()) }.is_some_and(|first| first < sequence) {
            self.wake_first(ptr::null(), outcome);
        }
    }

    /// Appends a group's node.
    ///
    /// # Safety
    /// The node and the group that it names do not move until the node is dropped. The list does not move while the
    /// node is linked.
    pub(crate) unsafe fn push(&self, node: &Node) {
        // SAFETY: the node unlinks itself in its destructor; the rest is the caller's promise.
        unsafe { self.0.push_back(&node.link) };
    }

    fn wake_first(&self, pass_on_to: *const Self, outcome: Outcome) -> bool {
        let first = self.0.pop_front();
        // SAFETY: a linked node is alive, as are the task or the group that it names; a node that names no group is the
        // first field of a waiter.
        unsafe {
            let Some(node) = first.cast::<Node>().as_ref() else {
                return false;
            };
            if let Some(group) = node.group.get().as_ref() {
                group.member_ended(node, outcome);
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

/// The sequence number of a node's wait; `None` for null.
///
/// # Safety
/// The link is a node's, in a list.
unsafe fn sequence_of(link: *const Link) -> Option<u64> {
    // SAFETY: a linked node is alive, and so is its group; a node that names no group is the first field of a waiter.
    unsafe {
        let node = link.cast::<Node>().as_ref()?;
        let group = node.group.get().as_ref();
        Some(group.map_or_else(|| (*link.cast::<Waiter>()).sequence, |group| group.sequence))
    }
}

impl Waiter {
    pub(crate) fn new(task: TaskPtr, wants: usize) -> Self {
        Self {
            node: Node::new(),
            task,
            is_woken: Cell::new(false),
            is_handed: Cell::new(false),
            wants: Cell::new(wants),
            sequence: next_sequence(),
            list: Cell::new(ptr::null()),
        }
    }
}

impl Drop for WaitList {
    fn drop(&mut self) {
        // The remaining waiters check their conditions.
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
