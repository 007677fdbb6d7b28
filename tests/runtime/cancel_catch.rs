//! Catching a cancel and going on, and counting the requests: `catch_cancelled`, `cancelling`, `uncancel`.

use std::cell::RefCell;
use std::rc::Rc;

use selvedge::event_loop::current_loop;
use selvedge::task::{TaskRef, catch_cancelled, current_task};
use selvedge::{sleep, spawn, yield_now};

use crate::support::{A_SECOND, AN_HOUR, finished, in_virtual_loop};

fn current() -> TaskRef {
    current_task().expect("this is a task")
}

#[test]
fn a_task_that_catches_its_cancel_goes_on_uncancelled() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            let cancelled = catch_cancelled(|| sleep(AN_HOUR)).is_err();
            sleep(A_SECOND);
            yield_now();
            (cancelled, finished(spawn(|| 5).join()))
        });
        yield_now();
        assert!(task.cancel());
        let reference = task.task_ref();
        assert_eq!(finished(task.join()), (true, 5));
        assert!(reference.is_done() && !reference.is_cancelled());
    });
}

#[test]
fn catching_without_a_cancel_gives_the_value() {
    in_virtual_loop(|| {
        let value = catch_cancelled(|| {
            sleep(A_SECOND);
            3
        });
        assert_eq!(value.ok(), Some(3));
    });
}

#[test]
fn catching_lets_panics_through() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            let _ = catch_cancelled(|| {
                yield_now();
                panic!("torn");
            });
        });
        assert!(task.join().expect_err("it panicked").is_panic());
    });
}

#[test]
fn each_cancel_is_delivered_once() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            let mut n_caught = 0;
            while n_caught < 3 {
                if catch_cancelled(|| sleep(AN_HOUR)).is_err() {
                    n_caught += 1;
                    sleep(A_SECOND);
                }
            }
            n_caught
        });
        for _ in 0..3 {
            sleep(10 * A_SECOND);
            assert!(task.cancel());
        }
        assert_eq!(finished(task.join()), 3);
    });
}

#[test]
fn two_cancels_before_delivery_are_delivered_once_counted_twice() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            let cancelled = catch_cancelled(|| sleep(AN_HOUR)).is_err();
            let count = current().cancelling();
            sleep(A_SECOND);
            (cancelled, count)
        });
        yield_now();
        assert!(task.cancel() && task.cancel());
        assert_eq!(task.cancelling(), 2);
        assert_eq!(finished(task.join()), (true, 2));
    });
}

#[test]
fn requests_are_counted_and_withdrawn() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            let own = current();
            assert_eq!((own.cancelling(), own.uncancel()), (0, 0));
            own.cancel();
            own.cancel();
            assert_eq!(own.cancelling(), 2);
            assert_eq!((own.uncancel(), own.cancelling()), (1, 1));
            assert_eq!((own.uncancel(), own.cancelling()), (0, 0));
            // The last request is withdrawn, so none is pending.
            sleep(A_SECOND);
            6
        });
        assert_eq!(finished(task.join()), 6);
    });
}

#[test]
fn withdrawing_one_of_two_requests_leaves_the_other_pending() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            let own = current();
            own.cancel();
            own.cancel();
            own.uncancel();
            sleep(A_SECOND);
        });
        assert!(task.join().expect_err("cancelled").is_cancelled());
    });
}

#[test]
fn a_request_withdrawn_before_the_first_step_lets_the_body_run() {
    in_virtual_loop(|| {
        let task = spawn(|| 7);
        task.cancel();
        assert_eq!(task.uncancel(), 0);
        assert_eq!(finished(task.join()), 7);
    });
}

#[test]
fn a_sleep_ended_by_a_cancel_does_not_shorten_later_sleeps() {
    in_virtual_loop(|| {
        let wakes = Rc::new(RefCell::new(Vec::new()));
        let times = Rc::clone(&wakes);
        let task = spawn(move || {
            let now = || current_loop().expect("a loop").time().expect("open");
            let start = now();
            assert!(catch_cancelled(|| sleep(10 * A_SECOND)).is_err());
            times.borrow_mut().push(now() - start);
            sleep(20 * A_SECOND);
            times.borrow_mut().push(now() - start);
        });
        sleep(A_SECOND);
        task.cancel();
        finished(task.join());
        assert_eq!(*wakes.borrow(), [A_SECOND, 21 * A_SECOND]);
    });
}
