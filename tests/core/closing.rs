//! What `close` promises: the body ends at once, by unwinding, and `close` returns how the body ended.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::rc::Rc;

use selvedge::coroutine::{Status, Thrown};
use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::support::{
    Counted, Log, OnDrop, assert_sentence, caught, events, hook_calls, live, text,
};

#[test]
fn closing_drops_the_locals_at_once_not_with_the_handle() {
    let log = Log::default();
    let inside = log.clone();
    let captured = log.guard("capture");
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _kept = &captured;
        let _local = inside.guard("local");
        yielder.suspend(());
        inside.push("unreachable");
    });
    coroutine.resume();
    assert_eq!(coroutine.close().expect("it unwinds"), None);
    assert_eq!(log.take(), ["local", "capture"]);
    assert_eq!(coroutine.status(), Status::Done);
    drop(coroutine);
    assert!(log.take().is_empty());
}

#[test]
fn closing_an_unstarted_coroutine_only_drops_its_captures() {
    let log = Log::default();
    let inside = log.clone();
    let captured = log.guard("capture");
    let mut coroutine = Coroutine::new(move |_: &Yielder<(), ()>, ()| {
        inside.push("ran");
        drop(captured);
    });
    assert_eq!(coroutine.close().expect("nothing can ignore it"), None);
    assert_eq!(
        (log.take(), coroutine.status()),
        (events(["capture"]), Status::Done)
    );
    assert!(coroutine.try_send(()).is_err());
}

#[test]
fn closing_a_finished_coroutine_does_nothing() {
    let mut coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| 5);
    coroutine.resume();
    for _ in 0..3 {
        assert_eq!(coroutine.close().expect("nothing to do"), None);
        assert_eq!(coroutine.status(), Status::Done);
    }
}

#[test]
fn a_value_returned_while_closing_is_returned_by_close() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        let closed = catch_unwind(AssertUnwindSafe(|| yielder.suspend(()))).is_err();
        (Counted::new(3), closed)
    });
    coroutine.resume();
    let (value, closed) = coroutine.close().expect("it returns").expect("its value");
    assert_eq!((value.0, closed, live()), (3, true, 1));
    assert_eq!(coroutine.status(), Status::Done);
}

#[test]
fn a_body_that_suspends_while_closing_lives_on() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<u32, u32>, _first: u32| {
        assert!(catch_unwind(AssertUnwindSafe(|| yielder.suspend(1))).is_err());
        let sent = yielder.suspend(2);
        yielder.suspend(sent + 1)
    });
    coroutine.send(0);
    let ignored = coroutine.close().expect_err("it suspends");
    assert_eq!(
        (ignored.into_value(), coroutine.status()),
        (Some(2), Status::Suspended)
    );
    assert_eq!(coroutine.send(41), CoroutineState::Yielded(42));
    assert_eq!(coroutine.close().expect("it unwinds this time"), None);
}

#[test]
fn a_close_may_be_ignored_any_number_of_times() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), u32>, ()| {
        for count in 0..=1_000 {
            assert!(matches!(
                yielder.suspend_catching(count),
                Err(Thrown::Close)
            ));
        }
        "enough"
    });
    coroutine.resume();
    for count in 1..=1_000 {
        assert_eq!(
            coroutine.close().expect_err("it suspends").into_value(),
            Some(count)
        );
    }
    assert_eq!(coroutine.close().expect("it returns"), Some("enough"));
}

#[test]
fn an_ignored_close_is_an_error_without_debug_of_the_value() {
    struct Opaque;
    let mut coroutine = Coroutine::new(
        |yielder: &Yielder<(), Opaque>, ()| {
            while yielder.suspend_catching(Opaque).is_err() {}
        },
    );
    coroutine.resume();
    let ignored = coroutine.close().expect_err("it suspends");
    assert_sentence(&ignored.to_string());
    assert!(!format!("{ignored:?}").is_empty());
    let error: Box<dyn Error> = Box::new(ignored);
    assert!(error.source().is_none());
    coroutine.resume();
}

#[test]
fn the_value_of_an_ignored_close_is_dropped_with_the_error() {
    let mut coroutine = Coroutine::new(
        |yielder: &Yielder<(), Counted>, ()| {
            while yielder.suspend_catching(Counted::new(1)).is_err() {}
        },
    );
    drop(coroutine.resume());
    let ignored = coroutine.close().expect_err("it suspends");
    assert_eq!(live(), 1);
    drop(ignored);
    assert_eq!(live(), 0);
    assert_eq!(coroutine.resume().complete(), Some(()));
}

#[test]
fn another_panic_of_the_body_propagates_from_close() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        if catch_unwind(AssertUnwindSafe(|| yielder.suspend(()))).is_err() {
            panic_any("the body's own");
        }
    });
    coroutine.resume();
    let mut payload = None;
    let calls = hook_calls(|| payload = Some(caught(|| coroutine.close().is_ok())));
    assert_eq!(text(&payload.expect("caught")), "the body's own");
    assert_eq!((calls, coroutine.status()), (1, Status::Done));
}

#[test]
fn a_close_never_calls_the_panic_hook() {
    let calls = hook_calls(|| {
        let mut closed = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
        closed.resume();
        closed.close().expect("it unwinds");
        let mut dropped = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
        dropped.resume();
        drop(dropped);
        let mut ignores = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
            let _ = catch_unwind(AssertUnwindSafe(|| yielder.suspend(())));
            yielder.suspend(());
        });
        ignores.resume();
        ignores.close().expect_err("once");
        ignores.close().expect("not twice");
    });
    assert_eq!(calls, 0);
}

#[test]
fn only_destructors_see_an_unwinding_thread_during_a_close() {
    let seen = Rc::new(Cell::new(None));
    let inside = Rc::clone(&seen);
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _guard = OnDrop(|| inside.set(Some(std::thread::panicking())));
        yielder.suspend(());
    });
    coroutine.resume();
    coroutine.close().expect("it unwinds");
    assert_eq!((seen.get(), std::thread::panicking()), (Some(true), false));
}

#[test]
fn a_close_reaches_a_body_many_frames_deep() {
    fn descend(yielder: &Yielder<(), ()>, log: &Log, depth: usize) {
        let _guard = log.guard("frame");
        if depth == 0 {
            yielder.suspend(());
        } else {
            descend(yielder, log, depth - 1);
        }
    }
    let log = Log::default();
    let inside = log.clone();
    let mut coroutine =
        Coroutine::new(move |yielder: &Yielder<(), ()>, ()| descend(yielder, &inside, 200));
    coroutine.resume();
    coroutine.close().expect("it unwinds");
    assert_eq!(log.take().len(), 201);
}

#[test]
fn closing_a_coroutine_from_another_leaves_the_other_running() {
    let log = Log::default();
    let inside = log.clone();
    let mut inner = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _guard = inside.guard("inner");
        yielder.suspend(());
    });
    inner.resume();
    let inside = log.clone();
    let mut outer = Coroutine::new(move |yielder: &Yielder<(), u32>, ()| {
        let _guard = inside.guard("outer");
        inner.close().expect("it unwinds");
        yielder.suspend(1);
        2
    });
    assert_eq!(outer.resume(), CoroutineState::Yielded(1));
    assert_eq!(log.take(), ["inner"]);
    assert_eq!(outer.resume(), CoroutineState::Complete(2));
    assert_eq!(log.take(), ["outer"]);
}

#[test]
fn a_destructor_may_close_other_coroutines_during_its_own_close() {
    let log = Log::default();
    let mut other = {
        let log = log.clone();
        Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
            let _guard = log.guard("other's local");
            yielder.suspend(());
        })
    };
    other.resume();
    let slot = Rc::new(RefCell::new(Some(other)));
    let (inside, shared) = (log.clone(), Rc::clone(&slot));
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _guard = OnDrop(|| {
            drop(shared.borrow_mut().take());
            let mut fresh = Coroutine::new(|_: &Yielder<u8, ()>, first: u8| first + 1);
            assert_eq!(fresh.send(1), CoroutineState::Complete(2));
            inside.push("guard");
        });
        yielder.suspend(());
    });
    coroutine.resume();
    coroutine.close().expect("it unwinds");
    assert_eq!(log.take(), ["other's local", "guard"]);
    assert!(slot.borrow().is_none());
}

#[test]
fn the_values_in_flight_are_dropped_once_by_a_close() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<Counted, Counted>, first: Counted| {
        let second = yielder.suspend(Counted::new(2));
        let third = yielder.suspend(Counted::new(4));
        drop((first, second, third));
    });
    let out = coroutine.send(Counted::new(1));
    assert_eq!(live(), 2);
    drop(out);
    drop(coroutine.send(Counted::new(3)));
    assert_eq!(live(), 2);
    coroutine.close().expect("it unwinds");
    assert_eq!(live(), 0);
}
