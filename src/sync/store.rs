//! The orders in which queues give out their items.
//!
//! A store runs no code of the user's while it is borrowed. The one that has to, for comparing, takes its items out of
//! its cell meanwhile, and hides the running task: what compares can neither wait nor use the queue.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use crate::runtime::core::context;

/// Items in some order.
pub(super) trait Store<T> {
    /// What is left of it, for dropping.
    type Rest;

    fn new() -> Self;

    /// Panics if the items are being compared: the store can't be used meanwhile.
    #[inline(always)]
    fn check(&self) {}

    fn push(&self, item: T);

    fn pop(&self) -> Option<T>;

    fn len(&self) -> usize;

    fn take_all(&self) -> Self::Rest;
}

/// First in, first out.
pub(super) struct Fifo<T>(RefCell<VecDeque<T>>);

impl<T> Store<T> for Fifo<T> {
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
        self.0.borrow_mut().pop_front()
    }

    fn len(&self) -> usize {
        self.0.borrow().len()
    }

    fn take_all(&self) -> VecDeque<T> {
        self.0.take()
    }
}

/// Last in, first out.
pub(super) struct Lifo<T>(RefCell<Vec<T>>);

impl<T> Store<T> for Lifo<T> {
    type Rest = Vec<T>;

    fn new() -> Self {
        Self(RefCell::default())
    }

    #[inline(always)]
    fn push(&self, item: T) {
        self.0.borrow_mut().push(item);
    }

    #[inline(always)]
    fn pop(&self) -> Option<T> {
        self.0.borrow_mut().pop()
    }

    fn len(&self) -> usize {
        self.0.borrow().len()
    }

    fn take_all(&self) -> Vec<T> {
        self.0.take()
    }
}

/// The smallest first; of equal ones, the one that came first.
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
            "selvedge: a priority queue can't be used by what compares its own items; let `Ord` only \
             compare"
        );
    }

    fn push(&self, item: T) {
        let turn = self.n_pushed.get();
        self.n_pushed.set(turn + 1);
        self.compare(|heap| heap.push(Entry { item, turn }));
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
    /// Calls a function with the items, which it compares.
    fn compare<R>(&self, f: impl FnOnce(&mut BinaryHeap<Entry<T>>) -> R) -> R {
        /// Puts the items back, also if a comparison has panicked: they are all there then, in
        /// some order.
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

/// An item of a heap, which has its largest on top.
pub(super) struct Entry<T> {
    item: T,
    turn: u64,
}

impl<T: Ord> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        let items = other.item.cmp(&self.item);
        items.then_with(|| other.turn.cmp(&self.turn))
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
