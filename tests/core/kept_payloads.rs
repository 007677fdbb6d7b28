//! A close payload that a body has caught and kept no longer closes anything: raised elsewhere or later, the payload is
//! an ordinary panic.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use selvedge::coroutine::{Status, on_stack};
use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::support::{Counted, Payload, address, caught, hook_calls, live};

type Kept = Rc<RefCell<Vec<Payload>>>;

/// A coroutine that keeps the payload of its first close and lives on; when resumed, it calls `then`.
fn keeper<F>(kept: &Kept, then: F) -> Coroutine<(), u8, u8>
where
    F: FnOnce(&Yielder<(), u8>, Kept) -> u8 + 'static,
{
    let kept = Rc::clone(kept);
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), u8>, ()| {
        let _local = Counted::new(0);
        let payload =
            catch_unwind(AssertUnwindSafe(|| yielder.suspend(1))).expect_err("it is closed");
        kept.borrow_mut().push(payload);
        yielder.suspend(2);
        then(yielder, kept)
    });
    assert_eq!(coroutine.resume(), CoroutineState::Yielded(1));
    assert_eq!(
        coroutine.close().expect_err("it suspends").into_value(),
        Some(2)
    );
    coroutine
}

fn keep_payload() -> (Coroutine<(), u8, u8>, Payload) {
    let kept = Kept::default();
    let coroutine = keeper(&kept, |_, _| 9);
    let payload = kept.borrow_mut().pop().expect("a payload");
    (coroutine, payload)
}

#[test]
fn a_payload_raised_on_the_threads_stack_is_an_ordinary_panic() {
    let (_keeper, payload) = keep_payload();
    let expected = address(&payload);
    assert_eq!(address(&caught(|| resume_unwind(payload))), expected);
}

#[test]
fn a_payload_thrown_into_another_coroutine_leaves_throw() {
    let (mut keeper, payload) = keep_payload();
    let expected = address(&payload);
    let mut other = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        let _local = Counted::new(0);
        yielder.suspend(());
    });
    other.resume();
    let back = caught(|| other.throw(payload));
    assert_eq!(
        (address(&back), other.status(), live()),
        (expected, Status::Done, 1)
    );
    assert_eq!(keeper.resume(), CoroutineState::Complete(9));
}

#[test]
fn a_payload_raised_in_another_body_surfaces_at_its_send() {
    let (_keeper, payload) = keep_payload();
    let expected = address(&payload);
    let mut other =
        Coroutine::new(|_: &Yielder<Payload, ()>, first: Payload| -> () { resume_unwind(first) });
    assert_eq!(address(&caught(|| other.send(payload))), expected);
    assert_eq!(other.status(), Status::Done);
}

#[test]
fn a_payload_raised_in_another_close_surfaces_from_that_close() {
    let (_keeper, payload) = keep_payload();
    let expected = address(&payload);
    let mut other = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        if yielder.suspend_catching(()).is_err() {
            resume_unwind(payload);
        }
    });
    other.resume();
    assert_eq!(address(&caught(|| other.close().is_ok())), expected);
    assert_eq!(other.status(), Status::Done);
}

#[test]
fn a_payload_raised_later_in_its_own_body_surfaces_at_send() {
    let kept = Kept::default();
    let mut coroutine = keeper(&kept, |_, kept| {
        let payload = kept.borrow_mut().pop().expect("the payload");
        resume_unwind(payload)
    });
    let expected = address(&kept.borrow()[0]);
    assert_eq!(address(&caught(|| coroutine.resume())), expected);
    assert_eq!((coroutine.status(), live()), (Status::Done, 0));
}

#[test]
fn a_payload_thrown_into_its_own_coroutine_leaves_throw() {
    let (mut keeper, payload) = keep_payload();
    let expected = address(&payload);
    assert_eq!(address(&caught(|| keeper.throw(payload))), expected);
    assert_eq!((keeper.status(), live()), (Status::Done, 0));
}

#[test]
fn a_payload_raised_in_a_later_close_surfaces_from_that_close() {
    let kept = Kept::default();
    let mut coroutine = keeper(&kept, |yielder, kept| {
        let second =
            catch_unwind(AssertUnwindSafe(|| yielder.suspend(3))).expect_err("it is closed");
        drop(second);
        let first = kept
            .borrow_mut()
            .pop()
            .expect("the payload of the first close");
        resume_unwind(first)
    });
    assert_eq!(coroutine.resume(), CoroutineState::Yielded(3));
    let expected = address(&kept.borrow()[0]);
    assert_eq!(address(&caught(|| coroutine.close().is_ok())), expected);
    assert_eq!(coroutine.status(), Status::Done);
}

#[test]
fn a_payload_raised_again_at_once_still_closes() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        let payload =
            catch_unwind(AssertUnwindSafe(|| yielder.suspend(()))).expect_err("it is closed");
        resume_unwind(payload);
    });
    coroutine.resume();
    assert_eq!(coroutine.close().expect("the close went on"), None);
    assert_eq!(coroutine.status(), Status::Done);
}

#[test]
fn a_close_payload_carried_over_other_stacks_still_closes() {
    let mut outer = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        let mut inner = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
        inner.resume();
        let payload =
            catch_unwind(AssertUnwindSafe(|| yielder.suspend(()))).expect_err("it is closed");
        on_stack(64 * 1024, || inner.throw(payload));
    });
    outer.resume();
    assert_eq!(outer.close().expect("the close went on"), None);
    assert_eq!(outer.status(), Status::Done);
}

#[test]
fn raising_another_coroutines_close_does_not_close_the_raiser() {
    let mut outer = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        let payload =
            catch_unwind(AssertUnwindSafe(|| yielder.suspend(()))).expect_err("it is closed");
        let mine = address(&payload);
        let mut inner =
            Coroutine::new(move |_: &Yielder<(), ()>, ()| -> () { resume_unwind(payload) });
        let back = caught(|| inner.resume());
        assert_eq!((address(&back), inner.status()), (mine, Status::Done));
        "unmoved"
    });
    outer.resume();
    assert_eq!(outer.close().expect("it returns"), Some("unmoved"));
}

#[test]
fn a_payload_may_be_dropped_forgotten_or_sent_to_a_thread() {
    let (_dropped, payload) = keep_payload();
    drop(payload);
    let (_forgotten, payload) = keep_payload();
    std::mem::forget(payload);
    let (mut keeper, payload) = keep_payload();
    let there = std::thread::spawn(move || resume_unwind(payload));
    assert!(there.join().is_err());
    assert_eq!(keeper.resume(), CoroutineState::Complete(9));
}

#[test]
fn a_payload_outlives_its_coroutine() {
    let (keeper, payload) = keep_payload();
    drop(keeper);
    let expected = address(&payload);
    assert_eq!(address(&caught(|| resume_unwind(payload))), expected);
}

#[test]
fn raising_a_payload_never_calls_the_panic_hook() {
    let calls = hook_calls(|| {
        let (mut keeper, payload) = keep_payload();
        caught(|| keeper.throw(payload));
    });
    assert_eq!(calls, 0);
}
