//! The deadlock report: when no event can happen any more, `run` lists the waiting tasks and their waits instead of
//! hanging.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;

use selvedge::event_loop::{LoopHandle, current_loop};
use selvedge::net::unix::UnixStream;
use selvedge::{
    Promise, RunError, Task, block_on, run, scope, sleep, spawn, spawn_named, try_run, yield_now,
};

use crate::support::{
    A_SECOND, Log, assert_sentence, caught, finished, scaled, sentence, soon_threadsafe, text,
    thread_number, virtual_loop, wait_until_asleep,
};

/// The text of the deadlock report that `main` must end with.
#[track_caller]
fn deadlock_of<T: std::fmt::Debug>(main: impl FnOnce() -> T) -> String {
    match try_run(main) {
        Err(RunError::Deadlock(deadlock)) => deadlock.to_string(),
        other => panic!("not a deadlock: {other:?}"),
    }
}

#[test]
fn a_main_that_awaits_a_promise_without_a_setter_is_a_deadlock() {
    let report = deadlock_of(|| Promise::<u32>::new().wait());
    assert!(report.contains("promise"), "{report}");
    assert_sentence(&report);
}

#[test]
fn the_deadlock_report_lists_each_parked_task_and_its_wait() {
    let report = deadlock_of(|| {
        let weaver = spawn_named("weaver", || drop(Promise::<u32>::new().wait()));
        drop(spawn_named("apprentice", || drop(weaver.join())));
        drop(spawn_named("spinner", || {
            block_on(std::future::pending::<()>())
        }));
        Promise::<u32>::new().wait()
    });
    let line = |name: &str| {
        let mut lines = report.lines().filter(|line| line.contains(name));
        lines
            .next()
            .unwrap_or_else(|| panic!("no {name} in {report}"))
            .to_string()
    };
    assert!(line("weaver").contains("promise"), "{report}");
    let apprentice = report
        .lines()
        .find(|line| line.contains("apprentice"))
        .expect("a line");
    assert!(
        apprentice.contains("weaver") || apprentice.contains("task"),
        "{report}"
    );
    assert!(
        line("spinner").contains("future") || line("spinner").contains("waker"),
        "{report}"
    );
}

#[test]
fn the_deadlock_report_omits_tasks_that_do_not_wait() {
    let report = deadlock_of(|| {
        drop(spawn_named("finished", || ()));
        drop(spawn_named("slept", || {
            sleep(std::time::Duration::from_millis(1))
        }));
        Promise::<u32>::new().wait()
    });
    assert!(
        !report.contains("finished") && !report.contains("slept"),
        "{report}"
    );
}

#[test]
fn main_and_tasks_are_unwound_before_the_deadlock_is_returned() {
    let log = Log::default();
    let inside = log.clone();
    let outcome = try_run(|| {
        let _main = log.guard("main");
        drop(spawn(move || {
            let _task = inside.guard("task");
            Promise::<u32>::new().wait()
        }));
        Promise::<u32>::new().wait()
    });
    assert!(matches!(outcome, Err(RunError::Deadlock(_))), "{outcome:?}");
    let mut unwound = log.take();
    unwound.sort();
    assert_eq!(unwound, ["main", "task"]);
}

#[test]
fn run_panics_with_the_deadlock_report() {
    let said = sentence(|| run(|| Promise::<u32>::new().wait()));
    assert!(said.contains("promise"), "{said}");
}

#[test]
fn a_deadlock_is_reported_under_a_virtual_clock_too() {
    let outcome = selvedge::EventLoop::builder()
        .virtual_clock(true)
        .try_run(|| {
            sleep(A_SECOND);
            Promise::<u32>::new().wait()
        });
    assert!(matches!(outcome, Err(RunError::Deadlock(_))), "{outcome:?}");
}

#[test]
fn run_until_complete_of_a_deadlock_is_an_error() {
    let event_loop = virtual_loop();
    let promise = event_loop.create_promise::<u32>();
    let error = event_loop
        .run_until_complete(promise.clone())
        .expect_err("no task sets it");
    assert!(!error.is_panic(), "{error:?}");
    promise.set_result(3).expect("it is pending as before");
    assert_eq!(finished(event_loop.run_until_complete(promise)), 3);
}

#[test]
fn an_endless_sleep_does_not_prevent_the_deadlock_report() {
    for is_virtual in [true, false] {
        let builder = selvedge::EventLoop::builder().virtual_clock(is_virtual);
        let outcome = builder.try_run(|| {
            spawn(|| sleep(std::time::Duration::MAX)).detach();
            Promise::<u32>::new().wait()
        });
        assert!(matches!(outcome, Err(RunError::Deadlock(_))), "{outcome:?}");
    }
}

/// The loop neither sleeps until a cancelled deadline nor spins after it.
#[test]
fn cancelled_timers_do_not_delay_the_deadlock_report() {
    for delay in [std::time::Duration::from_millis(1), 3600 * A_SECOND] {
        deadlock_of(|| {
            let event_loop = current_loop().expect("a loop");
            event_loop.call_later(delay, || ()).expect("open").cancel();
            Promise::<u32>::new().wait()
        });
    }
    deadlock_of(|| {
        selvedge::timeout(3600 * A_SECOND, yield_now).expect("in time");
        Promise::<u32>::new().wait()
    });
}

#[test]
fn a_timer_prevents_the_deadlock_report() {
    let value = run(|| {
        let promise = Promise::new();
        let setter = promise.clone();
        current_loop()
            .expect("a loop")
            .call_later(std::time::Duration::from_millis(2), move || {
                setter.set_result(6).expect("pending");
            })
            .expect("open");
        finished(promise.wait())
    });
    assert_eq!(value, 6);
}

#[test]
fn a_socket_with_a_waiter_prevents_the_deadlock_report() {
    let (mut near, mut far) = UnixStream::pair().expect("a pair");
    let number = thread_number();
    let writer = thread::spawn(move || {
        wait_until_asleep(number);
        far.write_all(b"x").expect("written");
    });
    let mut buffer = [0];
    run(|| near.read_exact(&mut buffer).expect("a byte"));
    assert_eq!(&buffer, b"x");
    writer.join().expect("no panic");
}

fn loop_handle() -> LoopHandle {
    current_loop().expect("a loop").handle().expect("open")
}

#[test]
fn no_deadlock_is_reported_while_a_thread_holds_a_handle() {
    let number = thread_number();
    let value = run(|| {
        let handle = loop_handle();
        let remote = thread::spawn(move || {
            wait_until_asleep(number);
            drop(handle.call_soon_threadsafe(|| {
                let task = selvedge::task::all_tasks().remove(0);
                task.cancel_with("from a thread");
            }));
        });
        let cancelled = selvedge::task::catch_cancelled(|| Promise::<u32>::new().wait()).is_err();
        remote.join().expect("no panic");
        cancelled
    });
    assert!(value);
}

#[test]
fn dropping_the_last_handle_elsewhere_brings_the_report() {
    let number = thread_number();
    let mut thread = None;
    let report = deadlock_of(|| {
        let handle = loop_handle();
        thread = Some(thread::spawn(move || {
            wait_until_asleep(number);
            drop(handle);
        }));
        Promise::<u32>::new().wait()
    });
    assert!(report.contains("promise"), "{report}");
    thread
        .take()
        .expect("it was started")
        .join()
        .expect("no panic");
}

#[test]
fn dropping_the_last_waker_brings_the_deadlock_report() {
    let number = thread_number();
    let (sender, receiver) = mpsc::channel::<Waker>();
    let thread = thread::spawn(move || {
        let waker = receiver.recv().expect("a waker");
        wait_until_asleep(number);
        drop(waker);
    });
    let report = deadlock_of(move || {
        block_on(std::future::poll_fn(|context| -> Poll<()> {
            let _ = sender.send(context.waker().clone());
            Poll::Pending
        }));
    });
    assert!(!report.is_empty());
    thread.join().expect("no panic");
}

#[test]
fn no_deadlock_is_reported_while_a_thread_holds_a_waker() {
    let number = thread_number();
    let (sender, receiver) = mpsc::channel::<Waker>();
    let thread = thread::spawn(move || {
        let waker = receiver.recv().expect("a waker");
        wait_until_asleep(number);
        waker.wake();
    });
    let n_polls = run(|| {
        let mut n_polls = 0;
        block_on(std::future::poll_fn(|context| {
            n_polls += 1;
            if n_polls == 2 {
                return Poll::Ready(());
            }
            sender
                .send(context.waker().clone())
                .expect("the thread waits");
            Poll::Pending
        }));
        n_polls
    });
    assert_eq!(n_polls, 2);
    thread.join().expect("no panic");
}

#[test]
fn a_main_that_catches_the_deadlock_may_wait_in_its_cleanup() {
    let log = Log::default();
    let outcome = try_run(|| {
        let caught = selvedge::task::catch_cancelled(|| Promise::<u32>::new().wait());
        log.push(format!("caught: {}", caught.is_err()));
        sleep(std::time::Duration::from_millis(1));
        yield_now();
        log.push("cleaned up");
    });
    // The result may be main's value or the deadlock.
    assert!(
        matches!(outcome, Ok(()) | Err(RunError::Deadlock(_))),
        "{outcome:?}"
    );
    assert_eq!(log.take(), ["caught: true", "cleaned up"]);
}

#[test]
fn a_panic_of_main_during_the_deadlock_unwind_is_a_panic() {
    let payload = caught(|| {
        try_run(|| {
            let _ = selvedge::task::catch_cancelled(|| Promise::<u32>::new().wait());
            panic!("torn while cleaning up");
        })
        .is_ok()
    });
    assert_eq!(text(&payload), "torn while cleaning up");
}

#[test]
fn a_deadlock_of_tasks_alone_does_not_stop_a_main_that_works() {
    let value = run(|| {
        for _ in 0..10 {
            drop(spawn(|| Promise::<u32>::new().wait()));
        }
        for _ in 0..100 {
            yield_now();
        }
        sleep(std::time::Duration::from_millis(1));
        5
    });
    assert_eq!(value, 5);
}

thread_local! {
    static AWAITED: Cell<Option<Promise<u32>>> = const { Cell::new(None) };
}

/// Both happen while the loop checks for a deadlock: the call must count, though the sender's handle is dropped.
#[test]
fn a_last_call_before_the_last_handle_drops_is_no_deadlock() {
    let n_rounds = scaled(5_000, 200);
    let (sender, receiver) = mpsc::channel::<(LoopHandle, usize)>();
    let thread = thread::spawn(move || {
        for (handle, n_spins) in receiver {
            (0..n_spins).for_each(|_| std::hint::spin_loop());
            let set = || {
                AWAITED
                    .take()
                    .expect("a promise")
                    .set_result(1)
                    .expect("pending")
            };
            soon_threadsafe(&handle, set);
        }
    });
    for round in 0..n_rounds {
        let outcome = try_run(|| {
            let promise = Promise::new();
            AWAITED.set(Some(promise.clone()));
            sender
                .send((loop_handle(), round % 97 * 8))
                .expect("the thread waits");
            finished(promise.wait())
        });
        assert_eq!(outcome.expect("no deadlock"), 1);
    }
    drop(sender);
    thread.join().expect("no panic");
}

/// Each wait is legal when it begins; the cycle closes when the parent reaches the end of its scope.
#[test]
fn the_deadlock_report_names_the_tasks_of_a_cycle() {
    let outcome = try_run(|| {
        let slot: Rc<RefCell<Option<Task<()>>>> = Rc::default();
        let lent = Rc::clone(&slot);
        let parent = spawn_named("parent", move || {
            let result = scope(|s| {
                s.spawn_named("child", || {
                    let outsider = lent.take().expect("spawned");
                    drop(outsider.join());
                });
                (0..5).for_each(|_| yield_now());
            });
            drop(result);
        });
        *slot.borrow_mut() = Some(spawn_named("outsider", move || {
            (0..3).for_each(|_| yield_now());
            drop(parent.join());
        }));
        Promise::<u32>::new().wait()
    });
    let Err(RunError::Deadlock(deadlock)) = outcome else {
        panic!("not a deadlock: {outcome:?}");
    };
    assert_eq!(
        deadlock.cycle().unwrap(),
        ["parent", "child", "outsider", "parent"]
    );
    let report = deadlock.to_string();
    assert!(
        report.contains("in a circle: parent -> child -> outsider -> parent"),
        "{report}"
    );
}
