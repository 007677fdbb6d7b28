//! `finally`: the cleanup runs however the body ends, may wait, and is not cancelled meanwhile.

use std::cell::Cell;
use std::time::Duration;

use selvedge::error::Elapsed;
use selvedge::task::{catch_cancelled, current_task, finally};
use selvedge::{Generator, Promise, Task, Yielder, scope, sleep, spawn, timeout, yield_now};

use crate::support::{
    A_SECOND, AN_HOUR, Log, caught, finished, in_virtual_loop, sentence, text, virtual_loop,
};

#[test]
fn the_cleanup_runs_and_may_wait_after_return_panic_and_cancel() {
    in_virtual_loop(|| {
        let n_runs = Cell::new(0);
        let cleanup = || {
            sleep(A_SECOND);
            n_runs.set(n_runs.get() + 1);
        };
        assert_eq!(finally(|| 5, cleanup), 5);
        let payload = caught(|| finally(|| panic!("torn"), cleanup));
        assert_eq!(text(&payload), "torn");
        let caught = catch_cancelled(|| {
            current_task().expect("a task").cancel_with("enough");
            finally(yield_now, cleanup);
        });
        assert_eq!(caught.expect_err("cancelled").message().unwrap(), "enough");
        assert_eq!(n_runs.get(), 3);
    });
}

#[test]
fn a_cancel_during_the_cleanup_is_delivered_afterwards() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            let task: Task<()> = spawn(move || {
                finally(
                    || (),
                    || {
                        sleep(2 * A_SECOND);
                        log.push("cleaned up");
                        let me = current_task().expect("a task");
                        assert_eq!(me.cancelling(), 2);
                    },
                );
                log.push("goes on to its next suspension");
                yield_now();
                log.push("too far");
            });
            sleep(A_SECOND);
            assert!(task.cancel() && task.cancel_with("enough"));
            assert_eq!(task.cancelling(), 2);
            assert_eq!(
                task.join().expect_err("cancelled").message().unwrap(),
                "enough"
            );
        }
    });
    assert_eq!(log.take(), ["cleaned up", "goes on to its next suspension"]);
}

#[test]
fn a_task_that_the_cleanup_joins_is_not_cancelled() {
    in_virtual_loop(|| {
        let promise = Promise::<u32>::new();
        let waited_on = promise.clone();
        let task = spawn(move || finally(|| (), || assert_eq!(finished(waited_on.wait()), 5)));
        sleep(A_SECOND);
        task.cancel();
        assert!(!promise.is_done());
        promise.set_result(5).expect("pending");
        // The cancel came after the body's last suspension.
        assert!(task.join().expect_err("cancelled").is_cancelled());
    });
}

#[test]
fn a_cancel_may_be_withdrawn_during_the_cleanup() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            finally(|| (), || sleep(2 * A_SECOND));
            yield_now();
            current_task().expect("a task").cancelling()
        });
        sleep(A_SECOND);
        task.cancel();
        assert_eq!(task.uncancel(), 0);
        assert_eq!(finished(task.join()), 0);
    });
}

#[test]
fn a_timeout_in_the_cleanup_works_while_a_cancel_is_masked() {
    in_virtual_loop(|| {
        let result = std::rc::Rc::new(Cell::new(None));
        let inside = result.clone();
        let task = spawn(move || {
            finally(
                || sleep(AN_HOUR),
                || inside.set(Some(timeout(2 * A_SECOND, || sleep(AN_HOUR)))),
            );
        });
        sleep(A_SECOND);
        task.cancel();
        sleep(A_SECOND);
        task.cancel();
        assert!(task.join().expect_err("cancelled").is_cancelled());
        assert_eq!(result.get(), Some(Err(Elapsed)));
    });
}

#[test]
fn an_outer_timeout_waits_for_the_cleanup() {
    in_virtual_loop(|| {
        let start = selvedge::event_loop::current_loop()
            .expect("a loop")
            .elapsed()
            .expect("open");
        let result = timeout(A_SECOND, || {
            finally(|| (), || sleep(3 * A_SECOND));
            yield_now();
        });
        let end = selvedge::event_loop::current_loop()
            .expect("a loop")
            .elapsed()
            .expect("open");
        assert_eq!((result, end - start), (Err(Elapsed), 3 * A_SECOND));
        assert_eq!(current_task().expect("a task").cancelling(), 0);
    });
}

#[test]
fn nested_cleanups_mask_cancels_while_the_outermost_runs() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            let task = spawn(move || {
                finally(
                    || (),
                    || {
                        finally(|| (), || sleep(2 * A_SECOND));
                        sleep(A_SECOND);
                        log.push("outer cleanup");
                    },
                );
                yield_now();
                log.push("too far");
            });
            sleep(A_SECOND);
            task.cancel();
            assert!(task.join().expect_err("cancelled").is_cancelled());
        }
    });
    assert_eq!(log.take(), ["outer cleanup"]);
}

#[test]
fn a_scope_in_the_cleanup_fails_as_usual() {
    in_virtual_loop(|| {
        finally(
            || (),
            || {
                let error = scope(|s| {
                    s.spawn(|| panic!("torn"));
                    sleep(AN_HOUR);
                });
                assert_eq!(error.expect_err("one failed").errors().len(), 1);
            },
        );
        yield_now();
    });
}

#[test]
fn the_bodys_panic_wins_and_a_panic_wins_over_a_cancel() {
    in_virtual_loop(|| {
        let payload = caught(|| finally(|| panic!("body"), || panic!("cleanup")));
        assert_eq!(text(&payload), "body");
        let payload = caught(|| finally(|| (), || panic!("cleanup")));
        assert_eq!(text(&payload), "cleanup");
        current_task().expect("a task").cancel();
        let payload = caught(|| finally(yield_now, || panic!("cleanup")));
        assert_eq!(text(&payload), "cleanup");
        current_task().expect("a task").uncancel();
    });
}

#[test]
fn without_a_task_the_cleanup_runs_after_the_body() {
    let log = Log::default();
    let value = finally(
        || {
            log.push("body");
            5
        },
        || log.push("cleanup"),
    );
    assert_eq!(
        (value, log.take()),
        (5, vec!["body".to_owned(), "cleanup".to_owned()])
    );
    assert_eq!(
        text(&caught(|| finally(
            || panic!("torn"),
            || log.push("cleanup")
        ))),
        "torn"
    );
    assert_eq!(log.take(), ["cleanup"]);
}

#[test]
fn a_closing_loop_unwinds_the_cleanup_too() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let inside = log.clone();
    let task = event_loop.create_task(move || {
        finally(
            || sleep(AN_HOUR),
            || {
                let _guard = inside.guard("the cleanup unwound");
                loop {
                    sleep(Duration::MAX);
                }
            },
        );
    });
    task.detach();
    event_loop.call_soon(crate::support::stop);
    event_loop.run_forever().expect("it can run");
    drop(event_loop);
    assert_eq!(log.take(), ["the cleanup unwound"]);
}

#[test]
fn a_yielder_may_suspend_in_the_body_and_not_in_the_cleanup() {
    in_virtual_loop(|| {
        let mut generator = Generator::new(|yielder: &Yielder<(), u32>| {
            finally(
                || yielder.suspend(1),
                || drop(sentence(|| yielder.suspend(2))),
            );
        });
        assert_eq!(generator.next(), Some(1));
        assert_eq!(generator.next(), None);
    });
}
