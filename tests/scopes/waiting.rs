//! A scope's tasks can be gathered, raced and waited for like others, although their results may borrow from the
//! scope's environment.

use std::time::Duration;

use selvedge::task::{
    ReturnWhen, as_completed, catch_cancelled, gather_settled, shield, wait, wait_for,
};
use selvedge::{gather, scope, sleep, spawn, yield_now};

use crate::support::{A_SECOND, AN_HOUR, Log, assert_sentence, finished, in_virtual_loop};

fn seconds(n: u64) -> Duration {
    A_SECOND * u32::try_from(n).expect("a few")
}

#[test]
fn gather_returns_borrowed_values_in_the_order_of_arguments() {
    let words = in_virtual_loop(|| {
        let text = String::from("warp and weft");
        let lengths = scope(|s| {
            let tasks: Vec<_> = text
                .split(' ')
                .map(|word| {
                    s.spawn(move || {
                        sleep(A_SECOND * u32::try_from(20 - word.len()).expect("short"));
                        word
                    })
                })
                .collect();
            gather(tasks).expect("none fails").join("+")
        });
        lengths.expect("none fails")
    });
    assert_eq!(words, "warp+and+weft");
}

#[test]
fn gather_mixes_scoped_tasks_with_others() {
    in_virtual_loop(|| {
        let name = String::from("weft");
        let gathered = scope(|s| {
            let mine = s.spawn(|| &name[..2]);
            gather((mine, spawn(|| 1), || 'c')).expect("none fails")
        });
        assert_eq!(gathered.expect("none fails"), ("we", 1, 'c'));
    });
}

#[test]
fn wait_returns_the_finished_scoped_tasks() {
    in_virtual_loop(|| {
        scope(|s| {
            let [slow, quick] = [3, 1].map(|n| s.spawn(move || sleep(seconds(n))));
            let waited = wait([&slow, &quick], ReturnWhen::FirstCompleted, None).expect("two");
            assert_eq!(waited.done[0].id(), quick.id());
            assert_eq!(waited.pending[0].id(), slow.id());
            let waited = wait([&slow], ReturnWhen::AllCompleted, Some(A_SECOND)).expect("one");
            assert!(waited.done.is_empty());
        })
        .expect("none fails");
    });
}

#[test]
fn as_completed_yields_scoped_tasks_in_order() {
    in_virtual_loop(|| {
        let delays = [3, 1, 2];
        let order = scope(|s| {
            let tasks = delays.each_ref().map(|n| {
                s.spawn(move || {
                    sleep(seconds(*n));
                    n
                })
            });
            let results = as_completed(tasks).map(|task| *task.join().expect("none fails"));
            results.collect::<Vec<_>>()
        });
        assert_eq!(order.expect("none fails"), [1, 2, 3]);
    });
}

#[test]
fn wait_for_cancels_a_late_child_and_the_scope_goes_on() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            let outcome = scope(|s| {
                let late = s.spawn(|| {
                    let _guard = log.guard("unwound");
                    sleep(AN_HOUR);
                });
                let error = wait_for(late, A_SECOND).unwrap_err();
                assert!(error.is_elapsed());
                log.push("waited");
                wait_for(s.spawn(|| 7), A_SECOND)
            });
            assert_eq!(finished(outcome.expect("that is no failure")), 7);
        }
    });
    assert_eq!(log.take(), ["unwound", "waited"]);
}

#[test]
fn shield_protects_scoped_tasks_from_the_waiters_cancel() {
    in_virtual_loop(|| {
        scope(|s| {
            let inner = s.spawn(|| {
                sleep(A_SECOND);
                "saved"
            });
            let view = inner.task_ref();
            let outer = s.spawn(move || shield(inner));
            yield_now();
            yield_now();
            outer.cancel();
            assert!(outer.join().unwrap_err().is_cancelled());
            sleep(A_SECOND * 2);
            assert!(view.is_done() && !view.is_cancelled());
        })
        .expect("a cancel is no failure");
    });
}

#[test]
fn a_failing_child_ends_the_scope_and_its_gather() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            let error = scope(|s| {
                let bad = s.spawn_fallible(|| {
                    sleep(A_SECOND);
                    "weft".parse::<i32>()
                });
                let good = s.spawn(|| {
                    let _guard = log.guard("sibling");
                    sleep(AN_HOUR);
                    1
                });
                let _guard = log.guard("body");
                drop(gather([good, bad]));
            })
            .unwrap_err();
            assert_eq!(error.errors().len(), 1);
        }
    });
    let mut ended = log.take();
    ended.sort_unstable();
    assert_eq!(ended, ["body", "sibling"]);
}

#[test]
fn a_cancel_of_the_gather_cancels_and_awaits_the_children() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            scope(|s| {
                let tasks = ["first", "second"].map(|event| {
                    let guard = log.guard(event);
                    s.spawn(move || {
                        let _guard = guard;
                        sleep(AN_HOUR);
                    })
                });
                let gathering = s.spawn(move || catch_cancelled(|| drop(gather(tasks))).is_err());
                sleep(A_SECOND);
                gathering.cancel();
                assert!(finished(gathering.join()));
                log.push("gathered");
            })
            .expect("a cancel is no failure");
        }
    });
    let mut events = log.take();
    assert_eq!(events.pop().as_deref(), Some("gathered"));
    events.sort_unstable();
    assert_eq!(events, ["first", "second"]);
}

#[test]
fn refused_children_are_errors_among_the_results() {
    in_virtual_loop(|| {
        scope(|s| {
            s.cancel();
            let (refused, new) = gather_settled((s.spawn(|| 1), || 2));
            assert_sentence(&refused.unwrap_err().to_string());
            assert_eq!(finished(new), 2);
        })
        .expect("a cancel is no failure");
    });
}

#[test]
fn ungathered_results_are_dropped_before_the_scope_returns() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            scope(|s| {
                let tasks = ["a", "b"].map(|event| {
                    let guard = log.guard(event);
                    s.spawn(move || guard)
                });
                sleep(A_SECOND);
                // The gather has nothing to wait for, and drops its results.
                drop(gather(tasks));
            })
            .expect("none fails");
            log.push("returned");
        }
    });
    assert_eq!(log.take(), ["a", "b", "returned"]);
}
