//! `run` and `try_run`: the operations of main, the ways in which it may end, and that no task outlives it.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::rc::Rc;
use std::time::Duration;

use selvedge::event_loop::{ExceptionContext, current_loop};
use selvedge::task::{catch_cancelled, current_task, finally};
use selvedge::{
    Coroutine, EventLoop, RunError, Yielder, run, sleep, spawn, spawn_named, try_run, yield_now,
};

use crate::support::{
    A_SECOND, AN_HOUR, Log, Reports, assert_sentence, caught, hook_calls, sentence, shared, stop,
    text,
};

#[test]
fn main_may_borrow_and_its_value_is_returned() {
    let words = [String::from("warp"), String::from("weft")];
    let mut n_runs = 0;
    let second: &str = run(|| {
        n_runs += 1;
        sleep(Duration::ZERO);
        n_runs += 1;
        &words[1]
    });
    assert_eq!((second, n_runs), ("weft", 2));
}

#[test]
fn main_is_a_task_of_a_loop_that_lives_as_long_as_main() {
    assert!(current_loop().is_none() && current_task().is_none());
    run(|| {
        assert!(current_loop().is_some());
        let task = current_task().expect("main is a task");
        assert!(task.name().starts_with("Task-"), "{}", task.name());
        yield_now();
        assert_eq!(current_task().expect("still").id(), task.id());
    });
    assert!(current_loop().is_none() && current_task().is_none());
}

#[test]
fn runs_may_follow_each_other() {
    for n in 0..100 {
        assert_eq!(run(|| spawn(move || n + 1).join().expect("a value")), n + 1);
    }
}

#[test]
fn an_owning_value_is_moved_out_once() {
    let token = Rc::new(());
    let back = run(|| {
        let token = Rc::clone(&token);
        yield_now();
        vec![token; 3]
    });
    assert_eq!((back.len(), Rc::strong_count(&token)), (3, 4));
}

#[test]
fn the_panic_of_main_is_resumed_with_its_payload() {
    #[derive(Debug, PartialEq)]
    struct Reason(u32);
    let calls = hook_calls(|| {
        let payload = caught(|| {
            run(|| {
                yield_now();
                panic_any(Reason(7));
            })
        });
        assert_eq!(payload.downcast_ref(), Some(&Reason(7)));
    });
    assert_eq!(calls, 1);
}

#[test]
fn try_run_resumes_the_panic_of_main_as_well() {
    let payload = caught(|| try_run(|| panic!("out of main")).is_ok());
    assert_eq!(text(&payload), "out of main");
}

#[test]
fn a_panicking_main_ends_its_tasks() {
    let log = Log::default();
    let in_task = log.clone();
    caught(|| {
        run(|| {
            spawn(move || {
                let _guard = in_task.guard("the task is unwound");
                sleep(AN_HOUR);
            })
            .detach();
            yield_now();
            panic!("out of main");
        })
    });
    log.push("run has ended");
    assert_eq!(log.take(), ["the task is unwound", "run has ended"]);
}

#[test]
fn tasks_that_outlive_main_are_cancelled_and_awaited() {
    let log = Log::default();
    let in_task = log.clone();
    run(|| {
        spawn(move || {
            assert!(catch_cancelled(|| sleep(AN_HOUR)).is_err());
            in_task.push("cancelled");
            for _ in 0..3 {
                sleep(Duration::from_millis(1));
            }
            in_task.push("cleaned up");
        })
        .detach();
        yield_now();
        log.push("main has ended");
    });
    assert_eq!(log.take(), ["main has ended", "cancelled", "cleaned up"]);
}

#[test]
fn a_task_that_was_spawned_last_is_ended_like_any_other() {
    // As in asyncio, the task takes its first step in the iteration in which main's end is noticed, or no step.
    let log = Log::default();
    let guard = log.guard("captures are dropped");
    run(|| {
        spawn(move || {
            let _guard = guard;
            sleep(AN_HOUR);
        })
        .detach();
    });
    assert_eq!(log.take(), ["captures are dropped"]);
}

#[test]
fn the_borrows_of_main_are_not_touched_after_main() {
    let log = RefCell::new(Vec::new());
    let outcome = try_run(|| {
        let _borrows = crate::support::OnDrop(|| log.borrow_mut().push("main is unwound"));
        stop();
        sleep(AN_HOUR);
        unreachable!("main goes on after the loop was stopped");
    });
    log.borrow_mut().push("run has ended");
    assert!(matches!(outcome, Err(RunError::Stopped)), "{outcome:?}");
    assert_eq!(log.into_inner(), ["main is unwound", "run has ended"]);
}

#[test]
fn stopping_a_run_from_a_task_ends_it_with_stopped() {
    let outcome = try_run(|| {
        spawn(stop).detach();
        sleep(AN_HOUR);
    });
    let error = outcome.expect_err("it was stopped");
    assert!(matches!(error, RunError::Stopped), "{error:?}");
    assert_sentence(&error.to_string());
}

#[test]
fn a_cleanup_of_main_that_is_cut_off_is_reported() {
    let reports = Reports::default();
    let builder = EventLoop::builder().virtual_clock(true);
    let outcome = builder.shutdown_timeout(A_SECOND).try_run(|| {
        let list = reports.clone();
        let handler = move |context: &ExceptionContext| list.push(context);
        let current = current_loop().expect("a loop");
        current.set_exception_handler(handler).expect("it runs");
        spawn_named("bystander", || sleep(AN_HOUR)).detach();
        spawn(stop).detach();
        finally(|| sleep(AN_HOUR), || sleep(AN_HOUR));
    });
    assert!(matches!(outcome, Err(RunError::Stopped)), "{outcome:?}");
    let report = reports.only();
    assert!(report.text.contains("by force"), "{report:?}");
    assert!(!report.text.contains("bystander"), "{report:?}");
}

#[test]
fn a_main_that_returns_at_once_after_stop_keeps_its_value() {
    // The current iteration completes, and main with it.
    let outcome = try_run(|| {
        stop();
        5
    });
    assert_eq!(outcome.expect("main has returned"), 5);
}

#[test]
fn a_cancelled_main_ends_with_its_message() {
    let outcome = try_run(|| {
        current_task().expect("main").cancel_with("enough");
        sleep(AN_HOUR);
    });
    match outcome {
        Err(RunError::Cancelled(cancelled)) => assert_eq!(cancelled.message(), Some("enough")),
        other => panic!("not cancelled: {other:?}"),
    }
}

#[test]
fn run_panics_with_the_sentence_that_try_run_returns() {
    let cancelled = || {
        current_task().expect("main").cancel_with("enough");
        sleep(AN_HOUR);
    };
    let said = sentence(|| run(cancelled));
    let error = try_run(cancelled).expect_err("cancelled").to_string();
    assert!(said.contains(&error) && error.contains("enough"), "{said}");
}

#[test]
fn a_nested_run_is_misuse_and_does_no_harm() {
    let never = shared(true);
    run(|| {
        match try_run(|| never.set(false)) {
            Err(RunError::Misuse(misuse)) => assert_sentence(&misuse.to_string()),
            other => panic!("not misuse: {other:?}"),
        }
        sentence(|| run(|| never.set(false)));
        yield_now();
        assert_eq!(spawn(|| 3).join().expect("the loop goes on"), 3);
    });
    assert!(never.get(), "the nested main ran");
}

#[test]
fn a_run_in_a_callback_is_misuse() {
    let outcome = Rc::new(RefCell::new(None));
    let inside = Rc::clone(&outcome);
    run(|| {
        crate::support::soon(move || *inside.borrow_mut() = Some(try_run(|| 1)));
        yield_now();
    });
    let outcome = outcome.borrow_mut().take().expect("the callback ran");
    assert!(matches!(outcome, Err(RunError::Misuse(_))), "{outcome:?}");
}

#[test]
fn a_builder_runs_main_on_the_loop_that_it_describes() {
    let value = EventLoop::builder().virtual_clock(true).run(|| {
        for _ in 0..24 {
            sleep(AN_HOUR);
        }
        24
    });
    assert_eq!(value, 24);
    let outcome = EventLoop::builder()
        .virtual_clock(true)
        .stack_size_bytes(64 * 1024)
        .try_run(|| sleep(A_SECOND));
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[test]
fn a_coroutine_of_the_thread_may_call_run() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), u32>, ()| {
        let first = run(|| spawn(|| 1).join().expect("a value"));
        yielder.suspend(first);
        run(|| spawn(|| 2).join().expect("a value"))
    });
    assert_eq!(coroutine.resume().yielded(), Some(1));
    assert_eq!(coroutine.resume().complete(), Some(2));
}

#[test]
fn the_yielder_of_a_coroutine_around_run_is_refused_inside() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        run(|| {
            let said = sentence(|| yielder.suspend(()));
            assert!(said.contains("suspend"), "{said}");
            yield_now();
        });
        yielder.suspend(());
    });
    assert!(coroutine.resume().yielded().is_some());
    assert!(coroutine.resume().complete().is_some());
}

#[test]
fn main_may_catch_its_own_panics_and_go_on() {
    let n = run(|| {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            yield_now();
            panic!("inside main");
        }));
        yield_now();
        u32::from(caught.is_err())
    });
    assert_eq!(n, 1);
}

#[test]
fn destructors_of_main_may_use_the_loop() {
    let log = Log::default();
    run(|| {
        let _guard = crate::support::OnDrop(|| {
            sleep(Duration::from_millis(1));
            log.push(format!("{}", spawn(|| 9).join().expect("a value")));
        });
        yield_now();
    });
    assert_eq!(log.take(), ["9"]);
}

#[test]
fn a_loop_that_ends_late_says_which_tasks_it_waits_for() {
    let told = shared(false);
    let hears = Rc::clone(&told);
    run(move || {
        let event_loop = current_loop().expect("it runs");
        let heard = Rc::clone(&hears);
        let handler = move |context: &selvedge::event_loop::ExceptionContext| {
            let text = context.to_string();
            assert!(text.contains("stubborn, which waits for"), "{text}");
            heard.set(true);
        };
        event_loop.set_exception_handler(handler).expect("open");
        let stubborn = move || {
            let _ = catch_cancelled(|| sleep(AN_HOUR));
            while !hears.get() {
                sleep(Duration::from_millis(1));
            }
        };
        selvedge::spawn_named("stubborn", stubborn).detach();
        yield_now();
    });
    assert!(told.get());
}

#[test]
fn a_late_end_names_tasks_that_defer_or_took_back_the_cancel() {
    let told = shared(false);
    let hears = Rc::clone(&told);
    run(move || {
        let until_told = {
            let hears = Rc::clone(&hears);
            move || {
                while !hears.get() {
                    sleep(Duration::from_millis(1));
                }
            }
        };
        let handler = move |context: &ExceptionContext| {
            let text = context.to_string();
            assert!(text.starts_with("The loop is ending"), "{text}");
            assert!(text.contains("cleaning, which waits for"), "{text}");
            assert!(text.contains("goes on, which waits for"), "{text}");
            hears.set(true);
        };
        let event_loop = current_loop().expect("it runs");
        event_loop.set_exception_handler(handler).expect("open");
        let cleanup = until_told.clone();
        spawn_named("cleaning", || finally(yield_now, cleanup)).detach();
        let goes_on = move || {
            let _ = catch_cancelled(|| sleep(AN_HOUR));
            current_task().expect("a task").uncancel();
            until_told();
        };
        spawn_named("goes on", goes_on).detach();
        // The cleanup has begun.
        yield_now();
        yield_now();
        yield_now();
    });
    assert!(told.get());
}

#[test]
fn a_late_end_of_main_names_main_in_its_cleanup() {
    let told = shared(false);
    let heard = Rc::clone(&told);
    let ended = try_run(move || {
        let event = selvedge::sync::Event::new();
        let ends = event.clone();
        let handler = move |context: &ExceptionContext| {
            // The tasks beside main have not been cancelled yet.
            let text = context.to_string();
            assert!(text.contains("cancelled: Task-"), "{text}");
            assert!(!text.contains("beside main"), "{text}");
            heard.set(true);
            ends.set();
        };
        let event_loop = current_loop().expect("it runs");
        event_loop.set_exception_handler(handler).expect("open");
        spawn_named("beside main", || selvedge::sync::Event::new().wait()).detach();
        finally(|| (), move || event.wait());
    });
    assert!(matches!(ended, Err(RunError::Deadlock(_))), "{ended:?}");
    assert!(told.get());
}
