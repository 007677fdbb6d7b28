//! An intrusive list: its nodes are owned by others, such as the frames of waiting tasks.
//!
//! The list is a circle through a sentinel, so a node unlinks in constant time without its list, and a
//! list that is dropped first unlinks its nodes. An unlinked node has null pointers.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::ptr;

/// The pointers of a node. It must be the first field of a `repr(C)` node.
#[derive(Debug)]
pub(crate) struct Link {
    prev: Cell<*const Link>,
    next: Cell<*const Link>,
    _pinned: PhantomPinned,
}

impl Link {
    pub(crate) const fn new() -> Self {
        Self {
            prev: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            _pinned: PhantomPinned,
        }
    }

    #[inline]
    pub(crate) fn is_linked(&self) -> bool {
        !self.next.get().is_null()
    }

    /// The nodes that unlinking writes to.
    #[cfg(feature = "runtime")]
    #[inline]
    pub(crate) fn neighbours(&self) -> [*const Self; 2] {
        [self.prev.get(), self.next.get()]
    }

    /// Removes the node from its list, if it is in one.
    #[inline]
    pub(crate) fn unlink(&self) {
        if !self.is_linked() {
            return;
        }
        let (prev, next) = (self.prev.get(), self.next.get());
        // SAFETY: a linked node's neighbours are linked nodes or the sentinel, which are alive:
        // each unlinks itself, or all of its nodes, before it is dropped.
        unsafe {
            (*prev).next.set(next);
            (*next).prev.set(prev);
        }
        self.prev.set(ptr::null());
        self.next.set(ptr::null());
    }
}

/// A list of nodes. It must not move after the first node was linked, unless it was [cleared](Self::clear): the
/// sentinel of an empty list that has had nodes points to itself.
#[derive(Debug)]
pub(crate) struct List {
    sentinel: Link,
}

impl List {
    pub(crate) const fn new() -> Self {
        Self {
            sentinel: Link::new(),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        !self.sentinel.is_linked() || self.front().is_null()
    }

    /// Appends a node.
    ///
    /// # Safety
    /// Neither node nor list moves until the node is unlinked, and both unlink before they are dropped:
    /// the list by its destructor, the node by [`Link::unlink`] in its owner's.
    #[inline]
    pub(crate) unsafe fn push_back(&self, node: &Link) {
        self.close_circle();
        // SAFETY: the last node, or the sentinel, is alive as long as it is linked.
        unsafe { link(self.sentinel.prev.get(), node, &raw const self.sentinel) };
    }

    /// Prepends a node.
    ///
    /// # Safety
    /// As [`push_back`](Self::push_back).
    pub(crate) unsafe fn push_front(&self, node: &Link) {
        self.close_circle();
        // SAFETY: the first node, or the sentinel, is alive as long as it is linked.
        unsafe { link(&raw const self.sentinel, node, self.sentinel.next.get()) };
    }

    /// Links a new list's sentinel to itself.
    #[inline]
    fn close_circle(&self) {
        if !self.sentinel.is_linked() {
            let sentinel = &raw const self.sentinel;
            self.sentinel.prev.set(sentinel);
            self.sentinel.next.set(sentinel);
        }
    }

    /// The first node, or null.
    pub(crate) fn front(&self) -> *const Link {
        self.after(&raw const self.sentinel)
    }

    /// The last node, or null.
    pub(crate) fn back(&self) -> *const Link {
        self.before(&raw const self.sentinel)
    }

    /// The node before one of this list, or null.
    pub(crate) fn before(&self, node: *const Link) -> *const Link {
        let sentinel = &raw const self.sentinel;
        // SAFETY: the caller got the node from this list, or it is the sentinel.
        let prev = unsafe { (*node).prev.get() };
        if prev == sentinel { ptr::null() } else { prev }
    }

    /// The node after one of this list, or null.
    pub(crate) fn after(&self, node: *const Link) -> *const Link {
        let sentinel = &raw const self.sentinel;
        // SAFETY: the caller got the node from this list, or it is the sentinel.
        let next = unsafe { (*node).next.get() };
        if next == sentinel { ptr::null() } else { next }
    }

    /// Removes the first node; null if there is none.
    pub(crate) fn pop_front(&self) -> *const Link {
        let first = self.front();
        if !first.is_null() {
            // SAFETY: a linked node is alive.
            unsafe { (*first).unlink() };
        }
        first
    }

    /// Unlinks all nodes. Until the next node is linked, the list may move.
    pub(crate) fn clear(&self) {
        while !self.pop_front().is_null() {}
        self.sentinel.unlink();
    }
}

/// Links a node between two neighbours.
///
/// # Safety
/// Both are alive.
#[inline]
unsafe fn link(prev: *const Link, node: &Link, next: *const Link) {
    debug_assert!(!node.is_linked(), "a node is in one list at most");
    node.prev.set(prev);
    node.next.set(next);
    // SAFETY: the caller vouches for both.
    unsafe {
        (*prev).next.set(node);
        (*next).prev.set(node);
    }
}

impl Drop for List {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    struct Node(Link, u32);

    fn numbers(list: &List) -> Vec<u32> {
        let mut numbers = Vec::new();
        let mut node = list.front();
        while !node.is_null() {
            // SAFETY: every node in these tests is the first field of a live `Node`.
            numbers.push(unsafe { (*node.cast::<Node>()).1 });
            node = list.after(node);
        }
        numbers
    }

    #[test]
    fn nodes_leave_in_order_and_from_any_place() {
        let nodes: Vec<Node> = (0..4).map(|n| Node(Link::new(), n)).collect();
        let list = List::new();
        for node in &nodes {
            // SAFETY: neither moves, and both unlink below.
            unsafe { list.push_back(&node.0) };
        }
        nodes[2].0.unlink();
        assert_eq!(numbers(&list), [0, 1, 3]);
        nodes[2].0.unlink();
        list.pop_front();
        assert_eq!(numbers(&list), [1, 3]);
        assert_eq!(list.back(), &raw const nodes[3].0);
        assert_eq!(list.before(list.back()), &raw const nodes[1].0);
        assert!(list.before(&nodes[1].0).is_null());
        assert!(!nodes[0].0.is_linked() && nodes[3].0.is_linked());
        nodes[3].0.unlink();
        nodes[1].0.unlink();
        assert!(list.is_empty() && list.pop_front().is_null() && list.back().is_null());
    }

    #[test]
    fn a_node_can_go_to_the_front() {
        let nodes: Vec<Node> = (0..3).map(|n| Node(Link::new(), n)).collect();
        let list = List::new();
        for node in &nodes {
            // SAFETY: neither moves; the list unlinks the remaining nodes.
            unsafe { list.push_front(&node.0) };
        }
        assert_eq!(numbers(&list), [2, 1, 0]);
        nodes[1].0.unlink();
        assert_eq!(numbers(&list), [2, 0]);
    }

    #[test]
    fn a_cleared_list_may_move() {
        let nodes = [Node(Link::new(), 0), Node(Link::new(), 1)];
        let list = List::new();
        for node in &nodes {
            // SAFETY: neither moves while the node is linked.
            unsafe { list.push_back(&node.0) };
        }
        nodes[0].0.unlink();
        list.clear();
        assert!(!nodes[1].0.is_linked());
        let moved = Box::new(list);
        assert!(moved.is_empty() && moved.front().is_null());
        // SAFETY: as above; the list does not move again.
        unsafe { moved.push_back(&nodes[1].0) };
        assert_eq!(numbers(&moved), [1]);
    }

    #[test]
    fn a_dropped_list_unlinks_its_nodes() {
        let nodes: Vec<Node> = (0..3).map(|n| Node(Link::new(), n)).collect();
        let list = Box::new(List::new());
        for node in &nodes {
            // SAFETY: as above.
            unsafe { list.push_back(&node.0) };
        }
        drop(list);
        assert!(nodes.iter().all(|node| !node.0.is_linked()));
    }
}
