//! The order of drops in a coroutine is the order of an ordinary call that returns, or that unwinds, at the same place.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use selvedge::{Coroutine, Yielder};

use crate::support::{Guard, Log, caught};

/// Locals, a nested block, the first value and two captures; `leave` leaves the body in the middle.
fn body(log: &Log) -> impl FnOnce(Guard, &mut dyn FnMut()) -> Guard + 'static {
    let log = log.clone();
    let (first_capture, second_capture) = (log.guard("capture 1"), log.guard("capture 2"));
    move |first: Guard, leave: &mut dyn FnMut()| {
        let _first_local = log.guard("local 1");
        let moved = first_capture;
        let boxed: Box<dyn std::any::Any> = Box::new(log.guard("boxed"));
        {
            let _in_block = log.guard("block");
            let _pair = (log.guard("pair 1"), log.guard("pair 2"));
            leave();
        }
        let _used = (&first, &second_capture, &boxed);
        drop(moved);
        let _last_local = log.guard("local 2");
        log.guard("returned")
    }
}

/// The order in a plain call that returns, or that `leave` unwinds.
fn plain(leave: &mut dyn FnMut()) -> Vec<String> {
    let log = Log::default();
    let call = body(&log);
    let first = log.guard("first value");
    drop(catch_unwind(AssertUnwindSafe(move || call(first, leave))));
    log.take()
}

fn coroutine(log: &Log) -> Coroutine<Guard, (), Guard> {
    let call = body(log);
    Coroutine::new(move |yielder: &Yielder<Guard, ()>, first: Guard| {
        call(first, &mut || drop(yielder.suspend(())))
    })
}

#[test]
fn a_body_that_returns_drops_in_the_order_of_a_call() {
    let log = Log::default();
    let mut coroutine = coroutine(&log);
    assert!(coroutine.send(log.guard("first value")).yielded().is_some());
    let returned = coroutine.send(log.guard("second value")).complete();
    assert_eq!(log.take()[0], "second value");
    drop(coroutine);
    assert!(log.take().is_empty());
    drop(returned);
    assert_eq!(log.take(), ["returned"]);

    let mut plain = plain(&mut || ());
    assert_eq!(plain.pop().as_deref(), Some("returned"));
    let log = Log::default();
    let mut again = self::coroutine(&log);
    again.send(log.guard("first value"));
    let returned = again.send(log.guard("second value"));
    assert_eq!(log.take()[1..], plain);
    drop(returned);
}

#[test]
fn a_closed_body_drops_in_the_order_of_an_unwinding_call() {
    let log = Log::default();
    let mut coroutine = coroutine(&log);
    coroutine.send(log.guard("first value"));
    assert!(coroutine.close().expect("it unwinds").is_none());
    assert_eq!(log.take(), plain(&mut || resume_unwind(Box::new(()))));
}

#[test]
fn a_dropped_body_drops_in_the_order_of_an_unwinding_call() {
    let log = Log::default();
    let mut coroutine = coroutine(&log);
    coroutine.send(log.guard("first value"));
    drop(coroutine);
    assert_eq!(log.take(), plain(&mut || resume_unwind(Box::new(()))));
}

#[test]
fn a_throw_drops_in_the_order_of_an_unwinding_call() {
    let log = Log::default();
    let mut coroutine = coroutine(&log);
    coroutine.send(log.guard("first value"));
    caught(|| coroutine.throw(Box::new(())));
    assert_eq!(log.take(), plain(&mut || resume_unwind(Box::new(()))));
}

#[test]
fn an_unstarted_body_drops_captures_like_an_uncalled_closure() {
    let uncalled = Log::default();
    drop(body(&uncalled));
    let log = Log::default();
    drop(coroutine(&log));
    assert_eq!(log.take(), uncalled.take());
    let mut closed = coroutine(&log);
    closed.close().expect("nothing to unwind");
    assert_eq!(log.take().len(), 2);
}

#[test]
fn handles_are_dropped_like_any_local_newest_first() {
    let log = Log::default();
    let suspended = |event: &'static str| {
        let inside = log.clone();
        let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
            let _guard = inside.guard(event);
            yielder.suspend(());
        });
        coroutine.resume();
        coroutine
    };
    {
        let _first = suspended("first");
        let _second = suspended("second");
        let _third = suspended("third");
    }
    assert_eq!(log.take(), ["third", "second", "first"]);
}
