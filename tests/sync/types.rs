//! What may cross threads and what may not, as the compiler sees it; and that everything can be shown.

use std::error::Error;

use selvedge::sync::{
    Barrier, BoundedSemaphore, BrokenBarrier, CantWait, Condition, Event, GetError, LifoQueue,
    Mutex, MutexGuard, NothingUnfinished, Permit, PriorityQueue, PutError, Queue, Semaphore,
    TooManyPermits,
};

fn assert_clone<T: Clone>() {}
fn assert_error<T: Error + Send + Sync + 'static>() {}

/// Does not compile where the type has the trait: the implementation would be ambiguous.
macro_rules! assert_lacks {
    ($type:ty: $trait:path) => {
        const _: fn() = || {
            trait AmbiguousIfItHas<A> {
                fn check() {}
            }
            impl<T: ?Sized> AmbiguousIfItHas<()> for T {}
            #[allow(dead_code)]
            struct Has;
            impl<T: ?Sized + $trait> AmbiguousIfItHas<Has> for T {}
            let _ = <$type as AmbiguousIfItHas<_>>::check;
        };
    };
}

macro_rules! assert_stays_on_its_thread {
    ($($type:ty),*) => {
        $(assert_lacks!($type: Send); assert_lacks!($type: Sync);)*
    };
}

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
    assert_error::<CantWait>();
    assert_error::<NothingUnfinished>();
    assert_error::<TooManyPermits>();
    assert_error::<BrokenBarrier>();
}

#[test]
fn everything_can_be_shown() {
    let queue = Queue::new(3);
    queue.put_nowait(1).expect("room");
    let text = format!("{queue:?}");
    assert!(
        text.contains("len: 1, maxsize: 3, n_unfinished: 1"),
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
