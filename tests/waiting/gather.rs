//! `gather` without errors: results in the order and the shape of the arguments, and the time of the return.

use std::rc::Rc;

use selvedge::task::{current_task, gather_settled};
use selvedge::{
    Coroutine, Promise, Task, TaskError, Yielder, gather, sleep, spawn, spawn_named, yield_now,
};

use crate::elapsed;
use crate::support::{A_SECOND, Hops, Log, finished, in_virtual_loop, shared, soon};

/// Sleeps a number of seconds and returns that number.
fn sleeper(seconds: u32) -> impl FnOnce() -> u32 + 'static {
    move || {
        sleep(seconds * A_SECOND);
        seconds
    }
}

#[test]
fn results_come_in_the_order_of_the_arguments() {
    in_virtual_loop(|| {
        let tasks: Vec<_> = [3, 1, 2].map(sleeper).map(spawn).into();
        assert_eq!(finished(gather(tasks)), [3, 1, 2]);
    });
}

#[test]
fn all_arguments_run_concurrently() {
    in_virtual_loop(|| {
        let start = elapsed();
        finished(gather(vec![sleeper(3), sleeper(3), sleeper(2)]));
        let end = elapsed();
        assert_eq!(end - start, 3 * A_SECOND);
    });
}

#[test]
fn the_shape_of_the_arguments_is_kept() {
    in_virtual_loop(|| {
        let vector: Vec<u32> = finished(gather(vec![sleeper(2), sleeper(1)]));
        let array: [u32; 3] = finished(gather([sleeper(2), sleeper(1), sleeper(4)]));
        let pair: (u32, String) = finished(gather((sleeper(1), || "weft".to_owned())));
        assert_eq!(vector, [2, 1]);
        assert_eq!(array, [2, 1, 4]);
        assert_eq!(pair, (1, "weft".to_owned()));
        let settled: [Result<u32, TaskError>; 2] = gather_settled([sleeper(1), sleeper(2)]);
        assert_eq!(settled.map(finished), [1, 2]);
    });
}

#[test]
fn tuples_hold_one_to_twelve_of_different_types() {
    in_virtual_loop(|| {
        assert_eq!(finished(gather((|| 'a',))), ('a',));
        let (a, b, c, d, e, f) = finished(gather((
            || 1_u8,
            || 2_u16,
            || 3_u32,
            || 4_u64,
            || "5",
            || '6',
        )));
        assert_eq!((a, b, c, d, e, f), (1, 2, 3, 4, "5", '6'));
        let twelve = (
            || 1_i8,
            sleeper(5),
            || 3_i16,
            sleeper(1),
            || 5_i32,
            || 6_i64,
            || 7_u8,
            || 8_u16,
            || 9_u64,
            || "10",
            || 'b',
            || (),
        );
        let results = finished(gather(twelve));
        assert_eq!(results, (1, 5, 3, 1, 5, 6, 7, 8, 9, "10", 'b', ()));
    });
}

#[test]
fn closures_coroutines_tasks_and_promises_gather_together() {
    in_virtual_loop(|| {
        let promise = Promise::new();
        let setter = promise.clone();
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
            yielder.suspend(());
            yielder.suspend(());
            "a coroutine"
        });
        coroutine.resume();
        let all = (
            move || setter.set_result("a promise"),
            coroutine,
            spawn(|| "a task"),
            promise,
        );
        let expected = (Ok(()), "a coroutine", "a task", "a promise");
        assert_eq!(finished(gather(all)), expected);
    });
}

#[test]
fn a_promise_may_be_given_twice_and_keeps_its_value() {
    in_virtual_loop(|| {
        let promise = Promise::new();
        let setter = promise.clone();
        soon(move || setter.set_result("kept".to_owned()).expect("pending"));
        let both = [promise.clone(), promise.clone()];
        assert_eq!(finished(gather(both)), ["kept", "kept"]);
        assert_eq!(finished(promise.result()), "kept");
    });
}

#[test]
fn gathering_nothing_returns_nothing_at_once_anywhere() {
    assert!(finished(gather(Vec::<Task<u8>>::new())).is_empty());
    in_virtual_loop(|| {
        let hops = Hops::start();
        yield_now();
        let none = hops.during(|| {
            assert!(finished(gather(Vec::<Task<u8>>::new())).is_empty());
            let array: [Task<u8>; 0] = [];
            assert!(finished(gather(array)).is_empty());
            assert!(gather_settled(Vec::<Promise<u8>>::new()).is_empty());
        });
        assert_eq!(none, 0);
    });
}

#[test]
fn finished_arguments_take_no_hop() {
    in_virtual_loop(|| {
        let hops = Hops::start();
        let tasks: Vec<_> = (0..3).map(|n| spawn(move || n)).collect();
        yield_now();
        assert!(tasks.iter().all(Task::is_done));
        let n_hops = hops.during(|| assert_eq!(finished(gather(tasks)), [0, 1, 2]));
        assert_eq!(n_hops, 0);
    });
}

#[test]
fn the_waiter_resumes_two_hops_after_the_last_completion() {
    in_virtual_loop(|| {
        let hops = Hops::start();
        let (count, done_at) = (hops.counter(), shared(0));
        let promise = Promise::new();
        let (setter, last) = (promise.clone(), Rc::clone(&done_at));
        let task = spawn(move || {
            yield_now();
            yield_now();
            setter.set_result(()).expect("pending");
            last.set(count.get());
        });
        finished(gather((spawn(|| ()), promise, task)));
        // The ticks of the counter come first in each iteration from the second hop on.
        assert_eq!(hops.count() - done_at.get(), 2);
    });
}

#[test]
fn the_waiter_runs_behind_callbacks_queued_before_its_2nd_hop() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let (first, second) = (inside.clone(), inside.clone());
        let task = spawn(move || {
            soon(first.pusher("queued by the task"));
            soon(move || {
                let third = second.clone();
                soon(third.pusher("queued in the next iteration"));
            });
        });
        finished(gather([task]));
        inside.push("gathered");
    });
    let order = [
        "queued by the task",
        "queued in the next iteration",
        "gathered",
    ];
    assert_eq!(log.take(), order);
}

#[test]
fn the_tasks_made_of_closures_are_tasks_of_their_own() {
    in_virtual_loop(|| {
        let own = current_task().expect("a task").id();
        let id = || current_task().expect("a task").id();
        let ids = finished(gather([id, id]));
        assert!(ids[0] != own && ids[1] != own && ids[0] != ids[1]);
    });
}

#[test]
fn ten_thousand_tasks_are_gathered() {
    let n = crate::support::many_stacks(10_000) as u32;
    in_virtual_loop(move || {
        let tasks: Vec<_> = (0..n).map(|n| move || n).collect();
        assert!(finished(gather(tasks)).into_iter().eq(0..n));
    });
}

#[test]
fn gathers_nest() {
    in_virtual_loop(|| {
        let row = |n: u32| move || finished(gather([sleeper(n), sleeper(2 * n)]));
        let rows = finished(gather((1..4).map(row).collect::<Vec<_>>()));
        assert_eq!(rows, [[1, 2], [2, 4], [3, 6]]);
    });
}

#[test]
fn a_deadlock_report_names_the_gathered_tasks() {
    let outcome = selvedge::try_run(|| {
        let never = Promise::<()>::new();
        let inner = spawn_named("weaver", move || drop(never.wait()));
        let _ = gather([inner]);
    });
    let selvedge::RunError::Deadlock(deadlock) = outcome.expect_err("a deadlock") else {
        panic!("another error");
    };
    assert!(deadlock.waits().any(|(_, what)| what == "the task weaver"));
    assert!(deadlock.cycle().is_none());
}
