//! Done-callbacks of promises: asyncio's rules of order, removal and lists that change while they fire.

use std::rc::Rc;

use selvedge::task::current_task;
use selvedge::{Promise, sleep, spawn, yield_now};

use crate::support::{A_SECOND, Log, Reports, finished, in_virtual_loop, shared, virtual_loop};

#[test]
fn callbacks_run_in_order_with_the_promise_outside_any_task() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let promise = Promise::new();
        for n in 0..3 {
            let log = inside.clone();
            promise.add_done_callback(move |done: &Promise<u32>| {
                assert!(current_task().is_none());
                log.push(format!("{n} sees {}", finished(done.result())));
            });
        }
        promise.set_result(7).expect("pending");
        inside.push("set");
        yield_now();
    });
    assert_eq!(log.take(), ["set", "0 sees 7", "1 sees 7", "2 sees 7"]);
}

#[test]
fn a_callback_added_after_the_end_runs_through_the_queue() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let promise = Promise::new();
        promise.set_result(()).expect("pending");
        let late = inside.clone();
        promise.add_done_callback(move |_| late.push("callback"));
        inside.push("added");
        yield_now();
    });
    assert_eq!(log.take(), ["added", "callback"]);
}

#[test]
fn callbacks_run_after_a_cancel_and_after_an_exception() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let push = |event: &'static str| {
            let log = inside.clone();
            move |done: &Promise<u32>| {
                drop(done.exception());
                log.push(event);
            }
        };
        let (cancelled, failed) = (Promise::new(), Promise::new());
        cancelled.add_done_callback(push("cancelled"));
        failed.add_done_callback(push("failed"));
        cancelled.cancel();
        failed.set_exception("torn").expect("pending");
        yield_now();
    });
    assert_eq!(log.take(), ["cancelled", "failed"]);
}

#[test]
fn callbacks_and_waiters_share_one_order() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let promise = Promise::new();
        let callback = |event: &'static str| {
            let log = inside.clone();
            promise.add_done_callback(move |_: &Promise<u32>| log.push(event))
        };
        callback("callback 1");
        let (waited_on, logs) = (promise.clone(), inside.clone());
        let waiter = spawn(move || {
            drop(waited_on.wait());
            logs.push("waiter");
        });
        yield_now();
        callback("callback 2");
        promise.set_result(1).expect("pending");
        finished(waiter.join());
        yield_now();
    });
    assert_eq!(log.take(), ["callback 1", "waiter", "callback 2"]);
}

#[test]
fn remove_and_clear_return_what_they_removed() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let promise = Promise::<u32>::new();
        let push = |event: &'static str| {
            let log = inside.clone();
            move |_: &Promise<u32>| log.push(event)
        };
        let first = promise.add_done_callback(push("first"));
        let second = promise.add_done_callback(push("second"));
        promise.add_done_callback(push("third"));
        assert!(promise.remove_done_callback(second));
        assert!(!promise.remove_done_callback(second));
        promise.set_result(1).expect("pending");
        yield_now();
        assert!(!promise.remove_done_callback(first), "it has run");
        assert_eq!(promise.clear_done_callbacks(), 0);
        let other = Promise::<u32>::new();
        for _ in 0..5 {
            other.add_done_callback(push("cleared"));
        }
        assert_eq!(other.clear_done_callbacks(), 5);
        other.set_result(1).expect("pending");
        yield_now();
    });
    assert_eq!(log.take(), ["first", "third"]);
}

#[test]
fn the_id_of_another_promises_callback_removes_nothing() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let (one, other) = (Promise::<u32>::new(), Promise::<u32>::new());
        let logs = inside.clone();
        let id = one.add_done_callback(move |_| logs.push("one"));
        other.add_done_callback(move |_| inside.push("other"));
        let removed = other.remove_done_callback(id);
        one.set_result(1).expect("pending");
        other.set_result(1).expect("pending");
        yield_now();
        assert!(!removed);
    });
    assert_eq!(log.take(), ["one", "other"]);
}

#[test]
fn a_callback_may_set_wait_for_and_drop_other_promises() {
    in_virtual_loop(|| {
        let (first, second) = (Promise::new(), Promise::new());
        let next = second.clone();
        first.add_done_callback(move |done: &Promise<u32>| {
            next.set_result(finished(done.result()) + 1)
                .expect("pending");
            let another = Promise::<u32>::new();
            another.cancel();
        });
        first.set_result(1).expect("pending");
        assert_eq!(finished(second.wait()), 2);
    });
}

#[test]
fn a_callback_may_remove_a_later_one_while_they_fire() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let promise = Promise::<u32>::new();
        let later = shared(None);
        let (to_remove, logs) = (Rc::clone(&later), inside.clone());
        promise.add_done_callback(move |done| {
            let removed = to_remove
                .take()
                .is_some_and(|id| done.remove_done_callback(id));
            logs.push(if removed { "removed" } else { "late" });
        });
        let logs = inside.clone();
        later.set(Some(promise.add_done_callback(move |_| logs.push("ran"))));
        promise.set_result(1).expect("pending");
        sleep(A_SECOND);
    });
    // asyncio's callbacks leave the list when they are scheduled; the return value must agree with the effect.
    let events = log.take();
    assert!(
        events == ["late", "ran"] || events == ["removed"],
        "{events:?}"
    );
}

#[test]
fn a_callback_that_panics_is_reported_and_the_others_run() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let reports = Reports::of(&event_loop);
    let promise = event_loop.create_promise::<u32>();
    promise.add_done_callback(|_| panic!("out of a done-callback"));
    let inside = log.clone();
    promise.add_done_callback(move |_| inside.push("the next one"));
    promise.set_result(1).expect("pending");
    finished(event_loop.run_until_complete(yield_now));
    assert_eq!(log.take(), ["the next one"]);
    let exception = reports.only().exception.expect("the panic");
    assert_eq!(exception.message().unwrap(), "out of a done-callback");
}

#[test]
fn callbacks_of_a_pending_promise_are_dropped_with_it() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let promise = Promise::<u32>::new();
        let (guard, ran) = (inside.guard("callback dropped"), inside.clone());
        promise.add_done_callback(move |_| {
            let _guard = guard;
            ran.push("ran");
        });
        drop(promise);
        inside.push("promise dropped");
        yield_now();
    });
    assert_eq!(log.take(), ["callback dropped", "promise dropped"]);
}

#[test]
fn ten_thousand_callbacks_run_once_each() {
    in_virtual_loop(|| {
        let (promise, n_runs) = (Promise::<u32>::new(), shared(0));
        let ids: Vec<_> = (0..10_000)
            .map(|_| {
                let runs = Rc::clone(&n_runs);
                promise.add_done_callback(move |_| runs.set(runs.get() + 1))
            })
            .collect();
        for id in ids.into_iter().step_by(2) {
            assert!(promise.remove_done_callback(id));
        }
        promise.set_result(1).expect("pending");
        yield_now();
        assert_eq!(n_runs.get(), 5_000);
    });
}
