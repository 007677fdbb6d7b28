//! Waiting where no wait is possible: an error or a panic with a sentence, never a hang; and the deadlock report.

use std::panic::{AssertUnwindSafe, catch_unwind};

use selvedge::sync::{Barrier, Condition, Event, GetError, Mutex, PutError, Queue, Semaphore};
use selvedge::{RunError, run, spawn, try_run, yield_now};

use crate::support::{Log, OnDrop, assert_sentence, sentence, soon};

/// Calls every operation that has to wait, where no wait is possible.
fn try_everything() -> Vec<String> {
    let queue = Queue::new(1);
    let empty = queue.get().unwrap_err();
    assert!(matches!(empty, GetError::CantWait(_)));
    queue.put(1).expect("room");
    let full = queue.put(2).unwrap_err();
    assert!(matches!(full, PutError::CantWait(2, _)));
    let lock = Mutex::new(0);
    let mut guard = lock.lock();
    let condition = Condition::new();
    let mut texts = vec![empty.to_string(), full.to_string()];
    texts.extend([
        sentence(|| queue.join()),
        sentence(|| drop(lock.lock())),
        sentence(|| condition.wait(&mut guard)),
        sentence(|| Event::new().wait()),
        sentence(|| drop(Semaphore::new(0).acquire())),
        sentence(|| Barrier::new(2).wait()),
    ]);
    // The lock was not released.
    assert_eq!(*guard, 0);
    assert!(lock.is_locked());
    texts
}

#[test]
fn waits_outside_a_loop_are_errors() {
    for text in try_everything() {
        assert!(text.contains("no event loop runs"), "{text}");
        assert_sentence(&text);
    }
}

#[test]
fn waits_in_a_callback_are_errors() {
    let log = Log::default();
    let theirs = log.clone();
    run(move || {
        soon(move || {
            try_everything()
                .into_iter()
                .for_each(|text| theirs.push(text))
        });
        yield_now();
    });
    let texts = log.take();
    assert_eq!(texts.len(), 8);
    for text in texts {
        assert!(text.contains("callback can't wait"), "{text}");
    }
}

#[test]
fn waits_while_panicking_are_errors() {
    run(|| {
        let queue = Queue::new(1);
        let done = Log::default();
        let (theirs, log) = (queue.clone(), done.clone());
        let task = spawn(move || {
            let _guard = OnDrop(move || {
                assert!(matches!(theirs.get(), Err(GetError::CantWait(_))));
                theirs.put(1).expect("room");
                assert!(matches!(theirs.put(2), Err(PutError::CantWait(2, _))));
                // Operations that need no wait work.
                drop(Mutex::new(0).lock());
                drop(Semaphore::new(1).acquire());
                Event::new().set();
                log.push("done");
            });
            panic!("torn");
        });
        assert!(task.join().unwrap_err().is_panic());
        assert_eq!(done.take(), ["done"]);
    });
}

#[test]
fn the_deadlock_report_says_what_each_task_waits_for() {
    let outcome = try_run(|| {
        let queue = Queue::<i32>::new(1);
        let theirs = queue.clone();
        spawn(move || theirs.get()).detach();
        let other = Queue::new(1);
        spawn(move || {
            other.put(1).expect("room");
            other.put(2)
        })
        .detach();
        let third = Queue::unbounded();
        spawn(move || {
            third.put(1).expect("room");
            third.join();
        })
        .detach();
        spawn(|| Event::new().wait()).detach();
        spawn(|| drop(Semaphore::new(1).acquire_many(2))).detach();
        spawn(|| Barrier::new(2).wait()).detach();
        let lock = Mutex::new(0);
        Condition::new().wait(&mut lock.lock());
    });
    let Err(RunError::Deadlock(deadlock)) = outcome else {
        panic!("not a deadlock: {outcome:?}");
    };
    let text = deadlock.to_string();
    for what in [
        "an item of the queue made at tests/sync/misuse.rs",
        "room in the queue made at tests/sync/misuse.rs",
        "all items to be done of the queue made at tests/sync/misuse.rs",
        "the event made at tests/sync/misuse.rs",
        "2 of the permits of the semaphore made at tests/sync/misuse.rs",
        "the barrier made at tests/sync/misuse.rs",
        "a notification of the condition made at tests/sync/misuse.rs",
    ] {
        assert!(text.contains(what), "no {what:?} in {text}");
    }
}

#[test]
fn a_panic_between_two_operations_leaves_everything_usable() {
    run(|| {
        let queue = Queue::new(2);
        let theirs = queue.clone();
        let caught = catch_unwind(AssertUnwindSafe(|| {
            theirs.put(1).expect("room");
            panic!("torn");
        }));
        assert!(caught.is_err());
        assert_eq!(queue.get(), Ok(1));
    });
}
