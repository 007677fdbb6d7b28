//! Queues and cancelled waiters: wake-ups are passed on, and a promised item keeps its place.

use selvedge::sync::{GetError, PriorityQueue, PutError, Queue};
use selvedge::task::catch_cancelled;
use selvedge::{Task, run, spawn, yield_now};

use crate::support::{Log, finished};

fn getter(queue: &Queue<i32>) -> Task<i32> {
    let queue = queue.clone();
    spawn(move || queue.get().expect("an item"))
}

fn putter(queue: &Queue<i32>, item: i32) -> Task<()> {
    let queue = queue.clone();
    spawn(move || queue.put(item).expect("open"))
}

#[test]
fn a_cancelled_getter_is_passed_over() {
    run(|| {
        let queue = Queue::unbounded();
        let getters = [getter(&queue), getter(&queue), getter(&queue)];
        yield_now();
        getters[1].cancel();
        (1..3).for_each(|n| queue.put(n).expect("room"));
        let [first, second, third] = getters;
        assert_eq!(finished(first.join()), 1);
        assert!(second.join().unwrap_err().is_cancelled());
        assert_eq!(finished(third.join()), 2);
    });
}

#[test]
fn an_item_on_its_way_to_a_cancelled_getter_goes_to_the_next() {
    run(|| {
        let queue = Queue::unbounded();
        let (first, second) = (getter(&queue), getter(&queue));
        yield_now();
        queue.put(1).expect("room");
        first.cancel();
        assert!(first.join().unwrap_err().is_cancelled());
        assert_eq!(finished(second.join()), 1);
    });
}

#[test]
fn an_item_on_its_way_to_a_cancelled_getter_stays_at_the_front() {
    run(|| {
        let queue = Queue::unbounded();
        let task = getter(&queue);
        yield_now();
        (1..4).for_each(|n| queue.put(n).expect("room"));
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        let items: Vec<i32> = (0..3).map(|_| queue.try_get().expect("an item")).collect();
        assert_eq!(items, [1, 2, 3]);
        assert_eq!(queue.try_get(), Err(GetError::Empty));
    });
}

#[test]
fn items_of_several_cancelled_getters_keep_their_order() {
    run(|| {
        let queue = Queue::unbounded();
        let cancelled = [getter(&queue), getter(&queue), getter(&queue)];
        let patient = [getter(&queue), getter(&queue)];
        yield_now();
        (1..5).for_each(|n| queue.put(n).expect("room"));
        cancelled.iter().for_each(|task| assert!(task.cancel()));
        for (n, task) in patient.into_iter().enumerate() {
            // The first of the two was promised an item, the other gets a returned one.
            let got = finished(task.join());
            assert!((1..=2).contains(&got), "{n} got {got}");
        }
        assert_eq!(queue.try_get(), Ok(3));
        assert_eq!(queue.try_get(), Ok(4));
        assert!(queue.is_empty());
    });
}

#[test]
fn room_on_its_way_to_a_cancelled_putter_goes_to_the_next() {
    run(|| {
        let queue = Queue::new(1);
        queue.put(0).expect("room");
        let (first, second) = (putter(&queue, 1), putter(&queue, 2));
        yield_now();
        assert_eq!(queue.get(), Ok(0));
        first.cancel();
        assert!(first.join().unwrap_err().is_cancelled());
        assert_eq!(queue.get(), Ok(2));
        finished(second.join());
        assert!(queue.is_empty() && !queue.is_full());
    });
}

#[test]
fn unclaimed_room_is_free_again() {
    run(|| {
        let queue = Queue::new(1);
        queue.put(0).expect("room");
        let task = putter(&queue, 1);
        yield_now();
        assert_eq!(queue.get(), Ok(0));
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        queue.try_put(3).expect("the room came back");
        assert_eq!(queue.try_put(4), Err(PutError::Full(4)));
    });
}

#[test]
fn a_cancelled_put_drops_its_item_and_changes_nothing() {
    run(|| {
        let (queue, log) = (Queue::new(1), Log::default());
        queue.put(log.guard("first")).expect("room");
        let item = log.guard("cancelled");
        let theirs = queue.clone();
        let task = spawn(move || theirs.put(item).is_ok());
        yield_now();
        task.cancel();
        assert!(task.join().is_err());
        assert_eq!(log.take(), ["cancelled"]);
        drop(queue.get());
        queue.task_done().expect("one was put");
        queue.task_done().expect_err("the other was not");
        queue.join();
    });
}

#[test]
fn a_getter_that_catches_its_cancel_can_get_again() {
    run(|| {
        let queue = Queue::unbounded();
        let theirs = queue.clone();
        let task = spawn(move || {
            let caught = catch_cancelled(|| theirs.get());
            assert!(caught.is_err());
            theirs.get()
        });
        yield_now();
        queue.put(1).expect("room");
        task.cancel();
        assert_eq!(finished(task.join()), Ok(1));
    });
}

#[test]
fn a_cancel_before_a_wait_takes_nothing() {
    run(|| {
        let queue = Queue::<i32>::unbounded();
        let theirs = queue.clone();
        let task = spawn(move || {
            let me = selvedge::task::current_task().expect("a task");
            me.cancel();
            theirs.get()
        });
        let next = getter(&queue);
        assert!(task.join().unwrap_err().is_cancelled());
        queue.put(1).expect("room");
        assert_eq!(finished(next.join()), 1);
    });
}

#[test]
fn a_cancelled_joiner_leaves_the_others_waiting() {
    run(|| {
        let queue = Queue::unbounded();
        queue.put(1).expect("room");
        let joiners = [(); 2].map(|()| {
            let queue = queue.clone();
            spawn(move || queue.join())
        });
        yield_now();
        joiners[0].cancel();
        yield_now();
        assert!(joiners[0].is_done() && !joiners[1].is_done());
        queue.task_done().expect("one was put");
        let [_, patient] = joiners;
        finished(patient.join());
    });
}

#[test]
fn an_item_returned_to_a_priority_queue_competes_with_new_ones() {
    run(|| {
        let queue = PriorityQueue::unbounded();
        let theirs = queue.clone();
        let task = spawn(move || theirs.get());
        yield_now();
        queue.put(5).expect("room");
        queue.put(3).expect("room");
        // The getter takes the smallest item that is in the queue when it runs.
        assert_eq!(finished(task.join()), Ok(3));
        let theirs = queue.clone();
        assert_eq!(queue.get(), Ok(5));
        let task = spawn(move || theirs.get());
        yield_now();
        queue.put(7).expect("room");
        task.cancel();
        assert!(task.join().is_err());
        assert_eq!(queue.try_get(), Ok(7));
    });
}

/// The loop of a getter with a promised item closes: a getter on another loop gets the item.
#[test]
fn a_closing_loops_getter_passes_its_item_to_another_loop() {
    let queue = Queue::unbounded();
    let event_loop = crate::support::event_loop();
    let theirs = queue.clone();
    let waiter = event_loop.create_task(move || theirs.get());
    event_loop.stop();
    event_loop.run_forever().expect("it stops");
    queue.put(1).expect("room");
    assert_eq!(queue.try_get(), Err(GetError::Empty));
    drop(waiter);
    event_loop.set_exception_handler(|_| ());
    drop(event_loop);
    // The getter has run once more, with a cancel.
    run(|| assert_eq!(queue.get(), Ok(1)));
}

#[test]
fn an_abandoned_getter_is_passed_over() {
    let queue = Queue::unbounded();
    let event_loop = selvedge::EventLoop::builder()
        .shutdown_timeout(std::time::Duration::ZERO)
        .build()
        .expect("a loop");
    event_loop.set_exception_handler(|_| ());
    let theirs = queue.clone();
    drop(event_loop.create_task(move || {
        loop {
            let _ = catch_cancelled(|| theirs.get());
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| theirs.get()));
        }
    }));
    event_loop.stop();
    event_loop.run_forever().expect("it stops");
    drop(event_loop);
    run(|| {
        let patient = getter(&queue);
        yield_now();
        queue.put(1).expect("room");
        assert_eq!(finished(patient.join()), 1);
    });
}
