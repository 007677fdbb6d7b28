//! Timeouts: when they fire, what they leave unchanged, and rescheduling.

use std::io;
use std::time::{Duration, Instant};

use selvedge::error::Elapsed;
use selvedge::event_loop::current_loop;
use selvedge::task::{catch_cancelled, current_task};
use selvedge::time::{sleep_until, timeout_at, timeout_with};
use selvedge::{Promise, scope, sleep, spawn, timeout, yield_now};

use crate::support::{
    A_SECOND, AN_HOUR, OnDrop, assert_sentence, caught, finished, in_virtual_loop, sentence, soon,
    text,
};

fn now() -> Instant {
    current_loop().expect("a loop").time().expect("open")
}

fn elapsed() -> Duration {
    current_loop().expect("a loop").elapsed().expect("open")
}

#[test]
fn a_late_function_is_unwound_at_the_deadline() {
    in_virtual_loop(|| {
        let mut unwound_at = None;
        let result = timeout(A_SECOND, || {
            let _guard = OnDrop(|| unwound_at = Some(elapsed()));
            sleep(AN_HOUR);
        });
        assert_eq!((result, elapsed()), (Err(Elapsed), A_SECOND));
        assert_eq!(unwound_at, Some(A_SECOND));
        assert_eq!(current_task().expect("a task").cancelling(), 0);
        sleep(A_SECOND);
    });
}

#[test]
fn a_function_in_time_gives_its_value_and_no_timer_fires_later() {
    in_virtual_loop(|| {
        let text = String::from("borrowed");
        let result = timeout(2 * A_SECOND, || {
            sleep(A_SECOND);
            &text
        });
        assert_eq!(result, Ok(&text));
        sleep(AN_HOUR);
    });
}

#[test]
fn a_deadline_can_be_a_time_of_the_loops_clock() {
    in_virtual_loop(|| {
        let at = now() + A_SECOND;
        assert_eq!(timeout_at(at, || sleep_until(at + A_SECOND)), Err(Elapsed));
        assert_eq!(elapsed(), A_SECOND);
        assert_eq!(timeout_at(now() + A_SECOND, || 5), Ok(5));
    });
}

#[test]
fn past_deadlines_fire_at_the_first_suspension() {
    in_virtual_loop(|| {
        sleep(A_SECOND);
        for result in [
            timeout(Duration::ZERO, yield_now),
            timeout_at(now() - A_SECOND, yield_now),
            timeout_at(now(), || sleep(A_SECOND)),
            timeout_with(now() - A_SECOND, |t| {
                assert!(t.is_expired());
                yield_now();
            }),
        ] {
            assert_eq!(result, Err(Elapsed));
        }
        assert_eq!(timeout(Duration::ZERO, || 5), Ok(5));
        assert_eq!(current_task().expect("a task").cancelling(), 0);
        yield_now();
    });
}

#[test]
fn a_timeout_of_the_longest_duration_never_fires() {
    in_virtual_loop(|| {
        let result = timeout(Duration::MAX, || {
            timeout_with(None, |t| {
                assert_eq!((t.when(), t.is_expired()), (None, false));
                sleep(10_000 * AN_HOUR);
            })
        });
        assert_eq!(result, Ok(Ok(())));
    });
}

#[test]
fn a_value_that_comes_after_the_deadline_is_returned() {
    in_virtual_loop(|| {
        let result = timeout(A_SECOND, || {
            let caught = catch_cancelled(|| sleep(AN_HOUR));
            sleep(A_SECOND);
            caught.is_err()
        });
        assert_eq!(result, Ok(true));
        assert_eq!(current_task().expect("a task").cancelling(), 0);
        // The deadline passes while the function computes, and it never waits again.
        let promise = Promise::<()>::new();
        let result = timeout_with(None, |t| {
            t.reschedule(now()).expect("not yet");
            assert!(t.is_expired());
            promise.is_done()
        });
        assert_eq!(result, Ok(false));
        yield_now();
    });
}

#[test]
fn deadlines_move_both_ways() {
    in_virtual_loop(|| {
        let start = now();
        let result = timeout_with(start + A_SECOND, |t| {
            assert_eq!(t.when(), Some(start + A_SECOND));
            t.reschedule(start + 3 * A_SECOND).expect("not yet");
            sleep(2 * A_SECOND);
            assert!(!t.is_expired());
            t.reschedule(None).expect("not yet");
            assert_eq!(t.when(), None);
            sleep(2 * A_SECOND);
            t.reschedule(start + 5 * A_SECOND).expect("not yet");
            assert!(format!("{t:?}").contains("expired: false"));
            let _guard = OnDrop(|| {
                assert!(t.is_expired());
                assert_eq!(t.reschedule(start + AN_HOUR), Err(Elapsed));
            });
            sleep(AN_HOUR);
        });
        assert_eq!((result, elapsed()), (Err(Elapsed), 5 * A_SECOND));
    });
}

#[test]
fn a_deadline_may_be_moved_by_a_child_of_a_scope() {
    in_virtual_loop(|| {
        let result = timeout_with(now() + A_SECOND, |t| {
            scope(|s| {
                s.spawn(|| t.reschedule(now() + 10 * A_SECOND));
                sleep(5 * A_SECOND);
            })
            .is_ok()
        });
        assert_eq!(result, Ok(true));
    });
}

#[test]
fn equal_deadlines_inside_and_outside_fire_in_creation_order() {
    in_virtual_loop(|| {
        assert_eq!(timeout(A_SECOND, || sleep(A_SECOND)), Err(Elapsed));
    });
}

#[test]
fn a_nested_inner_timeout_fires_only_itself() {
    in_virtual_loop(|| {
        let result = timeout(3 * A_SECOND, || {
            let inner = timeout(A_SECOND, || sleep(AN_HOUR));
            sleep(A_SECOND);
            (inner, elapsed())
        });
        assert_eq!(result, Ok((Err(Elapsed), 2 * A_SECOND)));
    });
}

#[test]
fn a_nested_outer_timeout_passes_through_the_inner() {
    in_virtual_loop(|| {
        let result = timeout(A_SECOND, || {
            let inner = timeout(3 * A_SECOND, || sleep(AN_HOUR));
            panic!("the inner one returned {inner:?}");
        });
        assert_eq!((result, elapsed()), (Err(Elapsed), A_SECOND));
    });
}

#[test]
fn the_outer_of_two_nested_timeouts_at_one_deadline_fires() {
    in_virtual_loop(|| {
        let result: Result<(), _> = timeout(A_SECOND, || {
            let inner = timeout(A_SECOND, || sleep(AN_HOUR));
            panic!("the inner one returned {inner:?}");
        });
        assert_eq!(result, Err(Elapsed));
        assert_eq!(current_task().expect("a task").cancelling(), 0);
        sleep(A_SECOND);
    });
}

#[test]
fn errors_and_panics_pass_through() {
    in_virtual_loop(|| {
        let failed = timeout(A_SECOND, || Err::<(), _>("its own"));
        assert_eq!(failed, Ok(Err("its own")));
        let payload = caught(|| timeout(A_SECOND, || panic!("torn")));
        assert_eq!(text(&payload), "torn");
        // The same for a panic while the timeout unwinds the function.
        let payload = caught(|| {
            timeout(A_SECOND, || {
                let _ = catch_cancelled(|| sleep(AN_HOUR));
                panic!("torn as it was cancelled");
            })
        });
        assert_eq!(text(&payload), "torn as it was cancelled");
        assert_eq!(current_task().expect("a task").cancelling(), 0);
        sleep(AN_HOUR);
    });
}

#[test]
fn a_task_that_the_function_joins_is_cancelled() {
    in_virtual_loop(|| {
        let task = spawn(|| sleep(AN_HOUR));
        let view = task.task_ref();
        assert_eq!(timeout(A_SECOND, || drop(task.join())), Err(Elapsed));
        assert!(view.is_cancelled());
        let promise = Promise::<()>::new();
        assert_eq!(timeout(A_SECOND, || drop(promise.wait())), Err(Elapsed));
        assert!(promise.is_cancelled());
        let swallows = spawn(|| {
            let _ = catch_cancelled(|| sleep(AN_HOUR));
            5
        });
        assert_eq!(timeout(A_SECOND, || finished(swallows.join())), Ok(5));
    });
}

#[test]
fn a_scope_in_a_timeout_ends_its_children_first() {
    in_virtual_loop(|| {
        let mut seen = Vec::new();
        let result = timeout(A_SECOND, || {
            scope(|s| {
                s.spawn(|| {
                    let _ = catch_cancelled(|| sleep(AN_HOUR));
                    sleep(A_SECOND);
                    seen.push(elapsed());
                });
            })
            .is_ok()
        });
        assert_eq!(result, Err(Elapsed));
        assert_eq!(seen, [2 * A_SECOND]);
    });
}

#[test]
fn timeouts_in_a_scopes_children_are_independent() {
    in_virtual_loop(|| {
        let results = scope(|s| {
            let tasks: Vec<_> = (1..=4_u32)
                .map(|n| s.spawn(move || timeout(3 * A_SECOND, || sleep(n * A_SECOND)).is_ok()))
                .collect();
            tasks
                .into_iter()
                .map(|task| finished(task.join()))
                .collect::<Vec<_>>()
        });
        // The third task is due at the same moment, after its timeout.
        assert_eq!(
            results.expect("no child failed"),
            [true, true, false, false]
        );
    });
}

#[test]
fn a_timeout_without_a_task_is_misuse() {
    assert_sentence(&sentence(|| timeout(A_SECOND, || ())));
    in_virtual_loop(|| {
        let done = Promise::new();
        let seen = done.clone();
        soon(move || {
            let panics = sentence(|| timeout_with(None, |_| ()));
            drop(seen.set_result(panics));
        });
        assert_sentence(&finished(done.wait()));
    });
}

#[test]
fn while_the_thread_panics_the_function_just_runs() {
    struct OnPanic<'a>(&'a std::cell::Cell<Option<Result<u32, Elapsed>>>);
    impl Drop for OnPanic<'_> {
        fn drop(&mut self) {
            self.0.set(Some(timeout_with(now(), |t| {
                assert!(!t.is_expired() && t.when().is_none() && t.reschedule(None).is_ok());
                sleep(AN_HOUR);
                5
            })));
        }
    }
    in_virtual_loop(|| {
        let result = std::cell::Cell::new(None);
        caught(|| {
            let _on_panic = OnPanic(&result);
            panic!("torn");
        });
        assert_eq!(result.take(), Some(Ok(5)));
    });
}

#[test]
fn elapsed_is_an_io_error() {
    let error = io::Error::from(Elapsed);
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    in_virtual_loop(|| {
        let result: io::Result<()> = (|| {
            timeout(A_SECOND, || sleep(AN_HOUR))?;
            Ok(())
        })();
        assert_eq!(result.expect_err("late").kind(), io::ErrorKind::TimedOut);
    });
}
