//! `wait_for`: waits for a task until a timeout, then cancels it, and waits for its end in any
//! case.

use std::panic::{catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::Duration;

use selvedge::error::Elapsed;
use selvedge::task::{catch_cancelled, finally, wait_for};
use selvedge::{Promise, Task, sleep, spawn, spawn_fallible, yield_now};

use crate::elapsed;
use crate::support::{A_SECOND, AN_HOUR, Hops, finished, in_virtual_loop, shared, soon};

fn endless() {
    sleep(AN_HOUR);
}

#[test]
fn a_result_that_comes_in_time_is_returned() {
    in_virtual_loop(|| {
        let quick = || {
            sleep(A_SECOND);
            "done"
        };
        assert_eq!(finished(wait_for(quick, 2 * A_SECOND)), "done");
        assert_eq!(finished(wait_for(spawn(quick), 2 * A_SECOND)), "done");
        assert_eq!(finished(wait_for(quick, Duration::MAX)), "done");
        assert_eq!(elapsed(), 3 * A_SECOND);
    });
}

#[test]
fn a_late_task_is_cancelled_and_the_error_says_so() {
    in_virtual_loop(|| {
        let task = spawn(endless);
        let view = task.task_ref();
        let error = wait_for(task, A_SECOND).expect_err("late");
        assert!(error.is_elapsed() && !error.is_cancelled());
        assert!(error.downcast_ref::<Elapsed>().is_some());
        assert_eq!(error.to_string(), Elapsed.to_string());
        assert!(view.is_cancelled());
        assert_eq!(elapsed(), A_SECOND);
    });
}

#[test]
fn wait_for_waits_until_the_cancelled_task_has_ended() {
    in_virtual_loop(|| {
        let slow_to_end = || {
            let payload = catch_unwind(endless).expect_err("cancelled");
            sleep(3 * A_SECOND);
            resume_unwind(payload);
        };
        assert!(
            wait_for(slow_to_end, A_SECOND)
                .expect_err("late")
                .is_elapsed()
        );
        assert_eq!(elapsed(), 4 * A_SECOND);
    });
}

#[test]
fn a_task_that_swallows_the_cancel_gives_its_value() {
    in_virtual_loop(|| {
        let swallowing = || {
            drop(catch_cancelled(endless));
            sleep(A_SECOND);
            "late but here"
        };
        assert_eq!(finished(wait_for(swallowing, A_SECOND)), "late but here");
        assert_eq!(elapsed(), 2 * A_SECOND);
    });
}

#[test]
fn a_task_that_fails_during_its_cancel_gives_that_error() {
    in_virtual_loop(|| {
        let failing = spawn_fallible(|| {
            drop(catch_cancelled(endless));
            Err::<(), _>("the cleanup failed")
        });
        let error = wait_for(failing, A_SECOND).expect_err("it fails");
        assert!(!error.is_elapsed());
        assert_eq!(error.message().unwrap(), "the cleanup failed");
        let panicking = || -> () {
            drop(catch_cancelled(endless));
            panic!("torn");
        };
        assert!(
            wait_for(panicking, A_SECOND)
                .expect_err("a panic")
                .is_panic()
        );
    });
}

#[test]
fn a_zero_timeout_returns_a_finished_value_or_cancels() {
    in_virtual_loop(|| {
        let done = spawn(|| 1);
        yield_now();
        assert_eq!(finished(wait_for(done, Duration::ZERO)), 1);
        let never_runs = || -> () { panic!("the body ran") };
        let error = wait_for(never_runs, Duration::ZERO).expect_err("no time");
        assert!(error.is_elapsed());
        let begun = spawn(endless);
        let view = begun.task_ref();
        yield_now();
        assert!(
            wait_for(begun, Duration::ZERO)
                .expect_err("no time")
                .is_elapsed()
        );
        assert!(view.is_cancelled());
    });
}

#[test]
fn a_promise_is_taken_or_cancelled() {
    struct NoClone;
    in_virtual_loop(|| {
        let promise = Promise::new();
        let setter = promise.clone();
        soon(move || assert!(setter.set_result(NoClone).is_ok()));
        let NoClone = finished(wait_for(promise.clone(), A_SECOND));
        assert!(promise.try_take().err().expect("taken").is_invalid_state());

        let late = Promise::<NoClone>::new();
        assert!(
            wait_for(late.clone(), A_SECOND)
                .err()
                .expect("late")
                .is_elapsed()
        );
        assert!(late.is_cancelled());
    });
}

#[test]
fn a_cancel_from_outside_is_not_taken_for_the_timeout() {
    in_virtual_loop(|| {
        let task = spawn(endless);
        let target = task.task_ref();
        soon(move || assert!(target.cancel_with("from outside")));
        let error = wait_for(task, A_SECOND).expect_err("cancelled");
        assert!(error.is_cancelled() && !error.is_elapsed());
        assert_eq!(error.message().unwrap(), "from outside");
    });
}

#[test]
fn a_cancel_of_the_waiter_ends_the_inner_task_and_unwinds() {
    in_virtual_loop(|| {
        let inner = spawn(endless);
        let view = inner.task_ref();
        let outer = spawn(move || drop(wait_for(inner, A_SECOND)));
        yield_now();
        assert!(outer.cancel_with("enough"));
        assert_eq!(
            outer.join().expect_err("cancelled").message().unwrap(),
            "enough"
        );
        assert!(view.is_cancelled());
        assert_eq!(elapsed(), Duration::ZERO);
    });
}

#[test]
fn an_outer_cancel_after_the_timeout_is_a_cancel() {
    in_virtual_loop(|| {
        let slow_to_end = || {
            let payload = catch_unwind(endless).expect_err("cancelled");
            drop(catch_cancelled(|| sleep(5 * A_SECOND)));
            resume_unwind(payload);
        };
        let outer = spawn(move || drop(wait_for(slow_to_end, A_SECOND)));
        sleep(3 * A_SECOND);
        assert!(outer.cancel());
        assert!(outer.join().expect_err("cancelled").is_cancelled());
    });
}

#[test]
fn a_timeout_after_an_outer_cancel_leaves_finally_alone() {
    in_virtual_loop(|| {
        let is_clean = shared(false);
        let clean = Rc::clone(&is_clean);
        let slow_to_end = move || {
            finally(endless, || {
                sleep(5 * A_SECOND);
                clean.set(true);
            });
        };
        let outer = spawn(move || drop(wait_for(slow_to_end, 2 * A_SECOND)));
        sleep(A_SECOND);
        assert!(outer.cancel());
        assert!(outer.join().expect_err("cancelled").is_cancelled());
        assert!(is_clean.get());
        assert_eq!(elapsed(), 6 * A_SECOND);
    });
}

#[test]
fn a_timeout_cancels_again_what_swallowed_an_outer_cancel() {
    in_virtual_loop(|| {
        let swallowing = || {
            assert!(catch_cancelled(endless).is_err());
            endless();
        };
        let outer = spawn(move || wait_for(swallowing, 2 * A_SECOND));
        sleep(A_SECOND);
        assert!(outer.cancel());
        let result = outer.join();
        assert_eq!(elapsed(), 2 * A_SECOND);
        assert!(result.is_err_and(|error| error.is_cancelled()));
    });
}

#[test]
fn a_swallowed_outer_cancel_gives_the_value() {
    in_virtual_loop(|| {
        let swallowing = || {
            drop(catch_cancelled(endless));
            5
        };
        let outer = spawn(move || finished(wait_for(swallowing, AN_HOUR)));
        yield_now();
        yield_now();
        outer.cancel();
        assert_eq!(finished(outer.join()), 5);
    });
}

#[test]
fn timeouts_nest_and_the_inner_one_fires_for_itself() {
    in_virtual_loop(|| {
        let inner = || wait_for(endless, A_SECOND).is_err_and(|error| error.is_elapsed());
        assert!(finished(wait_for(inner, 2 * A_SECOND)));
        let inner = || wait_for(endless, 2 * A_SECOND);
        let error = wait_for(inner, A_SECOND).expect_err("the outer one is first");
        assert!(error.is_elapsed());
        assert_eq!(elapsed(), 2 * A_SECOND);
        assert_eq!(selvedge::task::all_tasks().len(), 1);
    });
}

#[test]
fn an_outer_timeout_is_distinguished_from_one_inside() {
    in_virtual_loop(|| {
        let inner = spawn_fallible(|| wait_for(endless, A_SECOND));
        let error = wait_for(inner, AN_HOUR).expect_err("the inner one is late");
        assert!(!error.is_elapsed());
        assert!(
            error
                .downcast_ref::<selvedge::TaskError>()
                .expect("the inner error")
                .is_elapsed()
        );
    });
}

#[test]
fn a_result_in_time_resumes_the_waiter_one_hop_later() {
    in_virtual_loop(|| {
        let hops = Hops::start();
        let (count, done_at) = (hops.counter(), shared(0));
        let last = Rc::clone(&done_at);
        let task = spawn(move || {
            yield_now();
            last.set(count.get());
        });
        finished(wait_for(task, A_SECOND));
        assert_eq!(hops.count() - done_at.get(), 1);
        let done: Task<()> = spawn(|| ());
        yield_now();
        assert_eq!(hops.during(|| finished(wait_for(done, A_SECOND))), 0);
    });
}
