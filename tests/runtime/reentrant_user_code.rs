//! Coroutines that suspend, and tasks that end, inside user code that the library calls: conversions, iterators,
//! comparisons. After such a call the library must look its state up again.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::io::{PipeReader, Read, Write};
use std::iter;
use std::rc::Rc;
use std::time::Instant;

use selvedge::error::Elapsed;
use selvedge::io::Pollable;
use selvedge::sync::PriorityQueue;
use selvedge::task::{as_completed, current_task};
use selvedge::time::timeout_with;
use selvedge::{Coroutine, CoroutineState, Task, Yielder, sleep, spawn, yield_now};

use crate::support::{
    A_SECOND, AN_HOUR, assert_sentence, finished, in_virtual_loop, sentence, virtual_loop,
};

/// A message whose conversion calls a function.
struct Message<F>(F);

impl<F: FnOnce()> From<Message<F>> for String {
    fn from(message: Message<F>) -> Self {
        (message.0)();
        "enough".to_owned()
    }
}

#[test]
fn a_task_ending_during_its_cancel_is_not_taken_for_the_next() {
    in_virtual_loop(|| {
        let task = spawn(|| ());
        let others: RefCell<Vec<Task<()>>> = RefCell::default();
        let others = Rc::new(others);
        let theirs = Rc::clone(&others);
        let end = move || {
            (0..3).for_each(|_| yield_now());
            let sleepers = (0..8).map(|_| spawn(|| sleep(A_SECOND)));
            theirs.borrow_mut().extend(sleepers);
            yield_now();
        };
        assert!(!task.cancel_with(Message(end)), "it is done");
        for other in others.take() {
            finished(other.join());
        }
    });
}

/// Resumes a coroutine in a task of one loop and then, when another task has that task's stack, in a task of another
/// loop; returns the coroutine's result.
fn in_two_loops<T: 'static>(mut coroutine: Coroutine<(), (), T>) -> T {
    let first = virtual_loop();
    let mut coroutine = finished(first.run_until_complete(move || {
        assert!(matches!(coroutine.resume(), CoroutineState::Yielded(())));
        coroutine
    }));
    let bystander = first.create_task(|| sleep(AN_HOUR));
    let result = in_virtual_loop(move || coroutine.resume().complete());
    finished(first.run_until_complete(bystander));
    result.expect("it suspends once")
}

/// A deadline whose conversion suspends a coroutine.
struct Deadline<'a>(&'a Yielder<(), ()>);

impl From<Deadline<'_>> for Option<Instant> {
    fn from(deadline: Deadline<'_>) -> Self {
        deadline.0.suspend(());
        Some(selvedge::event_loop::current_loop()?.time().ok()? + A_SECOND)
    }
}

#[test]
fn a_timeout_cancels_the_task_that_runs_after_its_conversion() {
    let late = in_two_loops(Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        timeout_with(Deadline(yielder), |_| sleep(AN_HOUR))
    }));
    assert_eq!(late, Err(Elapsed));
}

#[test]
fn as_completed_spawns_on_the_loop_that_runs_after_its_iterator() {
    let sum = in_two_loops(Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        let mut suspends = iter::once(());
        let functions = (1..=3).map(|n| {
            suspends
                .next()
                .into_iter()
                .for_each(|()| yielder.suspend(()));
            move || n
        });
        as_completed(functions)
            .map(|task| finished(task.join()))
            .sum::<i32>()
    }));
    assert_eq!(sum, 6);
}

/// An item whose first comparison suspends a coroutine.
struct Item<'a>(u32, &'a Cell<Option<&'a Yielder<(), ()>>>);

impl Ord for Item<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        if let Some(yielder) = self.1.take() {
            yielder.suspend(());
        }
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Item<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Item<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Item<'_> {}

#[test]
fn a_coroutine_cannot_suspend_in_a_queues_comparison() {
    in_virtual_loop(|| {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
            let suspends = Cell::new(Some(yielder));
            let queue = PriorityQueue::unbounded();
            assert!(queue.try_put(Item(2, &suspends)).is_ok());
            let refused = sentence(|| drop(queue.try_put(Item(1, &suspends))));
            let items = [queue.try_get(), queue.try_get()];
            // A comparison has panicked: the items are in the queue, in some order.
            let mut numbers = items.map(|item| item.map_or(0, |item| item.0));
            numbers.sort_unstable();
            yielder.suspend(());
            (refused, numbers)
        });
        assert_eq!(coroutine.resume(), CoroutineState::Yielded(()));
        assert!(current_task().is_some());
        sleep(A_SECOND);
        let (refused, numbers) = coroutine.resume().complete().expect("it suspends once");
        assert_sentence(&refused);
        assert_eq!(numbers, [1, 2]);
    });
}

#[test]
fn a_read_that_moves_to_another_loop_gets_an_error() {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let reader = Rc::new(Pollable::new(reader).expect("it can be waited for"));
    let theirs = Rc::clone(&reader);
    let first = virtual_loop();
    let own = Rc::clone(&reader);
    // The first loop that waits for the descriptor registers it.
    let waits = first.create_task(move || (&*own).read(&mut [0; 8]));
    finished(first.run_until_complete(yield_now));
    writer.write_all(b"first").expect("room");
    assert_eq!(
        finished(first.run_until_complete(waits)).expect("it is there"),
        5
    );

    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let mut suspends = Some(());
        theirs.read_with(|pipe| {
            if suspends.take().is_some() {
                yielder.suspend(());
            }
            let mut pipe: &PipeReader = pipe;
            pipe.read(&mut [0; 8])
        })
    });
    let mut coroutine = finished(first.run_until_complete(move || {
        assert!(matches!(coroutine.resume(), CoroutineState::Yielded(())));
        coroutine
    }));
    let refused = in_virtual_loop(move || coroutine.resume().complete());
    let refused = refused.expect("it suspends once");
    assert_sentence(
        &refused
            .expect_err("it belongs to the first loop")
            .to_string(),
    );
    drop(first);
}
