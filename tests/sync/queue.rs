//! Queues: order, limits, fairness, hops, and the count of unfinished items.

use selvedge::sync::{GetError, LifoQueue, PriorityQueue, PutError, Queue};
use selvedge::{Task, run, spawn, yield_now};

use crate::support::{Hops, Log, finished, in_virtual_loop, sentence, soon};

#[test]
fn items_come_out_in_the_order_of_puts() {
    run(|| {
        let queue = Queue::new(3);
        let producer = spawn({
            let queue = queue.clone();
            move || (0..1000).for_each(|n| queue.put(n).expect("open"))
        });
        for n in 0..1000 {
            assert_eq!(queue.get(), Ok(n));
            assert!(queue.len() <= 3);
        }
        finished(producer.join());
        assert!(queue.is_empty());
    });
}

#[test]
fn an_unbounded_queue_has_no_limit() {
    for queue in [Queue::unbounded(), Queue::default()] {
        (0..10_000).for_each(|n| queue.try_put(n).expect("there is always room"));
        assert_eq!((queue.capacity(), queue.len()), (None, 10_000));
        assert!(!queue.is_full() && !queue.is_empty());
        assert_eq!(queue.try_get(), Ok(0));
    }
}

#[test]
fn a_capacity_of_zero_panics_and_names_unbounded() {
    let refusals = [
        sentence(|| drop(Queue::<u32>::new(0))),
        sentence(|| drop(LifoQueue::<u32>::new(0))),
        sentence(|| drop(PriorityQueue::<u32>::new(0))),
    ];
    for refusal in refusals {
        assert!(refusal.contains("`Queue::unbounded()`"), "{refusal}");
    }
}

#[test]
fn a_huge_capacity_allocates_nothing_ahead() {
    let queue = Queue::new(usize::MAX);
    queue.try_put([0_u64; 16]).expect("there is room");
    assert_eq!(queue.capacity(), Some(usize::MAX));
    assert!(!queue.is_full());
}

#[test]
fn a_refused_item_is_returned() {
    let queue = Queue::new(2);
    queue.try_put("a".to_owned()).expect("room");
    queue.try_put("b".to_owned()).expect("room");
    assert!(queue.is_full());
    let refused = queue.try_put("c".to_owned()).unwrap_err();
    assert!(refused.is_full() && !refused.is_shut_down());
    assert_eq!(refused.to_string(), "the queue is full");
    assert_eq!(refused.into_inner(), "c");
    queue.shutdown();
    let refused = queue.put("d".to_owned()).unwrap_err();
    assert_eq!(refused, PutError::ShutDown("d".to_owned()));
}

#[test]
fn an_empty_queue_reports_that_it_is_empty() {
    assert_eq!(Queue::<u32>::new(1).try_get(), Err(GetError::Empty));
    assert_eq!(LifoQueue::<u32>::new(1).try_get(), Err(GetError::Empty));
    assert_eq!(PriorityQueue::<u32>::new(1).try_get(), Err(GetError::Empty));
}

#[test]
fn operations_that_need_no_wait_need_no_loop_and_never_suspend() {
    let queue = Queue::new(1);
    queue.put(1).expect("room");
    assert_eq!(queue.get(), Ok(1));
    run(|| {
        let hops = Hops::start();
        let n_hops = hops.during(|| {
            // Fewer operations than those after which a task gives the others a turn.
            for n in 0..50 {
                queue.put(n).expect("room");
                assert_eq!(queue.get(), Ok(n));
                queue.task_done().expect("it was put");
            }
        });
        assert_eq!(n_hops, 0);
    });
}

/// The number of hops from the end of `act` until `waiter`, which is parked by then, resumes.
fn hops_to_wake(waiter: impl FnOnce() + 'static, act: impl FnOnce()) -> u64 {
    let hops = Hops::start();
    let counter = hops.counter();
    let task = spawn(move || {
        waiter();
        counter.get()
    });
    yield_now();
    yield_now();
    let before = hops.count();
    act();
    finished(task.join()) - before
}

#[test]
fn a_waiter_resumes_one_hop_later() {
    run(|| {
        let queue = Queue::new(1);
        let theirs = queue.clone();
        let getter = move || assert_eq!(theirs.get(), Ok(5));
        assert_eq!(hops_to_wake(getter, || queue.put(5).expect("room")), 1);

        queue.put(6).expect("room");
        let theirs = queue.clone();
        let putter = move || theirs.put(7).expect("open");
        assert_eq!(hops_to_wake(putter, || assert_eq!(queue.get(), Ok(6))), 1);
        assert_eq!(queue.get(), Ok(7));

        (0..2).for_each(|_| queue.task_done().expect("three were put"));
        let theirs = queue.clone();
        let done = || queue.task_done().expect("three were put");
        assert_eq!(hops_to_wake(move || theirs.join(), done), 1);
    });
}

#[test]
fn getters_are_served_in_the_order_of_their_waits() {
    run(|| {
        let (queue, log) = (Queue::unbounded(), Log::default());
        let getters: Vec<Task<()>> = (0..4)
            .map(|n| {
                let (queue, log) = (queue.clone(), log.clone());
                spawn(move || log.push(format!("{n} gets {}", queue.get().expect("an item"))))
            })
            .collect();
        yield_now();
        (10..14).for_each(|n| queue.try_put(n).expect("room"));
        getters.into_iter().for_each(|task| finished(task.join()));
        let expected = ["0 gets 10", "1 gets 11", "2 gets 12", "3 gets 13"];
        assert_eq!(log.take(), expected);
    });
}

#[test]
fn putters_are_served_in_the_order_of_their_waits() {
    run(|| {
        let queue = Queue::new(1);
        queue.put(0).expect("room");
        let putters: Vec<Task<()>> = (1..5)
            .map(|n| {
                let queue = queue.clone();
                spawn(move || queue.put(n).expect("open"))
            })
            .collect();
        yield_now();
        let items: Vec<i32> = (0..5).map(|_| queue.get().expect("an item")).collect();
        assert_eq!(items, [0, 1, 2, 3, 4]);
        putters.into_iter().for_each(|task| finished(task.join()));
    });
}

#[test]
fn a_promised_item_cannot_be_taken_by_another_task() {
    run(|| {
        let queue = Queue::unbounded();
        let theirs = queue.clone();
        let waiter = spawn(move || theirs.get());
        yield_now();
        queue.put('a').expect("room");
        assert_eq!(queue.len(), 1);
        assert_eq!(queue.try_get(), Err(GetError::Empty));
        let theirs = queue.clone();
        let late = spawn(move || theirs.get());
        queue.put('b').expect("room");
        // One of the two is not. Items come out in order, whichever task takes them.
        assert_eq!(queue.try_get(), Ok('a'));
        assert_eq!(queue.try_get(), Err(GetError::Empty));
        assert_eq!(finished(waiter.join()), Ok('b'));
        queue.put('c').expect("room");
        assert_eq!(finished(late.join()), Ok('c'));
    });
}

#[test]
fn promised_room_cannot_be_taken_by_another_task() {
    run(|| {
        let queue = Queue::new(1);
        queue.put('a').expect("room");
        let theirs = queue.clone();
        let waiter = spawn(move || theirs.put('b'));
        yield_now();
        assert_eq!(queue.get(), Ok('a'));
        assert_eq!(queue.try_put('x'), Err(PutError::Full('x')));
        assert_eq!(queue.get(), Ok('b'));
        assert_eq!(finished(waiter.join()), Ok(()));
    });
}

#[test]
fn join_waits_until_every_item_is_done() {
    in_virtual_loop(|| {
        let (queue, log) = (Queue::new(2), Log::default());
        let worker = spawn({
            let (queue, log) = (queue.clone(), log.clone());
            move || {
                while let Ok(n) = queue.get() {
                    yield_now();
                    log.push(format!("done {n}"));
                    queue.task_done().expect("it was put");
                }
            }
        });
        (0..3).for_each(|n| queue.put(n).expect("open"));
        queue.join();
        log.push("joined");
        assert_eq!(log.take(), ["done 0", "done 1", "done 2", "joined"]);
        queue.join();
        queue.shutdown();
        finished(worker.join());
    });
}

#[test]
fn every_joiner_is_woken_even_if_more_was_put_meanwhile() {
    run(|| {
        let queue = Queue::unbounded();
        queue.put(1).expect("room");
        let joiners: Vec<Task<()>> = (0..3)
            .map(|_| {
                let queue = queue.clone();
                spawn(move || queue.join())
            })
            .collect();
        yield_now();
        queue.task_done().expect("one was put");
        queue.put(2).expect("room");
        joiners.into_iter().for_each(|task| finished(task.join()));
    });
}

#[test]
fn task_done_cannot_exceed_the_number_of_items_put() {
    let queue = Queue::unbounded();
    let error = queue.task_done().unwrap_err();
    crate::support::assert_sentence(&error.to_string());
    queue.try_put(1).expect("room");
    // The item need not have been taken, as in asyncio.
    queue.task_done().expect("one was put");
    queue.task_done().unwrap_err();
    assert_eq!(queue.try_get(), Ok(1));
}

#[test]
fn a_callback_may_use_operations_that_need_no_wait() {
    run(|| {
        let queue = Queue::new(1);
        let theirs = queue.clone();
        soon(move || {
            theirs.put(1).expect("room");
            let refused = theirs.put(2).unwrap_err();
            crate::support::assert_sentence(&refused.to_string());
            assert!(matches!(refused, PutError::CantWait(2, _)));
        });
        assert_eq!(queue.get(), Ok(1));
    });
}

#[test]
fn loops_of_a_thread_may_share_a_queue_one_after_the_other() {
    let queue = Queue::new(2);
    run(|| queue.put("first").expect("room"));
    run(|| assert_eq!(queue.get(), Ok("first")));
}

#[test]
fn dropping_the_last_handle_drops_the_items() {
    let log = Log::default();
    let queue = Queue::unbounded();
    queue.try_put(log.guard("dropped")).expect("room");
    let other = queue.clone();
    drop(queue);
    assert!(log.take().is_empty());
    drop(other);
    assert_eq!(log.take(), ["dropped"]);
}
