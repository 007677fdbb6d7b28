//! Queues that are shut down: at once or when they are empty.

use selvedge::sync::{GetError, LifoQueue, PriorityQueue, PutError, Queue};
use selvedge::{run, spawn, yield_now};

use crate::support::{Log, OnDrop, finished};

#[test]
fn puts_err_and_gets_drain_and_then_err() {
    run(|| {
        let queue = Queue::new(5);
        (0..3).for_each(|n| queue.put(n).expect("open"));
        assert!(!queue.is_shut_down());
        queue.shutdown();
        queue.shutdown();
        assert!(queue.is_shut_down());
        assert_eq!(queue.put(9), Err(PutError::ShutDown(9)));
        assert_eq!(queue.try_put(9), Err(PutError::ShutDown(9)));
        assert_eq!(queue.get(), Ok(0));
        assert_eq!(queue.try_get(), Ok(1));
        assert_eq!(queue.get(), Ok(2));
        assert_eq!(queue.get(), Err(GetError::ShutDown));
        assert_eq!(queue.try_get(), Err(GetError::ShutDown));
    });
}

#[test]
fn waiting_getters_err() {
    run(|| {
        let queue = Queue::<i32>::new(5);
        let getters = [(); 3].map(|()| {
            let queue = queue.clone();
            spawn(move || queue.get())
        });
        yield_now();
        queue.shutdown();
        for task in getters {
            assert_eq!(finished(task.join()), Err(GetError::ShutDown));
        }
    });
}

#[test]
fn waiting_putters_err_and_get_their_items_back() {
    run(|| {
        let queue = Queue::new(1);
        queue.put(0).expect("room");
        let putters = [1, 2].map(|n| {
            let queue = queue.clone();
            spawn(move || queue.put(n))
        });
        yield_now();
        queue.shutdown();
        for (n, task) in (1..).zip(putters) {
            assert_eq!(finished(task.join()), Err(PutError::ShutDown(n)));
        }
        assert_eq!(queue.get(), Ok(0));
        assert_eq!(queue.get(), Err(GetError::ShutDown));
    });
}

#[test]
fn a_putter_with_promised_room_errs_if_the_shutdown_is_first() {
    run(|| {
        let queue = Queue::new(1);
        queue.put(0).expect("room");
        let theirs = queue.clone();
        let putter = spawn(move || theirs.put(1));
        yield_now();
        assert_eq!(queue.get(), Ok(0));
        queue.shutdown();
        assert_eq!(finished(putter.join()), Err(PutError::ShutDown(1)));
        assert!(queue.is_empty());
    });
}

#[test]
fn a_getter_that_was_promised_an_item_gets_it_after_a_shutdown() {
    run(|| {
        let queue = Queue::unbounded();
        let theirs = queue.clone();
        let getter = spawn(move || theirs.get());
        yield_now();
        queue.put(1).expect("open");
        queue.shutdown();
        assert_eq!(finished(getter.join()), Ok(1));
    });
}

#[test]
fn a_cancelled_getters_item_goes_to_one_woken_by_the_shutdown() {
    run(|| {
        let queue = Queue::unbounded();
        let getters = [(); 2].map(|()| {
            let queue = queue.clone();
            spawn(move || queue.get())
        });
        yield_now();
        queue.put(1).expect("open");
        getters[0].cancel();
        queue.shutdown();
        let [cancelled, patient] = getters;
        assert_eq!(finished(patient.join()), Ok(1));
        assert!(cancelled.join().is_err());
        assert_eq!(queue.get(), Err(GetError::ShutDown));
    });
}

#[test]
fn at_once_drops_and_credits_the_remaining_items() {
    run(|| {
        let (queue, log) = (Queue::unbounded(), Log::default());
        for event in ["a", "b", "c"] {
            queue.put(log.guard(event)).expect("open");
        }
        let got = queue.get().expect("an item");
        let theirs = queue.clone();
        let joiner = spawn(move || theirs.join());
        yield_now();
        queue.shutdown_immediate();
        assert_eq!(log.take(), ["b", "c"]);
        yield_now();
        assert!(!joiner.is_done(), "the one that was got is not done");
        drop(got);
        queue.task_done().expect("one is unfinished");
        queue.task_done().expect_err("no other is");
        finished(joiner.join());
    });
}

#[test]
fn at_once_takes_back_a_promised_undelivered_item() {
    run(|| {
        let queue = Queue::unbounded();
        let theirs = queue.clone();
        let getter = spawn(move || theirs.get());
        yield_now();
        queue.put(1).expect("open");
        queue.shutdown_immediate();
        queue.join();
        assert_eq!(finished(getter.join()), Err(GetError::ShutDown));
        queue.task_done().expect_err("it was credited");
    });
}

#[test]
fn at_once_credits_no_more_items_than_are_unfinished() {
    let queue = Queue::unbounded();
    (0..3).for_each(|n| queue.try_put(n).expect("open"));
    queue.task_done().expect("three were put");
    queue.shutdown_immediate();
    queue.join();
    queue.task_done().expect_err("all are done");
}

#[test]
fn at_once_may_follow_a_shutdown() {
    let queue = Queue::unbounded();
    queue.try_put(1).expect("open");
    queue.shutdown();
    queue.shutdown_immediate();
    assert_eq!(queue.try_get(), Err(GetError::ShutDown));
    assert!(queue.is_empty());
    queue.join();
}

/// Dropping the remaining items runs user code, which may use the queue.
#[test]
fn a_dropped_item_may_use_its_queue() {
    let log = Log::default();
    let queue = Queue::<OnDrop<Box<dyn FnMut()>>>::unbounded();
    for n in 0..2 {
        let (theirs, log) = (queue.clone(), log.clone());
        let item = OnDrop(Box::new(move || {
            assert!(theirs.is_shut_down() && theirs.is_empty());
            assert!(theirs.try_get().is_err());
            theirs.shutdown_immediate();
            log.push(format!("dropped {n}"));
        }) as Box<_>);
        queue.try_put(item).map_err(drop).expect("open");
    }
    queue.shutdown_immediate();
    assert_eq!(log.take(), ["dropped 0", "dropped 1"]);
}

#[test]
fn the_other_queues_shut_down_the_same_way() {
    let lifo = LifoQueue::new(2);
    lifo.try_put(1).expect("open");
    lifo.try_put(2).expect("open");
    lifo.shutdown();
    assert_eq!(lifo.try_put(3), Err(PutError::ShutDown(3)));
    assert_eq!(lifo.try_get(), Ok(2));
    lifo.shutdown_immediate();
    assert_eq!(lifo.try_get(), Err(GetError::ShutDown));
    lifo.task_done().expect("the one that was got");
    lifo.join();

    let priority = PriorityQueue::new(2);
    priority.try_put(2).expect("open");
    priority.try_put(1).expect("open");
    priority.shutdown();
    assert_eq!(priority.try_get(), Ok(1));
    priority.shutdown_immediate();
    assert_eq!(priority.try_get(), Err(GetError::ShutDown));
}
