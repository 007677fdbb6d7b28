//! Children that can't be ended: the whole chain of their hosts is abandoned, and the process aborts if a thread's own
//! stack is at its root. And children whose loop ends in the middle of a scope.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use selvedge::event_loop::current_loop;
use selvedge::task::catch_cancelled;
use selvedge::{
    EventLoop, Promise, RunError, Yielder, coroutine, race, run, scope, sleep, spawn, spawn_named,
    try_run, yield_now,
};

use crate::play;
use crate::support::{A_SECOND, AN_HOUR, Log, Reports, finished, virtual_loop};

pub const SCENARIOS: &[(&str, fn())] = &[
    ("main_has_an_abandoned_child", main_has_an_abandoned_child),
    (
        "main_has_an_uncancellable_child",
        main_has_an_uncancellable_child,
    ),
    (
        "main_has_an_uncancellable_grandchild",
        main_has_an_uncancellable_grandchild,
    ),
    (
        "task_has_an_uncancellable_child",
        task_has_an_uncancellable_child,
    ),
    ("loop_is_forgotten", loop_is_forgotten),
    ("exit_in_a_child", exit_in_a_child),
];

/// Abandons the coroutine on whose stack it is called: a child of a coroutine's scope swallows every close.
pub fn abandons_itself(borrowed: &str) {
    coroutine::scope(|s| {
        let mut child = s.coroutine(|yielder: &Yielder<(), ()>, ()| {
            loop {
                let _ = catch_unwind(AssertUnwindSafe(|| yielder.suspend(())));
                assert!(!borrowed.is_empty(), "what it borrows is still there");
            }
        });
        child.resume();
    });
    println!("the scope returned");
}

/// Swallows every cancel and unwind.
fn swallows_everything() {
    loop {
        let _ = catch_unwind(AssertUnwindSafe(|| sleep(AN_HOUR)));
    }
}

#[test]
fn a_host_is_abandoned_once_an_abandoned_childs_siblings_end() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let (reports, inside) = (Reports::of(&event_loop), log.clone());
    finished(event_loop.run_until_complete(move || {
        let logs = inside.clone();
        let host = spawn_named("host", move || {
            let local = String::from("a local of the host");
            let _guard = logs.guard("the host was unwound");
            let _ = scope(|s| {
                s.spawn_named("child", || {
                    yield_now();
                    abandons_itself(&local);
                });
                s.spawn(|| {
                    let caught = catch_cancelled(|| sleep(AN_HOUR)).is_err();
                    sleep(A_SECOND);
                    logs.push(format!("sibling, cancelled: {caught}, sees {local}"));
                });
                let _guard = logs.guard("the body was unwound");
                sleep(AN_HOUR);
            });
            logs.push("the scope returned");
        });
        let error = host.join().expect_err("abandoned");
        assert!(!error.is_cancelled() && error.message().unwrap().contains("abandoned"));
        inside.push("joined");
        sleep(AN_HOUR);
        assert_eq!(finished(spawn(|| 5).join()), 5);
    }));
    drop(event_loop);
    let expected = [
        "the body was unwound",
        "sibling, cancelled: true, sees a local of the host",
        "joined",
    ];
    assert_eq!(log.take(), expected);
    let subjects: Vec<_> = reports
        .take()
        .into_iter()
        .filter_map(|report| report.subject)
        .collect();
    assert_eq!(subjects, ["child", "host"]);
}

#[test]
fn hosts_are_abandoned_up_to_the_first_that_borrows_nothing() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let inside = log.clone();
    finished(event_loop.run_until_complete(move || {
        let logs = inside.clone();
        let root = spawn(move || {
            let local = String::from("a local of the root");
            let _guard = logs.guard("the root was unwound");
            let _ = scope(|outer| {
                let _ = finished(
                    outer
                        .spawn(|| {
                            let _guard = logs.guard("the child was unwound");
                            scope(|inner| inner.spawn(|| abandons_itself(&local)).join().is_ok())
                                .is_ok()
                        })
                        .join(),
                );
            });
            logs.push("the scope returned");
        });
        assert!(
            root.join()
                .expect_err("abandoned")
                .message()
                .unwrap()
                .contains("abandoned")
        );
        assert!(
            selvedge::task::all_tasks().len() == 1,
            "only this one is left"
        );
    }));
    drop(event_loop);
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn a_race_with_an_abandoned_entrant_is_abandoned() {
    let event_loop = virtual_loop();
    Reports::of(&event_loop);
    finished(event_loop.run_until_complete(|| {
        let task = spawn(|| {
            let local = String::from("a local");
            let wins = || {
                yield_now();
                1
            };
            let _ = race((wins, || {
                let _ = catch_cancelled(|| sleep(AN_HOUR));
                abandons_itself(&local);
                2
            }));
            println!("the race returned");
        });
        assert!(task.join().is_err());
    }));
}

fn main_has_an_abandoned_child() {
    let local = String::from("a local of the caller of run");
    run(|| {
        let _ = scope(|s| {
            s.spawn(|| abandons_itself(&local));
        });
        println!("the scope returned");
    });
    println!("run returned");
}

#[test]
fn main_with_an_abandoned_child_aborts_with_a_sentence() {
    let ended = play("main_has_an_abandoned_child");
    ended.assert_killed_by(libc::SIGABRT);
    ended.assert_reported(&["selvedge: the main task can't be ended"]);
    assert!(!ended.stdout.contains("returned"), "{ended:#?}");
}

/// The loop is stopped, so main is cancelled; its child, which borrows from the caller of the run, swallows every cancel.
fn main_is_stopped_with(child: impl FnOnce(&str)) {
    let local = String::from("a local of the caller of run");
    let builder = EventLoop::builder().shutdown_timeout(Duration::from_millis(20));
    let _: Result<(), _> = builder.try_run(|| {
        crate::support::soon(crate::support::stop);
        let _ = scope(|s| {
            s.spawn(|| child(&local));
        });
        println!("the scope returned");
    });
    println!("run returned");
}

fn main_has_an_uncancellable_child() {
    main_is_stopped_with(|local| {
        swallows_everything();
        println!("{local}");
    });
}

fn main_has_an_uncancellable_grandchild() {
    main_is_stopped_with(|local| {
        let _ = race([|| {
            swallows_everything();
            println!("{local}");
        }]);
        println!("the race returned");
    });
}

#[test]
fn main_with_an_uncancellable_child_aborts_with_a_sentence() {
    for scenario in [
        "main_has_an_uncancellable_child",
        "main_has_an_uncancellable_grandchild",
    ] {
        let ended = play(scenario);
        ended.assert_killed_by(libc::SIGABRT);
        ended.assert_reported(&["selvedge: the main task can't be ended"]);
        assert!(!ended.stdout.contains("returned"), "{ended:#?}");
    }
}

/// The loop abandons the tasks that it can't end, the host included, and closes.
fn task_has_an_uncancellable_child() {
    let event_loop = EventLoop::builder()
        .shutdown_timeout(Duration::from_millis(20))
        .build()
        .expect("a loop");
    let reports = Reports::of(&event_loop);
    let host = event_loop.create_task(|| {
        let local = String::from("a local of the host");
        let _ = scope(|s| {
            s.spawn(|| {
                // Only after the task has started, however slow the machine is.
                let this = current_loop().expect("a loop");
                this.call_soon(crate::support::stop).expect("open");
                swallows_everything();
                println!("{local}");
            });
        });
        println!("the scope returned");
    });
    event_loop.run_forever().expect("it can run");
    drop(event_loop);
    let error = host.join().expect_err("abandoned");
    println!("{} reports; {error}", reports.take().len());
}

#[test]
fn a_loop_abandons_the_host_of_an_uncancellable_child() {
    let ended = play("task_has_an_uncancellable_child");
    ended.assert_exited(0);
    assert!(ended.stdout.contains("was abandoned"), "{ended:#?}");
    assert!(!ended.stdout.contains("returned"), "{ended:#?}");
}

fn loop_is_forgotten() {
    let event_loop = EventLoop::new().expect("a loop");
    event_loop
        .create_task(|| {
            let local = String::from("a local of the host");
            let _ = scope(|s| {
                s.spawn(|| {
                    sleep(AN_HOUR);
                    println!("{local}");
                });
            });
        })
        .detach();
    event_loop.call_later(Duration::from_millis(1), crate::support::stop);
    event_loop.run_forever().expect("it can run");
    std::mem::forget(event_loop);
    println!("forgotten");
}

#[test]
fn a_forgotten_loop_leaves_its_scopes_untouched() {
    let ended = play("loop_is_forgotten");
    ended.assert_exited(0);
    assert!(ended.stdout.contains("forgotten"));
}

fn exit_in_a_child() {
    run(|| {
        let local = String::from("a local of main");
        let _ = scope(|s| {
            s.spawn(|| {
                println!("{local}");
                std::process::exit(7);
            });
        });
    });
}

#[test]
fn a_child_may_end_the_process() {
    play("exit_in_a_child").assert_exited(7);
}

#[test]
fn a_deadlock_of_children_unwinds_them_before_run_returns() {
    let n_unwound = Rc::new(Cell::new(0));
    struct Counts(Rc<Cell<u32>>, Rc<Cell<bool>>);
    impl Drop for Counts {
        fn drop(&mut self) {
            assert!(self.1.get(), "the host's frame is there");
            self.0.set(self.0.get() + 1);
        }
    }
    let is_open = Rc::new(Cell::new(true));
    struct Closes(Rc<Cell<bool>>);
    impl Drop for Closes {
        fn drop(&mut self) {
            self.0.set(false);
        }
    }
    let result = try_run(|| {
        let _closes = Closes(Rc::clone(&is_open));
        scope(|s| {
            for _ in 0..3 {
                let counts = Counts(Rc::clone(&n_unwound), Rc::clone(&is_open));
                s.spawn(move || {
                    let _counts = counts;
                    let _: Result<(), _> = Promise::new().wait();
                });
            }
        })
    });
    assert!(matches!(result, Err(RunError::Deadlock(_))));
    assert_eq!((n_unwound.get(), is_open.get()), (3, false));
}

/// No task may run then, so the children are unwound at once, before the task that they borrow from.
#[test]
fn a_loop_dropped_inside_another_ends_children_before_hosts() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let inside = log.clone();
    event_loop
        .create_task(move || {
            let _guard = inside.guard("host");
            let local = String::from("borrowed");
            let _ = scope(|s| {
                for event in ["child 1", "child 2"] {
                    let guard = inside.guard(event);
                    let local = &local;
                    s.spawn(move || {
                        let _guard = guard;
                        sleep(AN_HOUR);
                        println!("{local}");
                    });
                }
                let _guard = inside.guard("body");
                sleep(AN_HOUR);
            });
        })
        .detach();
    event_loop.call_later(A_SECOND, crate::support::stop);
    event_loop.run_forever().expect("it can run");
    run(move || drop(event_loop));
    assert_eq!(log.take(), ["child 2", "child 1", "body", "host"]);
}

/// Main and its child swallow each cancel, but not the forced unwind: it ends the child first.
#[test]
fn a_stopped_run_unwinds_uncancellable_children_before_main() {
    let log = Log::default();
    let builder = EventLoop::builder().shutdown_timeout(Duration::from_millis(20));
    let goes_on = |event| {
        let _guard = log.guard(event);
        loop {
            let _ = catch_cancelled(|| sleep(AN_HOUR));
        }
    };
    let result: Result<(), _> = builder.try_run(|| {
        let _guard = log.guard("main");
        let _ = scope(|s| {
            s.spawn(|| {
                let _ = scope(|s| {
                    s.spawn(|| {
                        // The last task to start.
                        let this = current_loop().expect("a loop");
                        this.call_soon(crate::support::stop).expect("open");
                        goes_on("grandchild");
                    });
                    goes_on("child");
                });
            });
            goes_on("body");
        });
    });
    assert!(matches!(result, Err(RunError::Stopped)), "{result:?}");
    assert_eq!(log.take(), ["grandchild", "child", "body", "main"]);
}
