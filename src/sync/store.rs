//! The orders in which items come out of queues.
//!
//! A store runs no user code while it is borrowed. The priority store has to compare items: meanwhile it takes them out
//! of its cell and hides the running task, so that a comparison can neither wait nor use the queue.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

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
///
/// This is not std's `BinaryHeap`, which drops the item that it removes if a comparison panics.
pub(super) struct Smallest<T> {
    /// Empty while its items are compared.
    heap: Cell<Vec<Entry<T>>>,
    len: Cell<usize>,
    n_pushed: Cell<u64>,
    is_comparing: Cell<bool>,
    /// A comparison has panicked: the order of the items is unspecified.
    is_in_disorder: Cell<bool>,
}

pub(super) struct Entry<T> {
    item: T,
    number: u64,
}

impl<T: Ord> Store<T> for Smallest<T> {
    type Rest = Vec<Entry<T>>;

    fn new() -> Self {
        Self {
            heap: Cell::default(),
            len: Cell::new(0),
            n_pushed: Cell::new(0),
            is_comparing: Cell::new(false),
            is_in_disorder: Cell::new(false),
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
        let entry = Entry { item, number };
        self.compare(
            |heap| heap.push(entry),
            |heap| sift_up(heap, heap.len() - 1),
        );
    }

    fn pop(&self) -> Option<T> {
        let order = |heap: &mut [Entry<T>]| {
            if let Some(last) = heap.len().checked_sub(1) {
                heap.swap(0, last);
                sift_down(&mut heap[..last], 0);
            }
        };
        let mut heap = self.compare(|_| (), order);
        heap.1.pop().map(|entry| entry.item)
    }

    fn len(&self) -> usize {
        self.len.get()
    }

    fn take_all(&self) -> Self::Rest {
        self.len.set(0);
        self.heap.take()
    }
}

/// Puts the items back when it is dropped.
struct PutBack<'a, T: Ord>(&'a Smallest<T>, Vec<Entry<T>>);

impl<T: Ord> Drop for PutBack<'_, T> {
    fn drop(&mut self) {
        self.0.len.set(self.1.len());
        self.0.heap.set(std::mem::take(&mut self.1));
        self.0.is_comparing.set(false);
    }
}

impl<T: Ord> Smallest<T> {
    /// Changes the items without a comparison, then orders them by `order`, which compares. If a comparison panics, all
    /// items are in the queue, in an unspecified order.
    fn compare(
        &self,
        change: impl FnOnce(&mut Vec<Entry<T>>),
        order: impl FnOnce(&mut [Entry<T>]),
    ) -> PutBack<'_, T> {
        self.is_comparing.set(true);
        let mut items = PutBack(self, self.heap.take());
        change(&mut items.1);
        context::without_task(|| {
            if self.is_in_disorder.replace(true) {
                let n_parents = items.1.len() / 2;
                (0..n_parents)
                    .rev()
                    .for_each(|parent| sift_down(&mut items.1, parent));
            }
            order(&mut items.1);
            self.is_in_disorder.set(false);
        });
        items
    }
}

impl<T: Ord> Entry<T> {
    fn is_before(&self, other: &Self) -> bool {
        let items = self.item.cmp(&other.item);
        items.then_with(|| self.number.cmp(&other.number)).is_lt()
    }
}

/// Moves an entry of a heap up to its place.
fn sift_up<T: Ord>(heap: &mut [Entry<T>], mut at: usize) {
    while at > 0 {
        let parent = (at - 1) / 2;
        if !heap[at].is_before(&heap[parent]) {
            return;
        }
        heap.swap(at, parent);
        at = parent;
    }
}

/// Moves an entry of a heap down to its place.
fn sift_down<T: Ord>(heap: &mut [Entry<T>], mut at: usize) {
    loop {
        let (left, right) = (2 * at + 1, 2 * at + 2);
        let child = match (heap.get(left), heap.get(right)) {
            (Some(a), Some(b)) if b.is_before(a) => right,
            (Some(_), _) => left,
            (None, _) => return,
        };
        if !heap[child].is_before(&heap[at]) {
            return;
        }
        heap.swap(at, child);
        at = child;
    }
}
