//! When a child fails: its siblings and the body are cancelled, all children are awaited, and the scope's error has
//! every error.

use std::cell::Cell;
use std::io;

use selvedge::error::ScopeError;
use selvedge::task::{catch_cancelled, current_task, finally};
use selvedge::{TaskError, scope, sleep, yield_now};

use crate::support::{A_SECOND, AN_HOUR, Log, finished, in_virtual_loop};

pub fn texts(error: &ScopeError) -> Vec<String> {
    let messages = error.errors().iter().filter_map(TaskError::message);
    messages.map(|message| message.into_owned()).collect()
}

#[test]
fn an_error_of_a_child_cancels_its_siblings_and_the_body() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            let error = scope(|s| {
                for event in ["first sibling", "second sibling"] {
                    let guard = log.guard(event);
                    s.spawn(move || {
                        let _guard = guard;
                        sleep(AN_HOUR);
                    });
                }
                s.spawn_fallible(|| {
                    sleep(A_SECOND);
                    Err::<(), _>(io::Error::other("torn"))
                });
                let _guard = log.guard("body");
                sleep(AN_HOUR);
            })
            .expect_err("a child failed");
            assert_eq!(texts(&error), ["torn"]);
            assert!(error.errors()[0].downcast_ref::<io::Error>().is_some());
            let me = current_task().expect("a task");
            assert_eq!(me.cancelling(), 0);
            // The cancel was the scope's own, and has ended with the scope.
            sleep(A_SECOND);
        }
    });
    let mut events = log.take();
    events.sort();
    assert_eq!(events, ["body", "first sibling", "second sibling"]);
}

#[test]
fn a_panic_of_a_child_cancels_its_siblings_and_the_body() {
    in_virtual_loop(|| {
        let error = scope(|s| {
            s.spawn(|| sleep(AN_HOUR));
            s.spawn(|| -> u8 { panic!("torn") });
            sleep(AN_HOUR);
        })
        .expect_err("a child failed");
        let [error] = &error.into_errors()[..] else {
            panic!("one error")
        };
        assert!(error.is_panic());
        assert_eq!(error.message().unwrap(), "torn");
    });
}

#[test]
fn with_spawn_any_value_is_success() {
    in_virtual_loop(|| {
        let result = scope(|s| finished(s.spawn(|| Err::<(), _>("a value")).join()));
        assert_eq!(result.expect("no child failed"), Err("a value"));
    });
}

#[test]
fn all_errors_are_collected_in_the_order_of_the_failures() {
    in_virtual_loop(|| {
        let error = scope(|s| {
            for (n, text) in ["second", "third"].into_iter().enumerate() {
                s.spawn_fallible(move || {
                    let _ = catch_cancelled(|| sleep(AN_HOUR));
                    sleep(A_SECOND * (n as u32 + 1));
                    Err::<(), _>(text)
                });
            }
            s.spawn(|| sleep(AN_HOUR));
            s.spawn_fallible(|| Err::<(), _>("first"));
        })
        .expect_err("three failed");
        assert_eq!(texts(&error), ["first", "second", "third"]);
        let shown = error.to_string();
        assert!(
            ["3 tasks", "first", "second", "third"]
                .iter()
                .all(|part| shown.contains(part))
        );
        assert_eq!(error.into_iter().count(), 3);
    });
}

#[test]
fn children_are_cancelled_once_and_not_again_by_later_failures() {
    in_virtual_loop(|| {
        let n_cancels = Cell::new(0);
        scope(|s| {
            s.spawn(|| {
                for _ in 0..2 {
                    if catch_cancelled(|| sleep(10 * A_SECOND)).is_err() {
                        n_cancels.set(n_cancels.get() + 1);
                    }
                }
            });
            for n in 1..=3 {
                s.spawn(move || {
                    let _ = catch_cancelled(|| sleep(AN_HOUR));
                    sleep(n * A_SECOND);
                    panic!("torn again");
                });
            }
            yield_now();
            s.spawn(|| panic!("torn"));
        })
        .expect_err("they failed");
        assert_eq!(n_cancels.get(), 1);
    });
}

#[test]
fn a_childs_cancel_is_tolerated() {
    in_virtual_loop(|| {
        let value = scope(|s| {
            let cancelled = s.spawn(|| sleep(AN_HOUR));
            let by_itself = s.spawn(|| {
                current_task().expect("a task").cancel_with("enough");
                sleep(AN_HOUR);
            });
            let goes_on = s.spawn(|| {
                sleep(A_SECOND);
                5
            });
            yield_now();
            assert!(cancelled.cancel() && cancelled.cancelling() == 1);
            let error = by_itself.join().expect_err("cancelled");
            assert_eq!(
                (error.is_cancelled(), error.message().unwrap()),
                (true, "enough".into())
            );
            yield_now();
            assert!(cancelled.is_cancelled() && cancelled.exception().is_err());
            finished(goes_on.join())
        });
        assert_eq!(value.expect("a cancel is no failure"), 5);
    });
}

#[test]
fn a_child_that_was_cancelled_before_its_first_step_never_runs() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            scope(|s| {
                let capture = log.guard("capture");
                let task = s.spawn(|| {
                    drop(capture);
                    log.push("ran");
                });
                task.cancel();
            })
            .expect("a cancel is no failure");
            log.push("returned");
        }
    });
    assert_eq!(log.take(), ["capture", "returned"]);
}

#[test]
fn spawning_into_an_ending_scope_fails_only_the_new_task() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            let error = scope(|s| {
                s.spawn(|| {
                    let _ = catch_cancelled(|| sleep(AN_HOUR));
                    let capture = log.guard("capture");
                    let late = s.spawn(move || drop(capture));
                    assert!(late.is_done());
                    assert_eq!(log.take(), ["capture"], "it is dropped at once");
                    assert!(!late.cancel() && late.exception().is_ok());
                    let error = late.join().expect_err("too late");
                    assert!(error.is_invalid_state() && error.message().unwrap().contains("scope"));
                });
                s.spawn(|| panic!("torn"));
            })
            .expect_err("one failed");
            assert_eq!(texts(&error), ["torn"]);
        }
    });
}

#[test]
fn a_body_that_swallows_the_scopes_cancel_drops_its_value() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            let error = scope(|s| {
                s.spawn(|| panic!("torn"));
                assert!(catch_cancelled(|| sleep(AN_HOUR)).is_err());
                sleep(A_SECOND);
                log.push("body went on");
                log.guard("its value")
            })
            .map(|_| ())
            .expect_err("one failed");
            assert_eq!(texts(&error), ["torn"]);
            assert_eq!(current_task().expect("a task").cancelling(), 0);
        }
    });
    assert_eq!(log.take(), ["body went on", "its value"]);
}

#[test]
fn the_body_is_unwound_before_a_child_that_swallows_the_cancel() {
    in_virtual_loop(|| {
        let error = scope(|s| {
            let swallows = s.spawn(|| {
                let _ = catch_cancelled(|| sleep(AN_HOUR));
                sleep(A_SECOND);
                5
            });
            s.spawn(|| panic!("torn"));
            drop(swallows.join());
            panic!("the body goes on");
        })
        .expect_err("one failed");
        assert_eq!(texts(&error), ["torn"]);
    });
}

#[test]
fn a_body_done_before_a_child_fails_is_not_cancelled() {
    in_virtual_loop(|| {
        scope(|s| {
            s.spawn(|| {
                sleep(A_SECOND);
                panic!("torn");
            });
        })
        .expect_err("one failed");
        sleep(A_SECOND);
        assert_eq!(current_task().expect("a task").cancelling(), 0);
    });
}

#[test]
fn a_failure_in_an_inner_scope_stays_in_the_inner_scope() {
    in_virtual_loop(|| {
        let value = scope(|outer| {
            let sibling = outer.spawn(|| {
                sleep(5 * A_SECOND);
                5
            });
            scope(|inner| {
                inner.spawn(|| panic!("torn"));
                sleep(AN_HOUR);
            })
            .expect_err("one failed");
            finished(sibling.join())
        });
        assert_eq!(value.expect("no child of the outer scope failed"), 5);
    });
}

#[test]
fn an_outer_failure_unwinds_the_inner_scope_and_its_children() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            let error = scope(|outer| {
                outer.spawn(|| {
                    sleep(A_SECOND);
                    panic!("torn");
                });
                let inner = scope(|inner| {
                    let guard = log.guard("inner child");
                    inner.spawn(move || {
                        let _guard = guard;
                        sleep(AN_HOUR);
                    });
                });
                log.push(format!("inner returned {inner:?}"));
            })
            .expect_err("one failed");
            assert_eq!(texts(&error), ["torn"]);
        }
    });
    assert_eq!(log.take(), ["inner child"]);
}

#[test]
fn a_child_may_clean_up_with_waits_when_a_sibling_fails() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            scope(|s| {
                s.spawn(|| {
                    finally(
                        || sleep(AN_HOUR),
                        || {
                            sleep(A_SECOND);
                            log.push("cleaned up");
                        },
                    );
                });
                s.spawn(|| panic!("torn"));
            })
            .expect_err("one failed");
            log.push("returned");
        }
    });
    assert_eq!(log.take(), ["cleaned up", "returned"]);
}

#[test]
fn a_scope_error_converts_into_an_io_error_by_question_mark() {
    let error = in_virtual_loop(|| {
        let answer = || -> io::Result<()> {
            scope(|s| {
                s.spawn_fallible(|| Err::<(), _>(io::Error::from(io::ErrorKind::NotFound)));
            })?;
            Ok(())
        };
        answer().expect_err("the child failed")
    });
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    let inner = error.get_ref().expect("the scope's");
    assert_eq!(
        inner
            .downcast_ref::<ScopeError>()
            .expect("it")
            .errors()
            .len(),
        1
    );
}
