//! A scope whose closure returns an `Err`: its tasks are cancelled, and the first failure is the error.

use std::cell::Cell;
use std::io;

use selvedge::error::ScopeError;
use selvedge::event_loop::current_loop;
use selvedge::task::{catch_cancelled, current_task, finally, try_scope};
use selvedge::{run, sleep, spawn, yield_now};

use crate::support::{A_SECOND, AN_HOUR, Log, Reports, finished, in_virtual_loop, virtual_loop};

/// Why a scope failed.
#[derive(Debug)]
enum Failure {
    Body(&'static str),
    Tasks(ScopeError),
}

impl From<ScopeError> for Failure {
    fn from(error: ScopeError) -> Self {
        Self::Tasks(error)
    }
}

#[test]
fn an_err_of_the_closure_cancels_the_children_and_is_returned() {
    let log = Log::default();
    let error = run(|| {
        try_scope(|s| {
            s.spawn(|| {
                let _guard = log.guard("child unwound");
                sleep(AN_HOUR);
            });
            yield_now();
            let _: Vec<u8> = selvedge::fs::read("/no/such/file")?;
            Ok::<(), io::Error>(())
        })
    });
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(log.take(), ["child unwound"]);
}

#[test]
fn an_ok_of_the_closure_waits_for_the_children() {
    in_virtual_loop(|| {
        let n_done = Cell::new(0);
        let value = try_scope(|s| {
            s.spawn(|| {
                sleep(A_SECOND);
                n_done.set(1);
            });
            Ok::<_, Failure>(n_done.get())
        });
        assert_eq!((value.unwrap(), n_done.get()), (0, 1));
    });
}

#[test]
fn a_failed_child_cancels_the_closure_and_gives_its_errors() {
    in_virtual_loop(|| {
        let outcome = try_scope::<_, (), _>(|s| {
            s.spawn_fallible(|| Err::<(), _>("torn"));
            // The closure turns its own cancel into an error.
            catch_cancelled(|| sleep(AN_HOUR)).map_err(|_| Failure::Body("cancelled"))
        });
        let Err(Failure::Tasks(errors)) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(errors.errors()[0].message().unwrap(), "torn");
    });
}

#[test]
fn errors_of_children_after_the_closures_are_reported() {
    let event_loop = virtual_loop();
    let reports = Reports::of(&event_loop);
    finished(event_loop.run_until_complete(|| {
        let outcome = try_scope(|s| {
            s.spawn_fallible(|| {
                catch_cancelled(|| sleep(AN_HOUR)).map_err(|_| "torn in its cleanup")
            });
            yield_now();
            Err::<(), _>(Failure::Body("first"))
        });
        assert!(matches!(outcome, Err(Failure::Body("first"))));
    }));
    let exception = reports.only().exception.expect("the child's error");
    assert_eq!(exception.message().unwrap(), "torn in its cleanup");
}

#[test]
fn a_cancel_of_the_host_unwinds_a_try_scope() {
    in_virtual_loop(|| {
        let host = spawn(|| {
            let outcome = try_scope(|s| {
                s.spawn(|| sleep(AN_HOUR));
                sleep(A_SECOND);
                Err::<(), _>(Failure::Body("first"))
            });
            unreachable!("{outcome:?}");
        });
        yield_now();
        host.cancel();
        assert!(host.join().unwrap_err().is_cancelled());
        assert_eq!(current_task().unwrap().cancelling(), 0);
    });
}

#[test]
fn without_a_loop_a_try_scope_returns_what_its_closure_does() {
    assert!(current_loop().is_none());
    let failed = try_scope(|_| Err::<(), _>(Failure::Body("no loop")));
    assert!(matches!(failed, Err(Failure::Body("no loop"))));
    assert!(try_scope(|_| Ok::<_, Failure>(7)).is_ok());
    let refused = try_scope(|s| {
        s.spawn(|| ());
        Ok::<_, Failure>(())
    });
    assert!(matches!(refused, Err(Failure::Tasks(_))));
}

#[test]
fn a_caught_cancel_comes_again_after_the_closures_error() {
    in_virtual_loop(|| {
        let host = spawn(|| {
            let failed = try_scope(|_| {
                assert!(catch_cancelled(|| sleep(AN_HOUR)).is_err());
                Err::<(), _>(Failure::Body("torn"))
            });
            assert!(matches!(failed, Err(Failure::Body("torn"))));
            yield_now();
        });
        yield_now();
        host.cancel();
        assert!(host.join().is_err_and(|error| error.is_cancelled()));
    });
}

#[test]
fn a_cancel_while_children_end_leaves_the_closures_error() {
    in_virtual_loop(|| {
        let log = Log::default();
        let host = spawn({
            let log = log.clone();
            move || {
                let failed = try_scope(|s| {
                    s.spawn(|| finally(|| sleep(AN_HOUR), || sleep(A_SECOND)));
                    yield_now();
                    Err::<(), _>(Failure::Body("torn"))
                });
                assert!(matches!(failed, Err(Failure::Body("torn"))));
                log.push("the error was returned");
                yield_now();
            }
        });
        sleep(A_SECOND / 2);
        host.cancel();
        assert!(host.join().is_err_and(|error| error.is_cancelled()));
        assert_eq!(log.take(), ["the error was returned"]);
    });
}
