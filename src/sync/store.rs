//! The orders in which items come out of queues.
//!
//! A store runs no user code while it is borrowed. The priority store has to compare items: meanwhile it takes them out
//! of its cell and hides the running task, so that a comparison can neither wait nor use the queue.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use crate::runtime::core::context;

/// Items in some order.
pub(super) trait Store<T> {
    /// The items that are left at a shutdown, to be dropped.
    type Rest;

    fn new() -> Self;

    /// Panics if items are being compared, because the store can't be used meanwhile.
    #[inline(always)]
    fn check(&self) {}

    fn push(&self, item: T);

    fn pop(&self) -> Option<T>;

    fn len(&self) -> usize;

    fn take_all(&self) -> Self::Rest;
}

/// First in, first out; or last in, first out.
pub(super) struct InOrder<T, const IS_LIFO: bool>(RefCell<VecDeque<T>>);

impl<T, const IS_LIFO: bool> Store<T> for InOrder<T, IS_LIFO> {
    type Rest = VecDeque<T>;

    fn new() -> Self {
        Self(RefCell::default())
    }

    #[inline(always)]
    fn push(&self, item: T) {
        self.0.borrow_mut().push_back(item);
    }

    #[inline(always)]
    fn pop(&self) -> Option<T> {
        let mut items = self.0.borrow_mut();
        if IS_LIFO {
            items.pop_back()
        } else {
            items.pop_front()
        }
    }

    fn len(&self) -> usize {
        self.0.borrow().len()
    }

    fn take_all(&self) -> VecDeque<T> {
        self.0.take()
    }
}

pub(super) type Fifo<T> = InOrder<T, false>;
pub(super) type Lifo<T> = InOrder<T, true>;

/// The smallest item first; equal items in the order in which they came.
pub(super) struct Smallest<T> {
    /// Empty while its items are compared.
    heap: Cell<BinaryHeap<Entry<T>>>,
    len: Cell<usize>,
    n_pushed: Cell<u64>,
    is_comparing: Cell<bool>,
}

impl<T: Ord> Store<T> for Smallest<T> {
    type Rest = BinaryHeap<Entry<T>>;

    fn new() -> Self {
        Self {
            heap: Cell::default(),
            len: Cell::new(0),
            n_pushed: Cell::new(0),
            is_comparing: Cell::new(false),
        }
    }

    fn check(&self) {
        assert!(
            !self.is_comparing.get(),
            "selvedge: a priority queue can't be used by the `Ord` of its own items; let `Ord` only compare"
        );
    }

    fn push(&self, item: T) {
        let number = self.n_pushed.get();
        self.n_pushed.set(number + 1);
        self.compare(|heap| heap.push(Entry { item, number }));
    }

    fn pop(&self) -> Option<T> {
        self.compare(|heap| heap.pop().map(|entry| entry.item))
    }

    fn len(&self) -> usize {
        self.len.get()
    }

    fn take_all(&self) -> Self::Rest {
        self.len.set(0);
        self.heap.take()
    }
}

impl<T: Ord> Smallest<T> {
    /// Calls `f` with the items, which it compares.
    fn compare<R>(&self, f: impl FnOnce(&mut BinaryHeap<Entry<T>>) -> R) -> R {
        /// Puts the items back, even if a comparison panicked: then all are there, in some order.
        struct PutBack<'a, T: Ord>(&'a Smallest<T>, BinaryHeap<Entry<T>>);
        impl<T: Ord> Drop for PutBack<'_, T> {
            fn drop(&mut self) {
                self.0.len.set(self.1.len());
                self.0.heap.set(std::mem::take(&mut self.1));
                self.0.is_comparing.set(false);
            }
        }
        self.is_comparing.set(true);
        let mut items = PutBack(self, self.heap.take());
        context::without_task(|| f(&mut items.1))
    }
}

/// An item in a heap whose largest entry is on top, so the order is reversed.
pub(super) struct Entry<T> {
    item: T,
    number: u64,
}

impl<T: Ord> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        let items = other.item.cmp(&self.item);
        items.then_with(|| other.number.cmp(&self.number))
    }
}

impl<T: Ord> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T: Ord> Eq for Entry<T> {}
