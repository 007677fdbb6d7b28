//! `gather` and `gather_settled` when some children fail: the results, and the fate of the other
//! children.

use std::rc::Rc;

use selvedge::task::gather_settled;
use selvedge::{Promise, Task, TaskError, gather, sleep, spawn, spawn_fallible, yield_now};

use crate::elapsed;
use crate::support::{
    A_SECOND, AN_HOUR, Hops, Log, OnDrop, Reports, caught, finished, in_virtual_loop, shared, text,
    virtual_loop,
};

fn failing(seconds: u32, text: &'static str) -> Task<u32> {
    spawn_fallible(move || {
        sleep(seconds * A_SECOND);
        Err::<u32, _>(text)
    })
}

#[test]
fn the_first_error_in_time_is_returned_at_once() {
    in_virtual_loop(|| {
        let start = elapsed();
        let tasks = [
            failing(3, "late"),
            failing(1, "early"),
            spawn(|| {
                sleep(AN_HOUR);
                0
            }),
        ];
        let error = gather(tasks).expect_err("two fail");
        assert_eq!(error.message().unwrap(), "early");
        let end = elapsed();
        assert_eq!(end - start, A_SECOND);
    });
}

#[test]
fn an_error_takes_two_hops_and_an_existing_one_none() {
    in_virtual_loop(|| {
        let hops = Hops::start();
        let (count, failed_at) = (hops.counter(), shared(0));
        let last = Rc::clone(&failed_at);
        let failing = spawn_fallible(move || {
            yield_now();
            last.set(count.get());
            Err::<(), _>("torn")
        });
        let endless = || sleep(AN_HOUR);
        gather((failing, endless)).expect_err("one fails");
        assert_eq!(hops.count() - failed_at.get(), 2);

        let failed = spawn_fallible(|| Err::<(), _>("torn"));
        yield_now();
        let n_hops = hops.during(|| drop(gather((failed, endless)).expect_err("one has failed")));
        assert_eq!(n_hops, 0);
    });
}

#[test]
fn a_panic_is_the_error_of_the_gather() {
    in_virtual_loop(|| {
        let error = gather((|| 1, || -> u8 { panic!("the shuttle jammed") })).expect_err("a panic");
        assert!(error.is_panic());
        let payload = caught(|| std::panic::resume_unwind(error.into_panic().expect("a panic")));
        assert_eq!(text(&payload), "the shuttle jammed");
    });
}

#[test]
fn a_cancelled_child_is_an_error_and_not_a_cancel_of_the_waiter() {
    in_virtual_loop(|| {
        let child = spawn(|| sleep(AN_HOUR));
        let target = child.task_ref();
        selvedge::event_loop::current_loop()
            .expect("a loop")
            .call_soon(move || assert!(target.cancel_with("enough")))
            .expect("open");
        let error = gather([child]).expect_err("cancelled");
        assert!(error.is_cancelled());
        assert_eq!(error.message().unwrap(), "enough");
        // The waiter goes on.
        sleep(A_SECOND);

        let promise = Promise::<u8>::new();
        promise.cancel();
        assert!(gather([promise]).expect_err("cancelled").is_cancelled());
    });
}

#[test]
fn siblings_keep_running_after_an_error() {
    in_virtual_loop(|| {
        let is_done = shared(false);
        let done = Rc::clone(&is_done);
        let slow = move || {
            sleep(2 * A_SECOND);
            done.set(true);
        };
        gather((slow, failing(1, "torn"))).expect_err("one fails");
        assert!(!is_done.get());
        sleep(2 * A_SECOND);
        assert!(is_done.get());
    });
}

#[test]
fn later_errors_count_as_retrieved() {
    let event_loop = virtual_loop();
    let reports = Reports::of(&event_loop);
    let outcome = event_loop.run_until_complete(|| {
        let promise = Promise::<u32>::new();
        let setter = promise.clone();
        let tasks = (
            failing(2, "later"),
            failing(1, "first"),
            failing(1, "too"),
            promise,
        );
        let error = gather(tasks).expect_err("three fail");
        sleep(2 * A_SECOND);
        setter.set_exception("latest").expect("pending");
        drop(setter);
        error.message().unwrap()
    });
    assert_eq!(finished(outcome), "first");
    drop(event_loop);
    assert!(reports.take().is_empty());
}

#[test]
fn errors_gathered_by_an_unwound_task_count_as_retrieved() {
    let event_loop = virtual_loop();
    let reports = Reports::of(&event_loop);
    let outcome = event_loop.run_until_complete(|| {
        let swallowing = || {
            drop(selvedge::task::catch_cancelled(|| sleep(AN_HOUR)));
            sleep(A_SECOND);
            7_u32
        };
        let outer = spawn(move || drop(gather_settled((swallowing, failing(1, "torn")))));
        yield_now();
        yield_now();
        outer.cancel();
        assert!(outer.join().expect_err("cancelled").is_cancelled());
    });
    finished(outcome);
    drop(event_loop);
    assert!(reports.take().is_empty());
}

#[test]
fn gather_settled_waits_for_all_and_gives_each_outcome() {
    in_virtual_loop(|| {
        let cancelled = spawn(|| sleep(AN_HOUR));
        cancelled.cancel();
        let (fails, returns, panics, is_cancelled) = gather_settled((
            failing(1, "torn"),
            || {
                sleep(3 * A_SECOND);
                5
            },
            || -> () { panic!("jammed") },
            cancelled,
        ));
        assert_eq!(fails.expect_err("it fails").message().unwrap(), "torn");
        assert_eq!(finished(returns), 5);
        assert!(panics.expect_err("it panics").is_panic());
        assert!(is_cancelled.expect_err("cancelled").is_cancelled());
    });
}

#[test]
fn results_that_came_before_an_error_are_dropped_in_the_waiter() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let value = inside.clone();
        let returns = move || value.guard("the value is dropped");
        let error = gather((returns, failing(1, "torn"))).expect_err("one fails");
        inside.push(error.message().unwrap());
    });
    assert_eq!(log.take(), ["the value is dropped", "torn"]);
}

#[test]
fn a_value_whose_drop_gathers_and_cancels_does_no_harm() {
    in_virtual_loop(|| {
        let sibling = spawn(|| sleep(AN_HOUR));
        let view = sibling.task_ref();
        let returns = move || {
            OnDrop(move || {
                view.cancel();
                assert_eq!(finished(gather([|| 1, || 2])), [1, 2]);
            })
        };
        let result = gather((returns, sibling, failing(1, "torn")));
        assert_eq!(
            result.map(drop).expect_err("one fails").message().unwrap(),
            "torn"
        );
    });
}

#[test]
fn a_promise_whose_result_was_taken_is_an_error() {
    in_virtual_loop(|| {
        let promise = Promise::new();
        promise.set_result(1).expect("pending");
        assert_eq!(finished(promise.try_take()), 1);
        let error = gather(vec![promise.clone()]).expect_err("it is gone");
        assert!(error.is_invalid_state());
        let error = gather([promise.clone()]).expect_err("it is gone");
        assert!(error.is_invalid_state());
        let [result]: [Result<i32, TaskError>; 1] = gather_settled([promise]);
        assert!(result.expect_err("it is gone").is_invalid_state());
    });
}
