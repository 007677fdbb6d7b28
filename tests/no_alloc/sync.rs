//! Queues and locks: tasks that wait for each other allocate nothing.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use selvedge::sync::{
    Barrier, Condition, Event, LifoQueue, Mutex, PriorityQueue, Queue, Semaphore,
};
use selvedge::task::first;
use selvedge::{run, select, spawn, time, yield_now};

use crate::{assert_allocates_nothing, finished, n_times};

/// Puts and gets items, where both sides wait for each other.
#[test]
fn queues_allocate_nothing_to_wait() {
    run(|| {
        for capacity in [1, 10] {
            let (there, back) = (Queue::new(capacity), Queue::new(capacity));
            let echo = spawn({
                let (there, back) = (there.clone(), back.clone());
                move || {
                    while let Ok(n) = there.get() {
                        back.put(n).expect("open");
                        there.task_done().expect("it was put");
                    }
                }
            });
            assert_allocates_nothing(|| {
                for n in 0..n_times() {
                    there.put(n).expect("open");
                    assert_eq!(back.get(), Ok(n));
                    there.join();
                }
            });
            there.shutdown();
            finished(echo.join());
        }
    });
}

#[test]
fn priority_and_last_in_queues_allocate_nothing_to_wait() {
    run(|| {
        let (there, back) = (PriorityQueue::new(1), LifoQueue::new(1));
        let echo = spawn({
            let (there, back) = (there.clone(), back.clone());
            move || {
                while let Ok(n) = there.get() {
                    back.put(n).expect("open");
                }
            }
        });
        assert_allocates_nothing(|| {
            for n in 0..n_times() {
                there.put(n).expect("open");
                assert_eq!(back.get(), Ok(n));
            }
        });
        there.shutdown();
        finished(echo.join());
    });
}

/// Two tasks call `f` in turn; each call waits for the other task.
#[track_caller]
fn assert_two_tasks_allocate_nothing(f: impl Fn() + Clone + 'static) {
    run(move || {
        let theirs = f.clone();
        let other = spawn(move || {
            loop {
                theirs();
            }
        });
        yield_now();
        assert_allocates_nothing(|| (0..n_times()).for_each(|_| f()));
        other.cancel();
        let _: Result<(), _> = other.join();
    });
}

#[test]
fn locks_allocate_nothing_to_wait() {
    let lock = Mutex::new(0);
    assert_two_tasks_allocate_nothing(move || {
        let mut n = lock.lock();
        *n += 1;
        yield_now();
    });
    let semaphore = Semaphore::new(3);
    assert_two_tasks_allocate_nothing(move || {
        let _permits = semaphore.acquire_many(2);
        yield_now();
    });
    let barrier = Barrier::new(2);
    assert_two_tasks_allocate_nothing(move || assert!(barrier.wait().is_ok()));
}

#[test]
fn conditions_and_events_allocate_nothing_to_wait() {
    let (turn, changed) = (Mutex::new(()), Condition::new());
    assert_two_tasks_allocate_nothing(move || {
        let mut turn = turn.lock();
        changed.notify_one();
        changed.wait(&mut turn);
    });
    let events = [Event::new(), Event::new()];
    let which = Rc::new(Cell::new(0));
    assert_two_tasks_allocate_nothing(move || {
        let n = which.replace(1 - which.get());
        events[n].clear();
        events[1 - n].set();
        events[n].wait();
    });
}

#[test]
fn waits_for_the_first_of_several_allocate_nothing() {
    let events = [Event::new(), Event::new()];
    let (queue, permits) = (Queue::<u8>::unbounded(), Semaphore::new(0));
    let which = Rc::new(Cell::new(0));
    assert_two_tasks_allocate_nothing(move || {
        let n = which.replace(1 - which.get());
        events[n].clear();
        events[1 - n].set();
        select! {
            _ = queue.when_item() => unreachable!("no item comes"),
            () = events[n].when_set() => {}
            _ = permits.when_acquired(1) => unreachable!("no permit is free"),
            () = time::after(Duration::from_secs(3600)) => unreachable!("in an hour"),
        }
    });
    let events: Rc<[Event]> = (0..10).map(|_| Event::new()).collect();
    let which = Rc::new(Cell::new(0));
    assert_two_tasks_allocate_nothing(move || {
        let n = which.replace(9 - which.get());
        events[n].clear();
        events[9 - n].set();
        let mut waits = [3, 5, n].map(|n| events[n].when_set());
        assert_eq!(first(&mut waits), Ok((2, ())));
    });
}
