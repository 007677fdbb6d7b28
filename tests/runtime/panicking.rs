//! No task parks in the middle of an unwind: a wait returns, errs or panics with a sentence, and no other task runs.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use selvedge::net::unix::UnixStream;
use selvedge::task::spawn_eager;
use selvedge::time::sleep_until;
use selvedge::{EventLoop, Promise, Task, TaskError, block_on, run, sleep, spawn, yield_now};

use crate::play;
use crate::support::{AN_HOUR, Log, OnDrop, assert_sentence, finished, in_virtual_loop, shared};

pub const SCENARIOS: &[(&str, fn())] = &[
    ("waits_in_a_drop", waits_in_a_drop),
    ("waits_on_and_on_in_a_drop", waits_on_and_on_in_a_drop),
    ("swallows_in_a_panic", swallows_in_a_panic),
];

/// Runs `act` in a destructor while the task around it unwinds by a panic, and again while one unwinds by a cancel;
/// asserts that no other task runs meanwhile.
fn while_unwinding(act: impl Fn() + Clone + 'static) {
    for is_cancel in [false, true] {
        let (log, act) = (Log::default(), act.clone());
        let inside = log.clone();
        in_virtual_loop(move || {
            let (logs, act) = (inside.clone(), act.clone());
            let task: Task<()> = spawn(move || {
                let _on_drop = OnDrop(|| {
                    logs.push("destructor");
                    act();
                    assert!(std::thread::panicking());
                    logs.push("destructor ends");
                });
                if is_cancel {
                    sleep(AN_HOUR);
                }
                yield_now();
                panic!("torn");
            });
            yield_now();
            if is_cancel {
                task.cancel();
            }
            let neighbour = inside.clone();
            spawn(move || {
                assert!(
                    !std::thread::panicking(),
                    "a neighbour sees the panic of another task"
                );
                neighbour.push("neighbour");
            })
            .detach();
            let error = task.join().expect_err("it unwound");
            assert_eq!(
                (error.is_cancelled(), error.is_panic()),
                (is_cancel, !is_cancel)
            );
        });
        assert_eq!(log.take(), ["destructor", "destructor ends", "neighbour"]);
    }
}

#[test]
fn sleeps_and_yields_return_at_once() {
    while_unwinding(|| {
        yield_now();
        sleep(AN_HOUR);
        sleep(Duration::MAX);
        sleep(Duration::ZERO);
        sleep_until(std::time::Instant::now() + AN_HOUR);
    });
}

#[test]
fn waiting_for_a_promise_errs() {
    while_unwinding(|| {
        let promise = Promise::<u32>::new();
        let errors = [promise.wait(), promise.take()];
        for error in errors.map(|result| result.expect_err("nothing may wait")) {
            assert!(!error.is_cancelled());
            assert_sentence(&error.to_string());
        }
        assert!(!promise.is_done(), "an error of waiting changes nothing");
    });
}

#[test]
fn joining_a_pending_task_errs_and_the_task_goes_on() {
    let n_ends = shared(0);
    let ends = Rc::clone(&n_ends);
    while_unwinding(move || {
        let ends = Rc::clone(&ends);
        let task = spawn(move || ends.set(ends.get() + 1));
        let error = task.join().expect_err("nothing may wait");
        assert!(!error.is_cancelled() && !error.is_panic());
        assert_sentence(&error.to_string());
    });
    // The end comes from the cancel, the loop's end or the task itself: at most once for each of the two rounds.
    assert!(n_ends.get() <= 2);
}

#[test]
fn finished_results_are_available() {
    while_unwinding(|| {
        let promise = Promise::new();
        promise.set_result(4).expect("pending");
        assert_eq!(finished(promise.wait()), 4);
        let task = spawn_eager(|| 5);
        if task.is_done() {
            assert_eq!(finished(task.join()), 5);
        }
    });
}

#[test]
fn tasks_can_be_spawned_cancelled_and_given_callbacks() {
    while_unwinding(|| {
        let task = spawn(|| sleep(AN_HOUR));
        task.add_done_callback(|_| ());
        assert!(task.cancel());
        let promise = Promise::<()>::new();
        promise.add_done_callback(|_| ());
        promise.cancel();
    });
}

#[test]
fn sockets_try_once_and_err_instead_of_parking() {
    while_unwinding(|| {
        let (mut near, mut far) = UnixStream::pair().expect("a pair");
        let mut buffer = [0; 8];
        let error = near.read(&mut buffer).expect_err("nothing to read");
        assert_ne!(
            error.kind(),
            ErrorKind::Interrupted,
            "std would retry forever"
        );
        far.write_all(b"weft").expect("room for four bytes");
        assert_eq!(near.read(&mut buffer).expect("four bytes"), 4);
        drop(far);
        assert_eq!(near.read(&mut buffer).expect("the end"), 0);
    });
}

#[test]
fn a_panic_caught_inside_the_destructor_changes_nothing() {
    while_unwinding(|| {
        let caught = catch_unwind(|| panic!("inside a destructor"));
        assert!(caught.is_err());
        sleep(AN_HOUR);
        assert!(Promise::<()>::new().wait().is_err());
    });
}

#[test]
fn a_panic_inside_a_coroutine_counts_as_well() {
    while_unwinding(|| {
        let mut nested = selvedge::Coroutine::new(|_: &selvedge::Yielder<(), ()>, ()| {
            sleep(AN_HOUR);
            yield_now();
            Promise::<()>::new().wait().is_err()
        });
        assert_eq!(nested.resume().complete(), Some(true));
    });
}

#[test]
fn after_a_catch_a_task_waits_as_usual() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            let caught = catch_unwind(|| {
                let _on_drop = OnDrop(yield_now);
                panic!("torn");
            });
            assert!(caught.is_err() && !std::thread::panicking());
            sleep(AN_HOUR);
            finished(spawn(|| 6).join())
        });
        assert_eq!(finished(task.join()), 6);
    });
}

#[test]
fn an_eager_task_of_an_unwinding_task_does_not_park() {
    // Its first step runs on a thread that panics, so that it can't wait; it is either started later or refused.
    let outcomes = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&outcomes);
    while_unwinding(move || {
        let seen = Rc::clone(&seen);
        drop(spawn_eager(move || {
            let is_panicking = std::thread::panicking();
            yield_now();
            seen.borrow_mut()
                .push((is_panicking, std::thread::panicking()));
        }));
    });
    for (before, after) in outcomes.take() {
        assert_eq!(before, after, "it was parked in the middle of an unwind");
    }
}

#[test]
fn the_panic_of_main_is_like_any_tasks() {
    let log = Log::default();
    let payload = crate::support::caught(|| {
        run(|| {
            let _on_drop = OnDrop(|| {
                sleep(AN_HOUR);
                yield_now();
                assert!(Promise::<()>::new().wait().is_err());
                log.push("destructor of main");
            });
            panic!("out of main");
        })
    });
    assert_eq!(crate::support::text(&payload), "out of main");
    assert_eq!(log.take(), ["destructor of main"]);
}

#[test]
fn a_mutex_of_a_neighbour_is_not_poisoned_by_a_panic_elsewhere() {
    in_virtual_loop(|| {
        let mutex = Rc::new(std::sync::Mutex::new(0));
        let held = Rc::clone(&mutex);
        let neighbour = spawn(move || {
            for _ in 0..10 {
                *held.lock().expect("unpoisoned") += 1;
                yield_now();
            }
        });
        for _ in 0..5 {
            let task: Task<()> = spawn(|| {
                let _on_drop = OnDrop(|| (0..5).for_each(|_| yield_now()));
                panic!("torn");
            });
            assert!(task.join().is_err());
        }
        finished(neighbour.join());
        assert_eq!(mutex.lock().map(|n| *n).expect("unpoisoned"), 10);
    });
}

#[test]
fn waiting_on_a_panicking_thread_without_a_loop_returns() {
    let said = Rc::new(RefCell::new(None));
    let tells = Rc::clone(&said);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _on_drop = OnDrop(|| {
            yield_now();
            *tells.borrow_mut() = Some(());
        });
        panic!("torn");
    }));
    assert!(caught.is_err());
    assert!(said.borrow().is_some());
}

#[test]
fn an_error_of_a_wait_in_an_unwind_is_not_a_panic() {
    let errors = Rc::new(RefCell::new(Vec::<TaskError>::new()));
    let kept = Rc::clone(&errors);
    while_unwinding(move || {
        let error = Promise::<u32>::new().wait().expect_err("nothing may wait");
        kept.borrow_mut().push(error);
    });
    for error in errors.take() {
        assert!(!error.is_panic() && error.into_panic().is_err());
    }
}

fn waits_in_a_drop() {
    run(|| {
        let _on_drop = OnDrop(|| block_on(std::future::pending::<()>()));
        panic!("torn");
    });
    println!("the process goes on");
}

#[test]
fn waits_that_can_neither_return_nor_err_abort_with_a_sentence() {
    let ended = play("waits_in_a_drop");
    ended.assert_killed_by(libc::SIGABRT);
    ended.assert_reported(&["torn", "panicking"]);
    assert!(!ended.stdout.contains("goes on"), "{ended:#?}");
}

/// Drops a loop with a waiting task while the thread panics.
fn drop_loop_in_a_panic(body: fn()) {
    let event_loop = EventLoop::new().expect("a loop");
    event_loop.create_task(body).detach();
    finished(event_loop.run_until_complete(yield_now));
    let unwound = catch_unwind(AssertUnwindSafe(move || {
        let _event_loop = event_loop;
        panic!("torn");
    }));
    println!("the process goes on: {unwound:?}");
    println!("panicking: {}", std::thread::panicking());
}

fn waits_on_and_on_in_a_drop() {
    drop_loop_in_a_panic(|| {
        let _on_drop = OnDrop(|| while Promise::<()>::new().wait().is_err() {});
        let _ = Promise::<()>::new().wait();
    });
}

fn swallows_in_a_panic() {
    drop_loop_in_a_panic(|| {
        loop {
            let _ = catch_unwind(|| sleep(AN_HOUR));
        }
    });
    drop_loop_in_a_panic(|| {
        let _ = catch_unwind(|| Promise::<()>::new().wait());
        while Promise::<()>::new().wait().is_err() {}
    });
}

#[test]
fn waiting_on_and_on_in_a_drop_in_a_panic_aborts() {
    let ended = play("waits_on_and_on_in_a_drop");
    ended.assert_killed_by(libc::SIGABRT);
    ended.assert_reported(&["torn", "again and again"]);
    assert!(!ended.stdout.contains("goes on"), "{ended:#?}");
}

#[test]
fn a_task_that_swallows_its_end_in_a_panic_is_leaked() {
    let ended = play("swallows_in_a_panic");
    let n_left = ended.stdout.matches("panicking: false").count();
    assert!(ended.status.success() && n_left == 2, "{ended:#?}");
}
