//! Cancelling one task: when the cancel is delivered, its effects, and how requests are counted.

use std::rc::Rc;
use std::time::Duration;

use selvedge::task::{TaskRef, current_task, spawn_eager};
use selvedge::{Promise, Task, sleep, spawn, yield_now};

use crate::support::{AN_HOUR, Log, OnDrop, finished, hook_calls, in_virtual_loop, shared, soon};

fn current() -> TaskRef {
    current_task().expect("this is a task")
}

#[test]
fn a_cancel_before_the_first_step_only_drops_the_captures() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let (guard, body) = (inside.guard("captures dropped"), inside.clone());
        let task = spawn(move || {
            let _guard = guard;
            body.push("the body ran");
        });
        assert!(task.cancel());
        assert!(task.join().expect_err("cancelled").is_cancelled());
        inside.push("joined");
    });
    assert_eq!(log.take(), ["captures dropped", "joined"]);
}

#[test]
fn a_parked_task_unwinds_and_its_destructors_run_in_order() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let logs = inside.clone();
        let task = spawn(move || {
            let _first = logs.guard("first made");
            let _second = logs.guard("second made");
            sleep(AN_HOUR);
            logs.push("the sleep returned");
        });
        yield_now();
        assert!(task.cancel());
        assert!(!task.is_done(), "it is delivered when the task runs");
        inside.push("asked");
        assert!(task.join().expect_err("cancelled").is_cancelled());
    });
    assert_eq!(log.take(), ["asked", "second made", "first made"]);
}

#[test]
fn cancel_returns_whether_the_task_was_pending() {
    in_virtual_loop(|| {
        let task = spawn(|| ());
        let parked = spawn(|| sleep(AN_HOUR));
        yield_now();
        assert!(task.is_done() && !task.cancel() && !task.is_cancelled());
        assert_eq!(task.cancelling(), 0);
        finished(task.join());
        assert!(parked.cancel());
        let reference = parked.task_ref();
        assert!(parked.join().is_err());
        assert!(!reference.cancel() && reference.is_cancelled());
    });
}

#[test]
fn the_cancel_message_is_returned_and_none_by_default() {
    in_virtual_loop(|| {
        let with = spawn(|| sleep(AN_HOUR));
        let without = spawn(|| sleep(AN_HOUR));
        let fresh = spawn(|| sleep(AN_HOUR));
        fresh.cancel_with("before it ran");
        yield_now();
        without.cancel();
        assert_eq!(without.join().expect_err("cancelled").message(), None);
        with.cancel_with("the warp is torn");
        let message = |error: selvedge::TaskError| error.message().unwrap().to_string();
        assert_eq!(
            message(with.join().expect_err("cancelled")),
            "the warp is torn"
        );
        assert_eq!(
            message(fresh.join().expect_err("cancelled")),
            "before it ran"
        );
    });
}

#[test]
fn a_task_that_cancels_itself_goes_on_until_its_next_suspension() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let task = spawn(move || {
            assert!(current().cancel_with("by itself"));
            inside.push("goes on");
            yield_now();
            inside.push("after the suspension");
        });
        let error = task.join().expect_err("cancelled");
        assert_eq!(error.message().unwrap(), "by itself");
    });
    assert_eq!(log.take(), ["goes on"]);
}

#[test]
fn a_cancel_pending_at_the_bodys_return_drops_the_result() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let logs = inside.clone();
        let task = spawn(move || {
            current().cancel_with("too late to suspend");
            logs.guard("result dropped")
        });
        let error = task.join().map(|_| ()).expect_err("cancelled");
        assert!(error.is_cancelled());
        assert_eq!(error.message().unwrap(), "too late to suspend");
        inside.push("joined");
    });
    assert_eq!(log.take(), ["result dropped", "joined"]);
}

#[test]
fn a_panic_wins_over_a_pending_cancel() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            current().cancel();
            panic!("torn");
        });
        let error = task.join().expect_err("it panicked");
        assert!(error.is_panic());
    });
}

#[test]
fn cancelling_calls_no_panic_hook() {
    let calls = hook_calls(|| {
        in_virtual_loop(|| {
            let promise = Promise::<()>::new();
            let waited_on = promise.clone();
            let tasks = [
                spawn(|| sleep(AN_HOUR)),
                spawn(yield_now),
                spawn(move || drop(waited_on.wait())),
                spawn(|| {
                    current().cancel();
                    yield_now();
                }),
            ];
            yield_now();
            assert!(tasks.iter().all(Task::cancel));
            for task in tasks {
                assert!(task.join().expect_err("cancelled").is_cancelled());
            }
        });
    });
    assert_eq!(calls, 0);
}

#[test]
fn a_runnable_task_is_cancelled_when_it_runs() {
    in_virtual_loop(|| {
        let promise = Promise::new();
        let waited_on: Promise<u32> = promise.clone();
        let waiting = spawn(move || drop(waited_on.wait()));
        let yielding = spawn(yield_now);
        let sleeping = spawn(|| sleep(Duration::ZERO));
        yield_now();
        promise.set_result(3).expect("pending");
        let tasks = [waiting, yielding, sleeping];
        assert!(tasks.iter().all(Task::cancel));
        for task in tasks {
            assert!(task.join().expect_err("cancelled").is_cancelled());
        }
        assert_eq!(
            finished(promise.result()),
            3,
            "the awaited promise is unchanged"
        );
    });
}

#[test]
fn a_cancel_from_a_callback_and_from_a_done_callback_works() {
    in_virtual_loop(|| {
        let first = spawn(|| sleep(AN_HOUR));
        let second = spawn(|| sleep(AN_HOUR));
        let target = second.task_ref();
        first.add_done_callback(move |_| assert!(target.cancel()));
        let target = first.task_ref();
        soon(move || assert!(target.cancel()));
        assert!(first.join().expect_err("cancelled").is_cancelled());
        assert!(second.join().expect_err("cancelled").is_cancelled());
    });
}

#[test]
fn destructors_see_a_panicking_thread_and_other_tasks_do_not() {
    in_virtual_loop(|| {
        let (inside, outside) = (shared(None), shared(None));
        let (seen, seen_outside) = (Rc::clone(&inside), Rc::clone(&outside));
        let task = spawn(move || {
            let _on_drop = OnDrop(|| seen.set(Some(std::thread::panicking())));
            sleep(AN_HOUR);
        });
        yield_now();
        task.cancel();
        spawn(move || seen_outside.set(Some(std::thread::panicking()))).detach();
        assert!(task.join().is_err());
        yield_now();
        assert_eq!((inside.get(), outside.get()), (Some(true), Some(false)));
        assert!(!std::thread::panicking());
    });
}

#[test]
fn an_eager_task_can_be_cancelled_once_it_waits() {
    in_virtual_loop(|| {
        let task = spawn_eager(|| sleep(AN_HOUR));
        assert!(task.cancel());
        assert!(task.join().expect_err("cancelled").is_cancelled());
    });
}

#[test]
fn an_eager_task_may_cancel_its_spawner_at_its_next_suspension() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let task = spawn(move || {
            let spawner = current();
            let eager = spawn_eager(move || spawner.cancel());
            inside.push("still running");
            assert!(finished(eager.join()), "it is done: no suspension");
            inside.push("joined");
            yield_now();
            inside.push("after the suspension");
        });
        assert!(task.join().expect_err("cancelled").is_cancelled());
    });
    assert_eq!(log.take(), ["still running", "joined"]);
}

#[test]
fn thousands_of_tasks_are_cancelled_in_one_go() {
    in_virtual_loop(|| {
        let n_dropped = shared(0);
        let tasks: Vec<_> = (0..2000)
            .map(|n| {
                let dropped = Rc::clone(&n_dropped);
                spawn(move || {
                    let _on_drop = OnDrop(|| dropped.set(dropped.get() + 1));
                    if n % 2 == 0 {
                        sleep(AN_HOUR);
                    } else {
                        Promise::<()>::new().wait().expect_err("no task sets it");
                    }
                })
            })
            .collect();
        yield_now();
        assert!(tasks.iter().all(|task| task.cancel()));
        for task in tasks {
            assert!(task.join().expect_err("cancelled").is_cancelled());
        }
        assert_eq!(n_dropped.get(), 2000);
    });
}

#[test]
fn a_task_that_is_done_keeps_its_count_of_cancels() {
    in_virtual_loop(|| {
        let named = selvedge::spawn_named("named", || sleep(AN_HOUR));
        let unnamed = spawn(|| {
            let _ = selvedge::task::catch_cancelled(|| sleep(AN_HOUR));
            7
        });
        yield_now();
        named.cancel();
        unnamed.cancel();
        unnamed.cancel();
        for _ in 0..3 {
            yield_now();
        }
        assert!(named.is_done() && unnamed.is_done());
        assert_eq!((named.cancelling(), unnamed.cancelling()), (1, 2));
        assert_eq!(
            (named.name(), unnamed.name()),
            ("named".into(), format!("Task-{}", unnamed.id()))
        );
        // No request is added any more, but one can be taken back.
        assert!(!unnamed.cancel());
        assert_eq!(
            (unnamed.uncancel(), unnamed.task_ref().cancelling()),
            (1, 1)
        );
        assert_eq!((unnamed.uncancel(), unnamed.uncancel()), (0, 0));
        assert_eq!(spawn(|| ()).cancelling(), 0);
    });
}
