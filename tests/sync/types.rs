//! Types that may cross threads and types that may not, checked at compile time; and that everything has `Debug`.

use selvedge::error::WaitError;
use selvedge::sync::{
    Barrier, BoundedSemaphore, BrokenBarrier, Condition, Event, GetError, LifoQueue, Mutex,
    MutexGuard, NothingUnfinished, Permit, PriorityQueue, PutError, Queue, Semaphore,
    TooManyPermits,
};

use crate::traits::{assert_clone, assert_error};

assert_stays_on_its_thread!(
    Queue<u32>,
    LifoQueue<u32>,
    PriorityQueue<u32>,
    Mutex<u32>,
    MutexGuard<'static, u32>,
    Event,
    Condition,
    Semaphore,
    BoundedSemaphore,
    Permit,
    Barrier
);
assert_lacks!(MutexGuard<'static, u32>: Clone);
assert_lacks!(Permit: Clone);

#[test]
fn handles_are_clone_for_any_item_type() {
    struct NoClone;
    assert_clone::<Queue<NoClone>>();
    assert_clone::<LifoQueue<NoClone>>();
    assert_clone::<PriorityQueue<NoClone>>();
    assert_clone::<Mutex<NoClone>>();
    assert_clone::<Event>();
    assert_clone::<Condition>();
    assert_clone::<Semaphore>();
    assert_clone::<BoundedSemaphore>();
    assert_clone::<Barrier>();
}

#[test]
fn errors_go_through_the_question_mark() {
    assert_error::<PutError<u32>>();
    assert_error::<GetError>();
    assert_error::<WaitError>();
    assert_error::<NothingUnfinished>();
    assert_error::<TooManyPermits>();
    assert_error::<BrokenBarrier>();
}

#[test]
fn everything_can_be_shown() {
    let queue = Queue::new(3);
    queue.try_put(1).expect("room");
    let text = format!("{queue:?}");
    assert!(
        text.contains("len: 1, capacity: Some(3), n_unfinished: 1"),
        "{text}"
    );
    let semaphore = Semaphore::new(2);
    let permit = semaphore.acquire();
    for (text, expected) in [
        (format!("{:?}", LifoQueue::<u8>::new(1)), "LifoQueue"),
        (
            format!("{:?}", PriorityQueue::<u8>::new(1)),
            "PriorityQueue",
        ),
        (format!("{:?}", Event::new()), "is_set: false"),
        (format!("{:?}", Condition::new()), "Condition"),
        (format!("{semaphore:?}"), "available_permits: 1"),
        (format!("{permit:?}"), "n: 1"),
        (
            format!("{:?}", BoundedSemaphore::new(2)),
            "BoundedSemaphore",
        ),
        (format!("{:?}", Barrier::new(2)), "phase: Filling"),
        (format!("{:?}", PutError::Full(queue)), "Full(..)"),
    ] {
        assert!(text.contains(expected), "{text}");
    }
}
