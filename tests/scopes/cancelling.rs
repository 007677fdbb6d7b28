//! A cancel of the task that opened a scope: all children are cancelled and awaited, then the cancel goes on.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use selvedge::task::{catch_cancelled, current_task};
use selvedge::{Promise, Task, scope, sleep, spawn, spawn_fallible, yield_now};

use crate::support::{A_SECOND, AN_HOUR, Log, finished, in_virtual_loop, shared};

/// Spawns a task, lets it run for a second, cancels it, and returns whether it ended by the cancel.
fn cancelled_after_a_second(body: impl FnOnce() + 'static) -> bool {
    let task = spawn(body);
    sleep(A_SECOND);
    assert!(task.cancel_with("enough"));
    match task.join() {
        Err(error) if error.is_cancelled() => {
            assert_eq!(error.message().unwrap(), "enough");
            true
        }
        result => {
            finished(result);
            false
        }
    }
}

#[test]
fn a_cancel_in_the_body_cancels_all_children_and_goes_on() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            assert!(cancelled_after_a_second(move || {
                let _ = scope(|s| {
                    for n in 1..=2 {
                        let log = &log;
                        s.spawn(move || {
                            let caught = catch_cancelled(|| sleep(AN_HOUR)).expect_err("cancelled");
                            sleep(n * A_SECOND);
                            log.push(format!("child {n}: {}", caught.message().unwrap()));
                        });
                    }
                    sleep(AN_HOUR);
                });
                log.push("the scope returned");
            }));
        }
    });
    assert_eq!(log.take(), ["child 1: enough", "child 2: enough"]);
}

#[test]
fn a_cancel_while_the_scope_waits_cancels_all_children() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            assert!(cancelled_after_a_second(move || {
                let _ = scope(|s| {
                    s.spawn(|| {
                        let caught = catch_cancelled(|| sleep(AN_HOUR)).expect_err("cancelled");
                        sleep(A_SECOND);
                        log.push(caught.message().unwrap());
                    });
                });
                log.push("the scope returned");
            }));
        }
    });
    assert_eq!(log.take(), ["enough"]);
}

#[test]
fn a_cancel_before_the_first_step_runs_nothing() {
    in_virtual_loop(|| {
        let task = spawn(|| drop(scope(|_| panic!("it ran"))));
        task.cancel();
        assert!(task.join().expect_err("cancelled").is_cancelled());
    });
}

#[test]
fn a_cancel_pending_at_the_bodys_return_reaches_the_children() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            let task = spawn(move || {
                let _ = scope(|s| {
                    let capture = log.guard("capture");
                    s.spawn(move || {
                        let _capture = capture;
                        sleep(AN_HOUR);
                    });
                    current_task().expect("a task").cancel();
                });
                log.push("the scope returned");
            });
            assert!(task.join().expect_err("cancelled").is_cancelled());
        }
    });
    assert_eq!(log.take(), ["capture"]);
}

#[test]
fn a_childless_scope_leaves_a_pending_cancel_pending() {
    in_virtual_loop(|| {
        let reached = Cell::new(false);
        let reached = std::rc::Rc::new(reached);
        let inside = reached.clone();
        let task = spawn(move || {
            scope(|_| current_task().expect("a task").cancel()).expect("no child failed");
            inside.set(true);
            yield_now();
            panic!("it went on");
        });
        assert!(task.join().expect_err("cancelled").is_cancelled());
        assert!(reached.get());
    });
}

#[test]
fn a_second_cancel_reaches_children_that_swallowed_the_first() {
    in_virtual_loop(|| {
        let n_caught = std::rc::Rc::new(Cell::new(0));
        let inside = n_caught.clone();
        let task = spawn(move || {
            let _ = scope(|s| {
                s.spawn(|| {
                    while catch_cancelled(|| sleep(AN_HOUR)).is_err() {
                        inside.set(inside.get() + 1);
                        if inside.get() == 3 {
                            return;
                        }
                    }
                });
            });
        });
        for _ in 0..3 {
            sleep(A_SECOND);
            assert!(task.cancel());
        }
        assert!(task.join().expect_err("cancelled").is_cancelled());
        assert_eq!(n_caught.get(), 3);
    });
}

#[test]
fn failures_are_returned_before_the_cancel_is_delivered() {
    in_virtual_loop(|| {
        let errors = std::rc::Rc::new(RefCell::new(Vec::new()));
        let inside = errors.clone();
        let task = spawn(move || {
            let error = scope(|s| {
                s.spawn(|| {
                    let _ = catch_cancelled(|| sleep(AN_HOUR));
                    panic!("torn");
                });
                sleep(AN_HOUR);
            })
            .expect_err("one failed");
            inside.borrow_mut().extend(error);
            let caught = catch_cancelled(|| sleep(AN_HOUR)).expect_err("it is met here");
            assert_eq!(caught.message().unwrap(), "enough");
            // And only once.
            sleep(A_SECOND);
            current_task().expect("a task").cancelling()
        });
        sleep(A_SECOND);
        task.cancel_with("enough");
        assert_eq!(finished(task.join()), 1);
        assert_eq!(errors.borrow()[0].message().unwrap(), "torn");
    });
}

#[test]
fn an_outside_cancel_beside_the_scopes_own_is_not_lost() {
    in_virtual_loop(|| {
        let gate = Promise::<()>::new();
        let opened = gate.clone();
        let task: Task<()> = spawn(move || {
            let error = scope(|s| {
                s.spawn(|| {
                    let _ = gate.wait();
                    panic!("torn");
                });
                sleep(AN_HOUR);
            })
            .expect_err("one failed");
            assert_eq!(error.errors().len(), 1);
            assert_eq!(current_task().expect("a task").cancelling(), 1);
            yield_now();
            panic!("the cancel was lost");
        });
        sleep(A_SECOND);
        // The child fails, and cancels its host, in the iteration in which this cancel comes.
        opened.set_result(()).expect("pending");
        let me = task.task_ref();
        spawn(move || me.cancel()).detach();
        assert!(task.join().expect_err("cancelled").is_cancelled());
    });
}

#[test]
fn a_cancel_reaches_a_scope_through_a_join() {
    in_virtual_loop(|| {
        let log = Log::default();
        let inside = log.clone();
        let inner = spawn(move || {
            let _ = scope(|s| {
                let guard = inside.guard("grandchild");
                s.spawn(move || {
                    let _guard = guard;
                    sleep(AN_HOUR);
                });
            });
        });
        let outer = spawn(move || drop(inner.join()));
        sleep(A_SECOND);
        outer.cancel();
        assert!(outer.join().expect_err("cancelled").is_cancelled());
        assert_eq!(log.take(), ["grandchild"]);
    });
}

#[test]
fn a_cancel_reaches_a_deep_tree_of_scopes() {
    fn nest(depth: u32, n_unwound: &Cell<u32>) {
        struct Counts<'a>(&'a Cell<u32>);
        impl Drop for Counts<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let counts = Counts(n_unwound);
        if depth == 0 {
            sleep(AN_HOUR);
        }
        scope(|s| {
            for _ in 0..2 {
                s.spawn(|| nest(depth - 1, counts.0));
            }
        })
        .expect("no child failed");
    }
    in_virtual_loop(|| {
        let n_unwound = std::rc::Rc::new(Cell::new(0));
        let inside = n_unwound.clone();
        assert!(cancelled_after_a_second(move || nest(5, &inside)));
        assert_eq!(n_unwound.get(), (1 << 6) - 1);
    });
}

#[test]
fn scope_cancel_ends_the_children_and_is_no_failure() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            let value = scope(|s| {
                let guard = log.guard("ticker");
                s.spawn(move || {
                    let _guard = guard;
                    loop {
                        sleep(A_SECOND);
                    }
                });
                sleep(3 * A_SECOND);
                s.cancel();
                sleep(A_SECOND);
                5
            });
            assert_eq!(value.expect("no child failed"), 5);
        }
    });
    assert_eq!(log.take(), ["ticker"]);
}

#[test]
fn the_loop_is_closed_while_scopes_are_open_in_each_phase() {
    let log = Log::default();
    let event_loop = crate::support::virtual_loop();
    for (body_waits, task_waits) in [("body 1", "child 1"), ("", "child 2")] {
        let log = log.clone();
        event_loop
            .create_task(move || {
                let local = String::from("borrowed");
                let _guard = (!body_waits.is_empty()).then(|| log.guard("host 1"));
                let _ = scope(|s| {
                    let guard = log.guard(task_waits);
                    let local = &local;
                    s.spawn(move || {
                        let _guard = guard;
                        sleep(AN_HOUR);
                        println!("{local}");
                    });
                    if !body_waits.is_empty() {
                        let _guard = log.guard(body_waits);
                        sleep(AN_HOUR);
                    }
                });
            })
            .detach();
    }
    event_loop.call_later(A_SECOND, crate::support::stop);
    event_loop.run_forever().expect("it can run");
    drop(event_loop);
    let mut events = log.take();
    events.sort();
    assert_eq!(events, ["body 1", "child 1", "child 2", "host 1"]);
}

#[test]
fn a_cancel_with_the_last_child_s_end_unwinds_the_scope() {
    in_virtual_loop(|| {
        let has_gone_on = shared(false);
        let gone_on = Rc::clone(&has_gone_on);
        let child = shared(None);
        let view = Rc::clone(&child);
        let host = spawn(move || {
            let result = scope(|s| {
                view.set(Some(s.spawn(|| sleep(A_SECOND)).task_ref()));
            });
            gone_on.set(result.is_ok());
            sleep(AN_HOUR);
        });
        yield_now();
        let cancelled = host.task_ref();
        // Called as the child ends, after the child has woken its host.
        child
            .take()
            .expect("the child's task")
            .add_done_callback(move |_| {
                cancelled.cancel();
            });
        assert!(host.join().expect_err("cancelled").is_cancelled());
        assert!(!has_gone_on.get());
    });
}

/// Whether a cancel that the body has caught comes again after the scope's errors.
fn comes_again(child_fails_after: Duration) -> bool {
    in_virtual_loop(move || {
        let host = spawn(move || {
            let error = scope(|s| {
                s.spawn(move || {
                    // Survives the scope's own cancel.
                    sleep(child_fails_after);
                    panic!("torn");
                });
                assert!(catch_cancelled(|| sleep(AN_HOUR)).is_err());
                drop(catch_cancelled(|| sleep(2 * A_SECOND)));
            })
            .unwrap_err();
            assert_eq!(error.errors().len(), 1);
            yield_now();
        });
        yield_now();
        host.cancel();
        host.join().is_err_and(|error| error.is_cancelled())
    })
}

#[test]
fn a_caught_cancel_comes_again_after_the_errors() {
    assert!(comes_again(A_SECOND), "the child fails during the body");
    assert!(comes_again(3 * A_SECOND), "the child fails after the body");
}

#[test]
fn a_task_that_returns_a_scopes_errors_beside_a_cancel_fails() {
    in_virtual_loop(|| {
        let host = spawn_fallible(|| {
            scope(|s| {
                s.spawn(|| {
                    let _ = catch_cancelled(|| sleep(AN_HOUR));
                    panic!("torn");
                });
                sleep(AN_HOUR);
            })
        });
        sleep(A_SECOND);
        host.cancel();
        let error = host.join().unwrap_err();
        assert!(!error.is_cancelled());
        assert!(error.to_string().contains("torn"), "{error}");
    });
}
