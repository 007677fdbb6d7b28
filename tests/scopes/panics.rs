//! Panics of the body, of children at the same time, and of values dropped meanwhile.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use selvedge::task::catch_cancelled;
use selvedge::{scope, sleep, yield_now};

use crate::failing::texts;
use crate::support::{
    A_SECOND, AN_HOUR, Log, Reports, caught, finished, in_virtual_loop, text, virtual_loop,
};

#[test]
fn a_panic_of_the_body_resumes_when_the_children_are_done() {
    let event_loop = virtual_loop();
    let (reports, log) = (Reports::of(&event_loop), Log::default());
    let inside = log.clone();
    finished(event_loop.run_until_complete(move || {
        let payload = caught(|| {
            scope(|s| {
                let guard = inside.guard("child unwound");
                s.spawn(move || {
                    let _guard = guard;
                    sleep(AN_HOUR);
                });
                yield_now();
                panic!("torn body");
            })
        });
        assert_eq!(text(&payload), "torn body");
        inside.push("caught");
        sleep(A_SECOND);
    }));
    assert_eq!(log.take(), ["child unwound", "caught"]);
    assert!(reports.take().is_empty());
}

#[test]
fn the_bodys_panic_wins_and_the_childs_is_reported() {
    let event_loop = virtual_loop();
    let reports = Reports::of(&event_loop);
    finished(event_loop.run_until_complete(|| {
        let payload = caught(|| {
            scope(|s| {
                s.spawn(|| {
                    let _ = catch_cancelled(|| sleep(AN_HOUR));
                    panic!("torn child");
                });
                yield_now();
                panic!("torn body");
            })
        });
        assert_eq!(text(&payload), "torn body");
    }));
    let report = reports.only();
    assert_eq!(
        report.exception.expect("an error").message().unwrap(),
        "torn child"
    );
}

#[test]
fn a_result_that_panics_in_its_drop_is_an_error_of_the_scope() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("torn as it goes");
        }
    }
    in_virtual_loop(|| {
        let error = scope(|s| {
            std::mem::forget(s.spawn(|| Panics));
            s.spawn(|| Panics).detach();
        })
        .expect_err("both failed");
        assert_eq!(texts(&error), ["torn as it goes", "torn as it goes"]);
        let body = scope(|s| {
            s.spawn(|| panic!("torn"));
            Panics
        });
        assert_eq!(texts(&body.map(drop).expect_err("both")).len(), 2);
    });
}

#[test]
fn a_panic_that_a_child_catches_itself_is_no_failure() {
    in_virtual_loop(|| {
        let caught = Rc::new(Cell::new(false));
        scope(|s| {
            s.spawn(|| {
                let result = catch_unwind(AssertUnwindSafe(|| panic!("torn")));
                caught.set(result.is_err());
            });
        })
        .expect("no child failed");
        assert!(caught.get());
    });
}
