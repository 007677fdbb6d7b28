//! Promises: their three states, setting, waiting, and retrieving the value.

use std::error::Error;
use std::fmt;
use std::io;

use selvedge::{Promise, sleep, spawn, yield_now};

use crate::support::{
    A_SECOND, Log, Reports, assert_sentence, finished, in_virtual_loop, virtual_loop,
};

#[derive(Debug)]
struct Torn;

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the warp is torn")
    }
}

impl Error for Torn {}

#[test]
fn a_pending_promise_has_neither_result_nor_exception() {
    in_virtual_loop(|| {
        let promise = Promise::<u32>::new();
        assert!(!promise.is_done() && !promise.is_cancelled());
        for error in [
            promise.result().expect_err("pending"),
            promise.exception().expect_err("pending"),
            promise.try_take().expect_err("pending"),
            promise
                .with_result(|_| panic!("called while pending"))
                .expect_err("pending"),
        ] {
            assert!(error.is_invalid_state() && !error.is_cancelled() && !error.is_panic());
            assert_sentence(&error.to_string());
        }
    });
}

#[test]
fn a_set_promise_gives_its_value_to_every_clone_repeatedly() {
    in_virtual_loop(|| {
        let promise = Promise::new();
        let other = promise.clone();
        promise.set_result(String::from("cloth")).expect("pending");
        assert!(other.is_done() && !other.is_cancelled());
        assert!(finished(other.exception()).is_none());
        for promise in [&promise, &other, &promise] {
            assert_eq!(finished(promise.result()), "cloth");
            assert_eq!(finished(promise.wait()), "cloth");
        }
    });
}

#[test]
fn setting_twice_returns_the_value_and_changes_nothing() {
    in_virtual_loop(|| {
        let promise = Promise::new();
        assert_eq!(promise.set_result(1), Ok(()));
        assert_eq!(promise.set_result(2), Err(2));
        assert!(
            promise
                .set_exception(Torn)
                .expect_err("it is set")
                .is_invalid_state()
        );
        assert_eq!(finished(promise.result()), 1);
    });
}

#[test]
fn an_exception_keeps_its_type_and_value() {
    in_virtual_loop(|| {
        let promise = Promise::<u32>::new();
        promise.set_exception(Torn).expect("pending");
        assert!(promise.is_done() && !promise.is_cancelled());
        for error in [
            promise.result().expect_err("an exception"),
            promise.wait().expect_err("an exception"),
            finished(promise.exception()).expect("an exception"),
        ] {
            assert!(error.downcast_ref::<Torn>().is_some());
            assert!(error.downcast_ref::<io::Error>().is_none());
            assert!(!error.is_panic() && !error.is_cancelled() && !error.is_invalid_state());
            assert!(error.to_string().contains("the warp is torn"), "{error}");
        }
        assert_eq!(promise.set_result(3), Err(3));
        let text = Promise::<()>::new();
        text.set_exception("a text is an error as well")
            .expect("pending");
        let message = text
            .wait()
            .expect_err("an exception")
            .message()
            .unwrap()
            .to_string();
        assert!(message.contains("a text is an error"), "{message}");
    });
}

#[test]
fn cancel_returns_whether_it_cancelled() {
    in_virtual_loop(|| {
        let promise = Promise::<u32>::new();
        assert!(promise.cancel_with("enough"));
        assert!(promise.is_done() && promise.is_cancelled());
        assert!(!promise.cancel());
        for error in [
            promise.result().expect_err("cancelled"),
            promise.exception().expect_err("cancelled"),
            promise.wait().expect_err("cancelled"),
            promise.try_take().expect_err("cancelled"),
        ] {
            assert!(error.is_cancelled());
            assert_eq!(error.message().unwrap(), "enough");
        }
        let done = Promise::new();
        done.set_result(1).expect("pending");
        assert!(!done.cancel() && !done.is_cancelled());
        assert_eq!(finished(done.result()), 1);
    });
}

#[test]
fn a_cancelled_promise_is_an_error_that_its_waiter_survives() {
    in_virtual_loop(|| {
        let promise = Promise::<u32>::new();
        let waited_on = promise.clone();
        let waiter = spawn(move || {
            let error = waited_on.wait().expect_err("cancelled");
            sleep(A_SECOND);
            error.message().unwrap().to_string()
        });
        yield_now();
        promise.cancel_with("enough");
        assert_eq!(finished(waiter.join()), "enough");
    });
}

#[test]
fn waiters_resume_in_the_order_of_their_waits() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let promise = Promise::new();
        let waiters: Vec<_> = (0..5)
            .map(|n| {
                let (waited_on, log): (Promise<u32>, Log) = (promise.clone(), inside.clone());
                spawn(move || log.push(format!("{n} got {}", finished(waited_on.wait()))))
            })
            .collect();
        yield_now();
        promise.set_result(9).expect("pending");
        for waiter in waiters {
            finished(waiter.join());
        }
    });
    assert_eq!(
        log.take(),
        ["0 got 9", "1 got 9", "2 got 9", "3 got 9", "4 got 9"]
    );
}

#[test]
fn a_cancelled_waiter_leaves_the_list_in_order() {
    // Waiting for a promise in a task that is cancelled cancels the promise, so the middle one joins a task instead.
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let promise = Promise::new();
        let wait = |n: u32| {
            let (waited_on, log): (Promise<u32>, Log) = (promise.clone(), inside.clone());
            spawn(move || log.push(format!("{n} got {:?}", waited_on.wait().ok())))
        };
        let (first, second, third) = (wait(1), wait(2), wait(3));
        yield_now();
        second.cancel();
        assert!(second.join().expect_err("cancelled").is_cancelled());
        finished(first.join());
        finished(third.join());
        assert!(promise.is_cancelled());
    });
    assert_eq!(log.take(), ["1 got None", "3 got None"]);
}

#[test]
fn an_unretrieved_exception_is_reported_at_the_last_drop() {
    let event_loop = virtual_loop();
    let reports = Reports::of(&event_loop);
    let promise = event_loop.create_promise::<u32>();
    let other = promise.clone();
    promise.set_exception(Torn).expect("pending");
    drop(promise);
    finished(event_loop.run_until_complete(yield_now));
    assert!(reports.take().is_empty());
    drop(other);
    finished(event_loop.run_until_complete(yield_now));
    let report = reports.only();
    assert!(
        report
            .exception
            .expect("it")
            .downcast_ref::<Torn>()
            .is_some()
    );
    assert_sentence(&report.message);
}

#[test]
fn a_retrieved_exception_is_never_reported() {
    type Retrieve = fn(&Promise<u32>);
    let ways: [(&str, Retrieve); 5] = [
        ("wait", |promise| drop(promise.wait())),
        ("take", |promise| drop(promise.take())),
        ("result", |promise| drop(promise.result())),
        ("exception", |promise| drop(promise.exception())),
        ("with_result", |promise| {
            drop(promise.with_result(|result| result.is_err()))
        }),
    ];
    for (name, retrieve) in ways {
        let event_loop = virtual_loop();
        let reports = Reports::of(&event_loop);
        finished(event_loop.run_until_complete(move || {
            let promise = Promise::new();
            promise.set_exception(Torn).expect("pending");
            retrieve(&promise);
        }));
        drop(event_loop);
        assert!(
            reports.take().is_empty(),
            "reported though retrieved by {name}"
        );
    }
}

#[test]
fn values_cancels_and_pending_promises_are_never_reported() {
    let event_loop = virtual_loop();
    let reports = Reports::of(&event_loop);
    finished(event_loop.run_until_complete(|| {
        drop(Promise::<u32>::new());
        let set = Promise::new();
        set.set_result(1).expect("pending");
        let cancelled = Promise::<u32>::new();
        cancelled.cancel();
    }));
    drop(event_loop);
    assert!(reports.take().is_empty());
}

#[test]
fn a_promise_can_be_set_and_read_outside_a_run() {
    let event_loop = virtual_loop();
    let promise = event_loop.create_promise();
    promise.set_result(3).expect("pending");
    assert_eq!(finished(promise.result()), 3);
    assert_eq!(finished(event_loop.run_until_complete(promise)), 3);
}

#[test]
fn a_promise_outlives_its_loop() {
    let event_loop = virtual_loop();
    let (set, pending) = (
        event_loop.create_promise(),
        event_loop.create_promise::<u32>(),
    );
    set.set_result(3).expect("pending");
    drop(event_loop);
    assert_eq!(finished(set.result()), 3);
    // The results of a pending promise after its loop's end are unspecified; the calls must return.
    let _answers = (
        pending.is_done(),
        pending.set_result(1),
        pending.result().is_ok(),
    );
    drop(pending);
}
