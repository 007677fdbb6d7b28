//! A timeout and a cancel from outside are distinguished, in any order.

use std::cell::RefCell;
use std::rc::Rc;

use selvedge::error::Elapsed;
use selvedge::task::{catch_cancelled, current_task};
use selvedge::time::{timeout_at, timeout_with};
use selvedge::{Promise, sleep, spawn, timeout, yield_now};

use crate::support::{A_SECOND, AN_HOUR, finished, in_virtual_loop, soon};

#[test]
fn a_cancel_from_outside_is_not_the_timeouts() {
    in_virtual_loop(|| {
        let task = spawn(|| timeout(AN_HOUR, || sleep(2 * AN_HOUR)));
        sleep(A_SECOND);
        task.cancel_with("enough");
        let error = task.join().expect_err("cancelled");
        assert!(error.is_cancelled() && error.message().unwrap() == "enough");
    });
}

#[test]
fn a_cancel_at_the_moment_of_the_deadline_wins() {
    in_virtual_loop(|| {
        // The timer of the cancel is the older one, so its callback is queued before the task, which the timeout
        // wakes.
        let task = Promise::<selvedge::task::TaskRef>::new();
        let cancelled = task.clone();
        let cancel = move || assert!(finished(cancelled.result()).cancel());
        let local = selvedge::event_loop::current_loop().expect("a loop");
        local.call_later(A_SECOND, cancel).expect("open");
        let first = spawn(|| timeout(A_SECOND, || sleep(AN_HOUR)));
        task.set_result(first.task_ref()).expect("pending");
        assert!(first.join().expect_err("cancelled").is_cancelled());
    });
}

#[test]
fn a_pending_cancel_at_the_deadline_wins() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            timeout_with(None, |t| {
                current_task().expect("a task").cancel();
                let now = selvedge::event_loop::current_loop().expect("a loop").time();
                t.reschedule(now.expect("open")).expect("it has none");
                assert!(t.is_expired());
                yield_now();
            })
        });
        assert!(task.join().expect_err("cancelled").is_cancelled());
    });
}

#[test]
fn a_cancel_caught_earlier_does_not_affect_the_timeout() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            assert!(catch_cancelled(|| sleep(AN_HOUR)).is_err());
            assert_eq!(current_task().expect("a task").cancelling(), 1);
            let result = timeout(A_SECOND, || sleep(AN_HOUR));
            (result, current_task().expect("a task").cancelling())
        });
        yield_now();
        task.cancel();
        assert_eq!(finished(task.join()), (Err(Elapsed), 1));
    });
}

#[test]
fn a_cancel_pending_before_the_timeout_stays_pending() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            current_task().expect("a task").cancel();
            let result = timeout(std::time::Duration::ZERO, || 5);
            assert_eq!(result, Ok(5));
            assert!(
                catch_cancelled(yield_now).is_err(),
                "the cancel is still pending"
            );
            let result = catch_cancelled(|| {
                current_task().expect("a task").cancel();
                timeout(std::time::Duration::ZERO, yield_now)
            });
            assert!(result.is_err(), "the cancel is not the timeout's");
            yield_now();
        });
        finished(task.join());
    });
}

#[test]
fn a_cancel_caught_inside_leaves_the_timeout_alone() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            timeout(2 * A_SECOND, || {
                assert!(catch_cancelled(|| sleep(AN_HOUR)).is_err());
                current_task().expect("a task").uncancel();
                sleep(AN_HOUR);
            })
        });
        sleep(A_SECOND);
        task.cancel();
        assert_eq!(finished(task.join()), Err(Elapsed));
    });
}

#[test]
fn a_task_that_ends_in_its_own_timeout_leaves_no_timer() {
    in_virtual_loop(|| {
        let order = Rc::new(RefCell::new(Vec::new()));
        for n in 0..3 {
            let order = Rc::clone(&order);
            spawn(move || {
                let _ = timeout(AN_HOUR, || sleep(A_SECOND * n));
                order.borrow_mut().push(n);
            })
            .detach();
        }
        sleep(5 * A_SECOND);
        soon(|| ());
        assert_eq!(*order.borrow(), [0, 1, 2]);
    });
}

#[test]
fn two_deadlines_seen_at_once_count_for_the_outer_timeout() {
    in_virtual_loop(|| {
        let at = selvedge::event_loop::current_loop()
            .expect("a loop")
            .time()
            .expect("open")
            + A_SECOND;
        // The older of two timers with one deadline fires first: here once the outer timeout's, once the inner
        // timeout's.
        let outer_first = spawn(move || timeout_at(at, || timeout_at(at, || sleep(AN_HOUR))));
        let inner_first = spawn(move || {
            timeout_with(None, |outer| {
                timeout_with(at, |_| {
                    outer.reschedule(at).expect("pending");
                    sleep(AN_HOUR);
                })
            })
        });
        assert_eq!(finished(outer_first.join()), Err(Elapsed));
        assert_eq!(finished(inner_first.join()), Err(Elapsed));
    });
}
