//! Ends observed from outside: the stderr of a shutdown, tasks that can't be ended, and `process::exit`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::time::Duration;

use selvedge::event_loop::current_loop;
use selvedge::task::{all_tasks, catch_cancelled};
use selvedge::{EventLoop, run, sleep, spawn, spawn_named, yield_now};

use crate::play;
use crate::support::{AN_HOUR, OnDrop};

pub const SCENARIOS: &[(&str, fn())] = &[
    ("panic_during_shutdown", panic_during_shutdown),
    ("swallows_everything", swallows_everything),
    ("tasks_left_to_run", tasks_left_to_run),
    ("main_swallows_everything", main_swallows_everything),
    ("exit_in_a_task", exit_in_a_task),
    (
        "exit_with_a_loop_in_a_thread_local",
        exit_with_a_loop_in_a_thread_local,
    ),
    ("main_panics_with_tasks", main_panics_with_tasks),
    ("loop_forgotten", loop_forgotten),
];

fn panic_during_shutdown() {
    run(|| {
        drop(spawn_named("heddle", || {
            let _ = catch_cancelled(|| sleep(AN_HOUR));
            panic!("torn in the shutdown");
        }));
        yield_now();
    });
    println!("run returned");
}

#[test]
fn a_panic_during_the_shutdown_of_run_is_reported_as_a_panic() {
    let ended = play("panic_during_shutdown");
    ended.assert_exited(0);
    assert!(ended.stdout.contains("run returned"), "{ended:#?}");
    ended.assert_reported(&[
        "unhandled exception during run() shutdown",
        "torn in the shutdown",
        "heddle",
    ]);
}

fn tasks_left_to_run() {
    run(|| {
        for _ in 0..10 {
            spawn(|| sleep(AN_HOUR)).detach();
        }
        yield_now();
        current_loop()
            .expect("a loop")
            .call_later(AN_HOUR, || ())
            .expect("open");
    });
}

#[test]
fn tasks_that_run_cancels_are_not_reported() {
    let ended = play("tasks_left_to_run");
    ended.assert_exited(0);
    assert_eq!(ended.stderr, "");
}

/// A body that swallows every unwind. Its stack can only be leaked, and all other tasks go on.
fn swallows_everything() {
    EventLoop::builder()
        .shutdown_timeout(Duration::from_millis(50))
        .run(|| {
            drop(spawn_named("uncancellable", || {
                let _on_drop = OnDrop(|| println!("unwound after all"));
                loop {
                    let _ = catch_unwind(|| sleep(AN_HOUR));
                }
            }));
            drop(spawn_named("meek", || {
                let _on_drop = OnDrop(|| println!("the meek one unwound"));
                sleep(AN_HOUR);
            }));
            yield_now();
        });
    println!("run returned");
    assert_eq!(run(|| spawn(|| 5).join().expect("a value")), 5);
    println!("and another one");
}

#[test]
fn a_task_that_swallows_every_unwind_is_abandoned() {
    let ended = play("swallows_everything");
    ended.assert_exited(0);
    for line in ["the meek one unwound", "run returned", "and another one"] {
        assert!(ended.stdout.contains(line), "{ended:#?}");
    }
    assert!(!ended.stdout.contains("unwound after all"), "{ended:#?}");
    ended.assert_reported(&["uncancellable"]);
}

/// Main may borrow from the caller of `run`, so it can't be abandoned.
fn main_swallows_everything() {
    let builder = EventLoop::builder().shutdown_timeout(Duration::from_millis(20));
    let outcome = builder.try_run(|| {
        current_loop().expect("a loop").stop().expect("open");
        loop {
            let _ = catch_unwind(|| sleep(AN_HOUR));
        }
    });
    let _: Result<(), _> = outcome;
    println!("try_run returned");
}

#[test]
fn a_main_that_cannot_be_ended_aborts_with_a_sentence() {
    let ended = play("main_swallows_everything");
    ended.assert_killed_by(libc::SIGABRT);
    ended.assert_reported(&["selvedge", "main", "abort"]);
    assert!(!ended.stdout.contains("try_run returned"), "{ended:#?}");
}

fn exit_in_a_task() {
    run(|| {
        drop(spawn(|| {
            let _on_drop = OnDrop(|| println!("unwound"));
            sleep(AN_HOUR);
        }));
        let exits = spawn(|| {
            let _on_drop = OnDrop(|| println!("unwound"));
            yield_now();
            process::exit(42);
        });
        let _: Result<(), _> = exits.join();
    });
}

#[test]
fn exiting_inside_a_task_keeps_the_code_and_unwinds_nothing() {
    let ended = play("exit_in_a_task");
    ended.assert_exited(42);
    assert!(!ended.stdout.contains("unwound"), "{ended:#?}");
}

thread_local! {
    static KEPT: EventLoop = EventLoop::new().expect("a loop");
}

/// The process ends inside a task, on whose stack the thread-local drops the loop that runs it.
fn exit_with_a_loop_in_a_thread_local() {
    // The destructor of the loop's queue runs this, which looks for a loop.
    let late = OnDrop(|| {
        let _ = catch_unwind(|| {
            drop(current_loop());
            spawn(|| ()).detach();
        });
    });
    KEPT.with(|event_loop| {
        let outcome = event_loop.run_until_complete(move || {
            spawn(|| sleep(AN_HOUR)).detach();
            yield_now();
            println!("{} tasks at the exit", all_tasks().len());
            let local = current_loop().expect("a loop");
            local.call_soon(move || drop(late)).expect("open");
            process::exit(43);
        });
        let _: Result<(), _> = outcome;
    });
}

#[test]
fn exiting_with_a_running_loop_in_a_thread_local_keeps_the_code() {
    let ended = play("exit_with_a_loop_in_a_thread_local");
    ended.assert_exited(43);
    assert!(ended.stdout.contains("2 tasks at the exit"), "{ended:#?}");
}

fn main_panics_with_tasks() {
    let caught = catch_unwind(AssertUnwindSafe(|| {
        run(|| {
            for _ in 0..3 {
                drop(spawn(|| {
                    let _on_drop = OnDrop(|| println!("unwound"));
                    sleep(AN_HOUR);
                }));
            }
            yield_now();
            panic!("out of main");
        });
    }));
    assert!(caught.is_err() && current_loop().is_none());
    println!("the process goes on");
}

#[test]
fn the_panic_of_main_is_printed_once_and_its_tasks_are_unwound() {
    let ended = play("main_panics_with_tasks");
    ended.assert_exited(0);
    assert!(ended.stdout.contains("the process goes on"), "{ended:#?}");
    assert_eq!(ended.stdout.matches("unwound").count(), 3, "{ended:#?}");
    assert_eq!(ended.stderr.matches("out of main").count(), 1, "{ended:#?}");
}

/// `mem::forget` leaks a loop with all of its tasks, without dangling references.
fn loop_forgotten() {
    let event_loop = EventLoop::new().expect("a loop");
    let promise = event_loop.create_promise::<u32>();
    let waited_on = promise.clone();
    let task = event_loop.create_task(move || {
        let _on_drop = OnDrop(|| println!("unwound"));
        waited_on.wait()
    });
    event_loop.stop();
    event_loop.run_forever().expect("stopped");
    let handle = event_loop.handle();
    std::mem::forget(event_loop);
    promise.set_result(1).expect("pending");
    let pushed = handle.call_soon_threadsafe(|| ());
    println!("pushed: {}, done: {}", pushed.is_ok(), task.is_done());
    drop((promise, task, handle));
    assert_eq!(run(|| 4), 4);
}

#[test]
fn a_forgotten_loop_leaks_and_does_no_harm() {
    let ended = play("loop_forgotten");
    ended.assert_exited(0);
    assert!(
        ended.stdout.contains("pushed: true, done: false"),
        "{ended:#?}"
    );
}
