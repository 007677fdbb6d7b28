//! Misuse is an error with a remedy, never a hang.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use selvedge::task::{all_tasks, current_task};
use selvedge::time::sleep_until;
use selvedge::{
    EventLoop, Promise, Task, TaskError, block_on, run, sleep, spawn, try_run, yield_now,
};

use crate::support::{
    A_SECOND, Log, Reports, assert_sentence, event_loop, finished, in_virtual_loop, sentence, soon,
    virtual_loop,
};

#[track_caller]
fn assert_misuse<T: std::fmt::Debug>(outcome: Result<T, TaskError>) {
    let error = outcome.expect_err("this is misuse");
    assert!(!error.is_cancelled() && !error.is_panic(), "{error:?}");
    assert_sentence(&error.to_string());
}

/// Runs `f` as a callback of a loop, and resumes its panic.
fn in_callback(f: impl FnOnce() + 'static) {
    let event_loop = virtual_loop();
    let reports = Reports::of(&event_loop);
    event_loop.call_soon(f);
    finished(event_loop.run_until_complete(yield_now));
    assert!(
        reports.take().is_empty(),
        "a failed assertion in it, printed above"
    );
}

#[test]
fn waiting_on_a_thread_without_a_loop_panics_with_a_sentence() {
    sentence(yield_now);
    sentence(|| sleep(Duration::ZERO));
    sentence(|| sleep(A_SECOND));
    sentence(|| sleep_until(std::time::Instant::now()));
    sentence(|| block_on(async { 5 }));
}

#[test]
fn spawning_on_a_thread_without_a_loop_panics_with_a_sentence() {
    sentence(|| spawn(|| ()));
    sentence(|| selvedge::spawn_named("shuttle", || ()));
    sentence(|| selvedge::task::spawn_eager(|| ()));
    sentence(Promise::<()>::new);
    let log = Log::default();
    let guard = log.guard("captures dropped");
    sentence(|| spawn(move || drop(guard)));
    assert_eq!(log.take(), ["captures dropped"]);
}

#[test]
fn no_task_is_current_outside_a_loop() {
    assert!(current_task().is_none());
    assert!(all_tasks().is_empty());
}

#[test]
fn waiting_in_a_callback_panics_with_a_sentence() {
    in_callback(|| {
        sentence(yield_now);
        sentence(|| sleep(Duration::ZERO));
        sentence(|| sleep(A_SECOND));
        sentence(|| block_on(std::future::pending::<()>()));
    });
}

#[test]
fn waiting_for_a_promise_outside_a_task_errs() {
    let event_loop = virtual_loop();
    let promise = event_loop.create_promise::<u32>();
    assert_misuse(promise.wait());
    assert_misuse(promise.take());
    assert!(!promise.is_done());
    in_callback(|| {
        let promise = Promise::<u32>::new();
        assert_misuse(promise.wait());
        assert_misuse(promise.take());
        assert!(!promise.is_done());
    });
}

#[test]
fn joining_a_pending_task_outside_a_task_errs() {
    let event_loop = virtual_loop();
    assert_misuse(event_loop.create_task(|| 1).join());
    in_callback(|| assert_misuse(spawn(|| 1).join()));
}

#[test]
fn joining_a_finished_task_outside_a_task_gives_its_value() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(|| 1);
    finished(event_loop.run_until_complete(yield_now));
    assert!(task.is_done());
    assert_eq!(finished(task.join()), 1);
}

#[test]
fn run_until_complete_inside_a_running_loop_errs() {
    let event_loop = Rc::new(virtual_loop());
    let (same, log) = (Rc::clone(&event_loop), Log::default());
    let ran = log.clone();
    finished(event_loop.run_until_complete(move || {
        let never = ran.clone();
        assert_misuse(same.run_until_complete(move || never.push("nested body")));
        assert!(same.run_forever().is_err());
        let other = event_loop_of_its_own();
        let never = ran.clone();
        assert_misuse(other.run_until_complete(move || never.push("body of a second loop")));
        assert!(other.run_forever().is_err());
        yield_now();
        assert_eq!(finished(spawn(|| 3).join()), 3, "the loop goes on");
    }));
    assert!(log.take().is_empty());
}

fn event_loop_of_its_own() -> EventLoop {
    event_loop()
}

#[test]
fn run_until_complete_in_a_callback_errs() {
    let event_loop = Rc::new(virtual_loop());
    let same = Rc::clone(&event_loop);
    let reports = Reports::of(&event_loop);
    event_loop.call_soon(move || assert_misuse(same.run_until_complete(|| 1)));
    finished(event_loop.run_until_complete(yield_now));
    assert!(reports.take().is_empty());
}

#[test]
fn joining_oneself_errs() {
    in_virtual_loop(|| {
        let slot = Rc::new(RefCell::new(None::<Task<()>>));
        let own = Rc::clone(&slot);
        let checked = crate::support::shared(false);
        let done = Rc::clone(&checked);
        let task = spawn(move || {
            let handle = own.borrow_mut().take().expect("its own handle");
            assert_misuse(handle.join());
            yield_now();
            done.set(true);
        });
        *slot.borrow_mut() = Some(task);
        sleep(A_SECOND);
        assert!(checked.get());
    });
}

#[test]
fn joining_in_a_cycle_errs_for_the_task_that_closes_it() {
    for length in [2, 3, 50] {
        in_virtual_loop(move || {
            let slots: Rc<Vec<RefCell<Option<Task<u32>>>>> =
                Rc::new((0..length).map(|_| RefCell::new(None)).collect());
            let last = crate::support::shared(None);
            for n in 0..length {
                let (all, outcome) = (Rc::clone(&slots), Rc::clone(&last));
                let task = spawn(move || {
                    let next = all[(n + 1) % length].borrow_mut().take().expect("a handle");
                    match next.join() {
                        Ok(value) => value + 1,
                        Err(error) => {
                            assert_misuse::<()>(Err(error));
                            outcome.set(Some(n));
                            0
                        }
                    }
                });
                *slots[n].borrow_mut() = Some(task);
            }
            sleep(A_SECOND);
            assert_eq!(
                last.get(),
                Some(length - 1),
                "the last to join closes the cycle"
            );
            assert_eq!(all_tasks().len(), 1, "the others ended one after the other");
        });
    }
}

#[test]
fn a_promise_of_another_loop_errs() {
    let (one, other) = (virtual_loop(), virtual_loop());
    let promise = other.create_promise::<u32>();
    let of_another = promise.clone();
    finished(one.run_until_complete(move || {
        assert_misuse(of_another.wait());
        assert_misuse(of_another.take());
    }));
    assert_misuse(one.run_until_complete(promise.clone()));
    promise.set_result(1).expect("it is unchanged");
    assert_eq!(finished(other.run_until_complete(promise)), 1);
}

#[test]
fn a_task_of_another_loop_errs() {
    let (one, other) = (virtual_loop(), virtual_loop());
    let of_another = other.create_task(|| 1);
    finished(one.run_until_complete(move || assert_misuse(of_another.join())));
    let of_another = other.create_task(|| 2);
    let reference = of_another.task_ref();
    assert_misuse(one.run_until_complete(of_another));
    finished(other.run_until_complete(yield_now));
    assert!(reference.is_done());
}

#[test]
fn calls_on_a_closed_loop_are_errors() {
    let event_loop = virtual_loop();
    let (local, handle) = (event_loop.local(), event_loop.handle());
    let promise = event_loop.create_promise::<u32>();
    event_loop.close().expect("it does not run");
    let closed = "event loop is closed";
    let texts = [
        sentence(|| event_loop.call_soon(|| ())),
        sentence(|| event_loop.call_later(A_SECOND, || ())),
        sentence(|| event_loop.call_at(std::time::Instant::now(), || ())),
        sentence(|| event_loop.create_task(|| ())),
        event_loop
            .run_until_complete(|| 1)
            .expect_err("closed")
            .to_string(),
        event_loop.run_forever().expect_err("closed").to_string(),
        local
            .call_soon(|| ())
            .map(drop)
            .expect_err("closed")
            .to_string(),
        local
            .call_later(A_SECOND, || ())
            .map(drop)
            .expect_err("closed")
            .to_string(),
        local
            .create_task(|| ())
            .map(drop)
            .expect_err("closed")
            .to_string(),
        handle
            .call_soon_threadsafe(|| ())
            .map_err(|error| error.to_string())
            .expect_err("closed"),
    ];
    for text in texts {
        assert!(text.contains(closed), "{text}");
    }
    assert!(promise.wait().is_err());
}

#[test]
fn handles_of_a_dropped_loop_give_errors() {
    let event_loop = virtual_loop();
    let local = event_loop.local();
    let task = event_loop.create_task(|| 1);
    drop(event_loop);
    assert!(local.call_soon(|| ()).is_err());
    assert!(local.create_task(|| ()).is_err());
    assert!(task.is_done());
    assert!(task.join().expect_err("it never ran").is_cancelled());
}

#[test]
fn closures_refused_by_a_closed_loop_are_dropped_once() {
    let event_loop = virtual_loop();
    let local = event_loop.local();
    event_loop.close().expect("it does not run");
    let log = Log::default();
    let guards = [log.guard("1"), log.guard("2"), log.guard("3")];
    let [first, second, third] = guards;
    drop(local.call_soon(move || drop(first)));
    drop(local.create_task(move || drop(second)));
    sentence(|| event_loop.call_soon(move || drop(third)));
    assert_eq!(log.take(), ["1", "2", "3"]);
}

#[test]
fn a_run_is_misuse_only_inside_a_running_loop() {
    let event_loop = virtual_loop();
    assert_eq!(run(|| 4), 4);
    let outcome = Rc::new(RefCell::new(None));
    let inside = Rc::clone(&outcome);
    finished(event_loop.run_until_complete(move || {
        *inside.borrow_mut() = Some(try_run(|| 5));
    }));
    assert_sentence(
        &outcome
            .take()
            .expect("it ran")
            .expect_err("misuse")
            .to_string(),
    );
}

#[test]
fn joining_a_pending_task_in_a_done_callback_errs() {
    in_virtual_loop(|| {
        let seen = crate::support::shared(false);
        let saw = Rc::clone(&seen);
        let first = spawn(|| ());
        first.add_done_callback(move |_| {
            assert_misuse(spawn(|| 1).join());
            saw.set(true);
        });
        yield_now();
        soon(|| ());
        yield_now();
        assert!(seen.get());
    });
}
