//! Bodies that swallow a cancel, keep its payload, or raise it elsewhere.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Mutex;

use selvedge::task::{catch_cancelled, current_task};
use selvedge::{Coroutine, CoroutineState, Task, Yielder, run, sleep, spawn, yield_now};

use crate::support::{A_SECOND, AN_HOUR, Log, OnDrop, finished, in_virtual_loop};

type Payload = Box<dyn Any + Send>;

#[test]
fn a_body_that_catches_every_unwind_swallows_the_cancel() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            let caught = catch_unwind(|| sleep(AN_HOUR)).is_err();
            sleep(A_SECOND);
            caught
        });
        yield_now();
        assert!(task.cancel());
        let reference = task.task_ref();
        assert!(finished(task.join()));
        assert!(!reference.is_cancelled());
    });
}

#[test]
fn a_caught_payload_that_is_raised_again_cancels() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            if let Err(payload) = catch_unwind(|| sleep(AN_HOUR)) {
                resume_unwind(payload);
            }
        });
        yield_now();
        task.cancel_with("enough");
        let error = task.join().expect_err("cancelled");
        assert!(error.is_cancelled());
        assert_eq!(error.message().unwrap(), "enough");
    });
}

/// The payload with which a task was cancelled.
fn kept_payload() -> Payload {
    let kept = Rc::new(RefCell::new(None));
    let keeps = Rc::clone(&kept);
    let task = spawn(move || {
        *keeps.borrow_mut() = catch_unwind(|| sleep(AN_HOUR)).err();
    });
    yield_now();
    task.cancel();
    finished(task.join());
    kept.take().expect("the payload")
}

#[test]
fn another_tasks_cancel_is_an_ordinary_panic() {
    in_virtual_loop(|| {
        let payload = kept_payload();
        let task: Task<()> = spawn(move || resume_unwind(payload));
        let error = task.join().expect_err("it unwound");
        assert!(error.is_panic() && !error.is_cancelled());
    });
}

#[test]
fn another_tasks_cancel_is_not_caught_as_the_tasks_own() {
    in_virtual_loop(|| {
        let payload = kept_payload();
        let task = spawn(move || {
            let _ = catch_cancelled(|| -> () { resume_unwind(payload) });
        });
        assert!(task.join().expect_err("it unwound").is_panic());
    });
}

#[test]
fn a_cancel_raised_in_a_callback_is_reported_as_a_panic() {
    let event_loop = crate::support::virtual_loop();
    let reports = crate::support::Reports::of(&event_loop);
    finished(event_loop.run_until_complete(|| {
        let payload = kept_payload();
        crate::support::soon(move || resume_unwind(payload));
        yield_now();
    }));
    assert!(reports.only().exception.expect("a panic").is_panic());
}

#[test]
fn the_body_of_a_coroutine_treats_a_cancel_as_any_panic() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            let mut nested = Coroutine::new(|yielder: &Yielder<(), u8>, ()| {
                let caught = catch_unwind(|| sleep(AN_HOUR)).is_err();
                yielder.suspend(u8::from(caught));
                sleep(A_SECOND);
            });
            let state = nested.resume();
            assert_eq!(nested.resume(), CoroutineState::Complete(()));
            state.yielded()
        });
        yield_now();
        task.cancel();
        assert_eq!(finished(task.join()), Some(1));
    });
}

#[test]
fn catching_inside_a_nested_coroutine_catches_its_tasks_cancel() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            let mut nested = Coroutine::new(|_: &Yielder<(), ()>, ()| {
                catch_cancelled(|| sleep(AN_HOUR)).is_err()
            });
            nested.resume().complete()
        });
        yield_now();
        task.cancel();
        assert_eq!(finished(task.join()), Some(true));
    });
}

#[test]
fn a_panic_caught_in_a_destructor_does_not_undo_the_cancel() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let task = spawn(move || {
            let _on_drop = OnDrop(|| {
                // A catch inside a destructor does not end the unwind around it.
                let _ = catch_unwind(AssertUnwindSafe(|| panic!("inside a destructor")));
                inside.push("destructor");
            });
            sleep(AN_HOUR);
        });
        yield_now();
        task.cancel();
        assert!(task.join().expect_err("cancelled").is_cancelled());
    });
    assert_eq!(log.take(), ["destructor"]);
}

#[test]
fn a_panic_after_a_caught_cancel_is_the_tasks_panic() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            let _ = catch_cancelled(|| sleep(AN_HOUR));
            panic!("torn");
        });
        yield_now();
        task.cancel();
        assert!(task.join().expect_err("it panicked").is_panic());
    });
}

#[test]
fn nested_catches_give_one_cancel_to_the_innermost() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            let outer = catch_cancelled(|| {
                let inner = catch_cancelled(|| sleep(AN_HOUR)).is_err();
                sleep(A_SECOND);
                inner
            });
            outer.ok()
        });
        yield_now();
        task.cancel();
        assert_eq!(finished(task.join()), Some(true));
    });
}

#[test]
fn a_task_that_always_swallows_does_not_stop_others_from_ending() {
    in_virtual_loop(|| {
        let swallows = spawn(|| {
            let mut n_caught = 0;
            loop {
                n_caught += u32::from(catch_cancelled(|| sleep(A_SECOND)).is_err());
                if n_caught == 5 {
                    return n_caught;
                }
            }
        });
        let other = spawn(|| {
            for _ in 0..10 {
                sleep(A_SECOND);
            }
        });
        for _ in 0..5 {
            yield_now();
            assert!(swallows.cancel());
            yield_now();
        }
        finished(other.join());
        assert_eq!(finished(swallows.join()), 5);
    });
}

#[test]
fn catching_outside_a_task_runs_the_closure() {
    assert_eq!(catch_cancelled(|| 4).ok(), Some(4));
    let payload = crate::support::caught(|| catch_cancelled(|| -> () { panic!("torn") }).is_ok());
    assert_eq!(crate::support::text(&payload), "torn");
}

#[test]
fn a_std_mutex_free_at_the_suspension_is_not_poisoned() {
    run(|| {
        let mutex = Rc::new(Mutex::new(0));
        let inside = Rc::clone(&mutex);
        let task = spawn(move || {
            *inside.lock().expect("unpoisoned") += 1;
            sleep(AN_HOUR);
        });
        yield_now();
        task.cancel();
        *mutex.lock().expect("unpoisoned") += 1;
        assert!(task.join().is_err());
        assert_eq!(*mutex.lock().expect("unpoisoned"), 2);
        assert!(current_task().is_some());
    });
}
