//! The orders of priority and last-in queues, and items whose comparison misbehaves.

use std::cell::Cell;
use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use selvedge::sync::{GetError, LifoQueue, PriorityQueue};
use selvedge::{run, select, spawn, yield_now};

use crate::support::{Hops, caught, finished, sentence};

#[test]
fn a_last_in_queue_gives_the_last_item_first() {
    run(|| {
        let queue = LifoQueue::unbounded();
        (0..5).for_each(|n| queue.put(n).expect("room"));
        let items: Vec<i32> = (0..5).map(|_| queue.get().expect("an item")).collect();
        assert_eq!(items, [4, 3, 2, 1, 0]);
    });
}

#[test]
fn a_priority_queue_gives_the_smallest_item_first() {
    let queue = PriorityQueue::unbounded();
    for n in [5, 1, 4, 1, 3] {
        queue.try_put(n).expect("room");
    }
    let items: Vec<i32> = (0..5).map(|_| queue.try_get().expect("an item")).collect();
    assert_eq!(items, [1, 1, 3, 4, 5]);
}

/// Equal if the weights are; the label does not count.
#[derive(Debug)]
struct Job {
    weight: u32,
    label: usize,
}

impl PartialEq for Job {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Job {}
impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Job {
    fn cmp(&self, other: &Self) -> Ordering {
        self.weight.cmp(&other.weight)
    }
}

#[test]
fn equal_items_come_in_the_order_of_puts() {
    let queue = PriorityQueue::unbounded();
    for label in 0..100 {
        let weight = label as u32 % 3;
        queue.try_put(Job { weight, label }).expect("room");
    }
    let mut before = (0, 0);
    for n in 0..100 {
        let job = queue.try_get().expect("an item");
        let now = (job.weight, job.label);
        assert!(n == 0 || before < now, "{before:?} and then {now:?}");
        before = now;
    }
}

/// Compares by a given function.
struct Odd(Rc<dyn Fn() -> Ordering>);

impl PartialEq for Odd {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Odd {}
impl PartialOrd for Odd {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Odd {
    fn cmp(&self, _: &Self) -> Ordering {
        (self.0)()
    }
}

fn put(queue: &PriorityQueue<Odd>, compare: &Rc<dyn Fn() -> Ordering>) {
    let item = Odd(Rc::clone(compare));
    queue.try_put(item).map_err(drop).expect("room");
}

#[test]
fn a_panicking_comparison_loses_no_item_and_no_room() {
    let is_bad = Rc::new(Cell::new(false));
    let theirs = Rc::clone(&is_bad);
    let compare: Rc<dyn Fn() -> Ordering> = Rc::new(move || {
        assert!(!theirs.get(), "they can't be compared");
        Ordering::Less
    });
    let queue = PriorityQueue::new(4);
    put(&queue, &compare);
    put(&queue, &compare);
    is_bad.set(true);
    caught(|| put(&queue, &compare));
    assert_eq!(queue.len(), 3);
    caught(|| queue.try_get().map(drop));
    assert_eq!(queue.len(), 3);
    is_bad.set(false);
    put(&queue, &compare);
    assert!(queue.is_full());
    assert!(queue.try_put(Odd(Rc::clone(&compare))).is_err());
    for _ in 0..4 {
        assert!(queue.try_get().is_ok());
    }
    assert!(matches!(queue.try_get(), Err(GetError::Empty)));
}

/// The smallest item first, also after a comparison has panicked in the middle of a change.
#[test]
fn a_queue_is_in_order_again_after_a_comparison_panicked() {
    let left = Rc::new(Cell::new(usize::MAX));
    let counted = |number: u32| {
        let left = Rc::clone(&left);
        Numbered(number, left)
    };
    for n_comparisons in 0..40 {
        let queue = PriorityQueue::unbounded();
        left.set(usize::MAX);
        for number in [5, 3, 8, 1, 9, 2, 7] {
            queue.try_put(counted(number)).map_err(drop).expect("room");
        }
        left.set(n_comparisons);
        let _ = catch_unwind(AssertUnwindSafe(|| {
            queue.try_put(counted(4)).map_err(drop).expect("room");
            let first = queue.try_get().expect("an item");
            queue.try_put(first).map_err(drop).expect("room");
        }));
        left.set(usize::MAX);
        let n_items = queue.len();
        let numbers: Vec<_> = (0..n_items)
            .map(|_| queue.try_get().expect("an item").0)
            .collect();
        assert!(numbers.is_sorted() && n_items >= 7, "{numbers:?}");
        assert!(matches!(queue.try_get(), Err(GetError::Empty)));
    }
}

/// Panics when a number of comparisons is used up.
struct Numbered(u32, Rc<Cell<usize>>);

impl PartialEq for Numbered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Numbered {}
impl PartialOrd for Numbered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Numbered {
    fn cmp(&self, other: &Self) -> Ordering {
        let left = self.1.get().checked_sub(1).expect("a comparison is left");
        self.1.set(left);
        self.0.cmp(&other.0)
    }
}

/// A comparison that uses the queue would find the queue in the middle of an operation.
#[test]
fn a_comparison_cannot_use_the_queue() {
    let queue = PriorityQueue::new(4);
    let theirs = queue.clone();
    let compare: Rc<dyn Fn() -> Ordering> = Rc::new(move || {
        sentence(|| theirs.try_get().map(drop));
        sentence(|| put(&theirs, &(Rc::new(|| Ordering::Less) as Rc<_>)));
        sentence(|| theirs.shutdown_immediate());
        assert!(theirs.len() <= 2);
        Ordering::Less
    });
    put(&queue, &compare);
    put(&queue, &compare);
    assert!(queue.try_get().is_ok());
    assert_eq!(queue.len(), 1);
    // The items hold the queue.
    queue.shutdown_immediate();
}

/// The comparison panics, because it uses the queue.
#[test]
fn room_that_a_comparison_can_not_fill_is_free_again() {
    run(|| {
        let queue: &PriorityQueue<Odd> = Box::leak(Box::new(PriorityQueue::new(3)));
        let room = select! { room = queue.when_room() => room.expect("open") };
        let room = Cell::new(Some(room));
        let less: Rc<dyn Fn() -> Ordering> = Rc::new(|| Ordering::Less);
        let theirs = Rc::clone(&less);
        let compare: Rc<dyn Fn() -> Ordering> = Rc::new(move || {
            if let Some(room) = room.take() {
                sentence(|| room.put(Odd(Rc::clone(&theirs))).map_err(drop));
            }
            Ordering::Less
        });
        put(queue, &less);
        put(queue, &compare);
        put(queue, &less);
        assert!(queue.is_full());
    });
}

#[test]
fn a_comparison_cannot_wait() {
    run(|| {
        let compare: Rc<dyn Fn() -> Ordering> = Rc::new(|| {
            sentence(yield_now);
            Ordering::Less
        });
        let queue = PriorityQueue::new(4);
        let neighbour = spawn(|| ());
        put(&queue, &compare);
        let hops = Hops::start();
        assert_eq!(hops.during(|| put(&queue, &compare)), 0);
        assert!(queue.try_get().is_ok());
        assert!(!neighbour.is_done());
        finished(neighbour.join());
    });
}
