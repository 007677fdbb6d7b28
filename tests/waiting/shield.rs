//! `shield`: the outer wait is cancelled, the inner task goes on.

use std::rc::Rc;

use selvedge::task::{catch_cancelled, shield, wait_for};
use selvedge::{Promise, gather, sleep, spawn, spawn_fallible, yield_now};

use crate::support::{
    A_SECOND, AN_HOUR, Hops, Reports, finished, in_virtual_loop, shared, soon, virtual_loop,
};

#[test]
fn a_result_and_an_error_pass_through() {
    in_virtual_loop(|| {
        assert_eq!(finished(shield(|| 1)), 1);
        let failing = spawn_fallible(|| Err::<(), _>("torn"));
        assert_eq!(
            shield(failing).expect_err("it fails").message().unwrap(),
            "torn"
        );
        let promise = Promise::new();
        let setter = promise.clone();
        soon(move || setter.set_result(3).expect("pending"));
        assert_eq!(finished(shield(promise)), 3);
    });
}

#[test]
fn a_cancel_of_the_waiter_does_not_reach_the_inner_task() {
    in_virtual_loop(|| {
        let is_done = shared(false);
        let done = Rc::clone(&is_done);
        let inner = spawn(move || {
            sleep(2 * A_SECOND);
            done.set(true);
        });
        let view = inner.task_ref();
        let outer = spawn(move || drop(shield(inner)));
        sleep(A_SECOND);
        assert!(outer.cancel_with("enough"));
        assert_eq!(
            outer.join().expect_err("cancelled").message().unwrap(),
            "enough"
        );
        assert!(!view.is_done());
        assert_eq!(view.cancelling(), 0);
        sleep(2 * A_SECOND);
        assert!(is_done.get() && !view.is_cancelled());
    });
}

#[test]
fn a_promise_behind_a_shield_is_not_cancelled() {
    in_virtual_loop(|| {
        let promise = Promise::<u8>::new();
        let inner = promise.clone();
        let outer = spawn(move || drop(shield(inner)));
        yield_now();
        outer.cancel();
        assert!(outer.join().is_err());
        assert!(!promise.is_done());
    });
}

#[test]
fn a_cancel_of_the_inner_task_is_an_error_of_the_wait() {
    in_virtual_loop(|| {
        let inner = spawn(|| sleep(AN_HOUR));
        let target = inner.task_ref();
        soon(move || assert!(target.cancel()));
        assert!(shield(inner).expect_err("cancelled").is_cancelled());
        sleep(A_SECOND);
    });
}

#[test]
fn a_shield_holds_under_gather_and_wait_for() {
    in_virtual_loop(|| {
        let n_done = shared(0);
        let inner = || {
            let n_done = Rc::clone(&n_done);
            move || {
                sleep(2 * A_SECOND);
                n_done.set(n_done.get() + 1);
            }
        };
        let (one, two) = (inner(), inner());
        let outer = spawn(move || drop(gather([move || shield(one)])));
        yield_now();
        yield_now();
        outer.cancel();
        assert!(outer.join().is_err());
        assert!(
            wait_for(|| shield(two), A_SECOND)
                .expect_err("late")
                .is_elapsed()
        );
        sleep(2 * A_SECOND);
        assert_eq!(n_done.get(), 2);
    });
}

#[test]
fn a_caught_cancel_can_be_followed_by_another_wait() {
    in_virtual_loop(|| {
        let promise = Promise::<u8>::new();
        let setter = promise.clone();
        let outer = spawn(move || {
            let again = promise.clone();
            catch_cancelled(|| shield(again)).expect_err("cancelled");
            finished(promise.wait())
        });
        yield_now();
        outer.cancel();
        yield_now();
        setter.set_result(9).expect("pending");
        assert_eq!(finished(outer.join()), 9);
    });
}

#[test]
fn an_error_without_a_remaining_waiter_is_reported() {
    let event_loop = virtual_loop();
    let reports = Reports::of(&event_loop);
    let outcome = event_loop.run_until_complete(|| {
        let failing = spawn_fallible(|| {
            sleep(A_SECOND);
            Err::<(), _>("torn")
        });
        let outer = spawn(move || drop(shield(failing)));
        yield_now();
        outer.cancel();
        sleep(2 * A_SECOND);
    });
    finished(outcome);
    let report = reports.only();
    assert_eq!(
        report.exception.expect("the error").message().unwrap(),
        "torn"
    );
}

#[test]
fn the_waiter_resumes_two_hops_after_the_inner_task_is_done() {
    in_virtual_loop(|| {
        let hops = Hops::start();
        let (count, done_at) = (hops.counter(), shared(0));
        let last = Rc::clone(&done_at);
        let inner = move || {
            yield_now();
            last.set(count.get());
        };
        finished(shield(inner));
        assert_eq!(hops.count() - done_at.get(), 2);
    });
}
