//! What `throw` and `try_throw` promise: the payload is raised at the suspension point, and re-raised at the caller
//! unless the body catches it.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use selvedge::coroutine::{Status, Thrown};
use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::support::{
    Counted, Log, Payload, address, assert_sentence, caught, events, hook_calls, live,
};

/// Suspends with 1, catches the throw at that point, suspends with 2, and completes with the value sent.
fn catcher(seen: Rc<Cell<Option<&'static str>>>) -> Coroutine<u32, u32, u32> {
    Coroutine::new(move |yielder: &Yielder<u32, u32>, _first: u32| {
        match catch_unwind(AssertUnwindSafe(|| yielder.suspend(1))) {
            Ok(sent) => sent,
            Err(payload) => {
                seen.set(payload.downcast_ref::<&'static str>().copied());
                yielder.suspend(2)
            }
        }
    })
}

fn throwable(message: &'static str) -> Payload {
    Box::new(message)
}

#[test]
fn a_caught_throw_followed_by_a_suspension_returns_its_value() {
    let seen = Rc::new(Cell::new(None));
    let mut coroutine = catcher(Rc::clone(&seen));
    assert_eq!(coroutine.send(0), CoroutineState::Yielded(1));
    assert_eq!(
        coroutine.throw(throwable("ouch")),
        CoroutineState::Yielded(2)
    );
    assert_eq!(
        (seen.get(), coroutine.status()),
        (Some("ouch"), Status::Suspended)
    );
    assert_eq!(coroutine.send(8), CoroutineState::Complete(8));
}

#[test]
fn a_caught_throw_followed_by_a_return_completes() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        catch_unwind(AssertUnwindSafe(|| yielder.suspend(()))).is_err()
    });
    coroutine.resume();
    assert_eq!(
        coroutine.throw(throwable("ouch")),
        CoroutineState::Complete(true)
    );
    assert_eq!(coroutine.status(), Status::Done);
}

#[test]
fn an_uncaught_throw_unwinds_the_body_and_returns_the_same_box() {
    let log = Log::default();
    let inside = log.clone();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), Counted>, ()| {
        let _outer = inside.guard("outer");
        let _inner = inside.guard("inner");
        yielder.suspend(Counted::new(1));
    });
    drop(coroutine.resume());
    let payload: Payload = Box::new([7u64; 4]);
    let sent = address(&payload);
    let back = caught(|| coroutine.throw(payload));
    assert_eq!(
        (address(&back), back.downcast_ref()),
        (sent, Some(&[7u64; 4]))
    );
    assert_eq!(
        (log.take(), coroutine.status(), live()),
        (events(["inner", "outer"]), Status::Done, 0)
    );
}

#[test]
fn a_throw_at_an_unstarted_coroutine_only_drops_its_captures() {
    let ran = Rc::new(Cell::new(false));
    let seen = Rc::clone(&ran);
    let capture = Counted::new(1);
    let mut coroutine = Coroutine::new(move |_: &Yielder<Counted, ()>, first: Counted| {
        seen.set(true);
        drop((capture, first));
    });
    let payload = throwable("ouch");
    let sent = address(&payload);
    let back = caught(|| coroutine.throw(payload));
    assert_eq!(address(&back), sent);
    assert_eq!(
        (ran.get(), coroutine.status(), live()),
        (false, Status::Done, 0)
    );
}

#[test]
fn a_throw_after_the_end_gives_the_payload_back() {
    let mut coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| ());
    coroutine.resume();
    for _ in 0..3 {
        let payload = throwable("late");
        let sent = address(&payload);
        assert_eq!(address(&caught(|| coroutine.throw(payload))), sent);
        assert_eq!(coroutine.status(), Status::Done);
    }
}

#[test]
fn try_throw_refuses_an_unstarted_coroutine_and_changes_nothing() {
    let seen = Rc::new(Cell::new(None));
    let mut coroutine = catcher(Rc::clone(&seen));
    let payload = throwable("early");
    let sent = address(&payload);
    let refused = coroutine.try_throw(payload).expect_err("it is unstarted");
    assert_sentence(&refused.to_string());
    assert_eq!(
        (address(&refused.value), refused.status),
        (sent, Status::Unstarted)
    );
    assert_eq!(coroutine.status(), Status::Unstarted);
    assert_eq!(coroutine.send(0), CoroutineState::Yielded(1));
    assert_eq!(coroutine.send(5), CoroutineState::Complete(5));
    assert_eq!(seen.get(), None);
}

#[test]
fn try_throw_refuses_a_finished_coroutine() {
    let mut coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| ());
    coroutine.resume();
    let payload = throwable("late");
    let sent = address(&payload);
    let refused = coroutine.try_throw(payload).expect_err("it is done");
    assert_eq!(
        (address(&refused.value), refused.status),
        (sent, Status::Done)
    );
}

#[test]
fn try_throw_raises_in_a_suspended_coroutine_like_throw() {
    let seen = Rc::new(Cell::new(None));
    let mut coroutine = catcher(Rc::clone(&seen));
    coroutine.send(0);
    assert_eq!(
        coroutine.try_throw(throwable("now")).expect("suspended"),
        CoroutineState::Yielded(2)
    );
    assert_eq!(seen.get(), Some("now"));
    let payload = throwable("again");
    let sent = address(&payload);
    let back = caught(|| coroutine.try_throw(payload).is_ok());
    assert_eq!((address(&back), coroutine.status()), (sent, Status::Done));
}

#[test]
fn suspend_catching_returns_a_throw_as_a_value_not_an_unwind() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<u8, u8>, _first: u8| {
        let Err(Thrown::Payload(payload)) = yielder.suspend_catching(1) else {
            panic!("something is thrown")
        };
        assert!(!std::thread::panicking());
        let Ok(sent) = yielder.suspend_catching(2) else {
            panic!("something is sent")
        };
        (
            *payload.downcast::<&'static str>().expect("our payload"),
            sent,
        )
    });
    coroutine.send(0);
    let calls = hook_calls(|| {
        assert_eq!(
            coroutine.throw(throwable("quietly")),
            CoroutineState::Yielded(2)
        )
    });
    assert_eq!(calls, 0);
    assert_eq!(coroutine.send(9), CoroutineState::Complete(("quietly", 9)));
}

#[test]
fn a_body_may_replace_the_thrown_payload() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        if catch_unwind(AssertUnwindSafe(|| yielder.suspend(()))).is_err() {
            resume_unwind(Box::new("replacement"));
        }
    });
    coroutine.resume();
    let back = caught(|| coroutine.throw(throwable("original")));
    assert_eq!(back.downcast_ref::<&'static str>(), Some(&"replacement"));
    assert_eq!(coroutine.status(), Status::Done);
}

#[test]
fn a_throw_never_calls_the_panic_hook() {
    let calls = hook_calls(|| {
        let mut suspended = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
        suspended.resume();
        caught(|| suspended.throw(throwable("suspended")));
        caught(|| suspended.throw(throwable("done")));
        let mut unstarted = Coroutine::new(|_: &Yielder<(), ()>, ()| ());
        caught(|| unstarted.throw(throwable("unstarted")));
    });
    assert_eq!(calls, 0);
}

#[test]
fn throws_may_be_repeated_while_the_body_catches_them() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), u32>, ()| {
        let mut taken = 0;
        while yielder.suspend_catching(taken).is_err() {
            taken += 1;
        }
        taken
    });
    coroutine.resume();
    for taken in 1..=1_000 {
        assert_eq!(
            coroutine.throw(throwable("once more")),
            CoroutineState::Yielded(taken)
        );
    }
    assert_eq!(coroutine.resume(), CoroutineState::Complete(1_000));
}

#[test]
fn a_payload_dropped_by_the_body_is_dropped_once() {
    struct Sendable;
    static DROPS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    impl Drop for Sendable {
        fn drop(&mut self) {
            DROPS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        drop(yielder.suspend_catching(()));
    });
    coroutine.resume();
    assert_eq!(
        coroutine.throw(Box::new(Sendable)),
        CoroutineState::Complete(())
    );
    assert_eq!(DROPS.load(std::sync::atomic::Ordering::Relaxed), 1);
}
