//! A panic in a body surfaces at its resumer, with its payload and once, however many coroutines it crosses.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;

use selvedge::coroutine::{Status, on_stack};
use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::support::{Counted, Log, OnDrop, Payload, address, caught, hook_calls, live, text};

const LEVELS: usize = 100;

/// Nests coroutines `level` deep; `act` runs in the innermost one, and each level keeps a `Counted`.
fn nested(level: usize, act: Box<dyn FnOnce()>) -> Coroutine<(), (), ()> {
    Coroutine::new(move |_: &Yielder<(), ()>, ()| {
        let _local = Counted::new(0);
        if level == 0 {
            act();
        } else {
            nested(level - 1, act).resume();
        }
    })
}

#[test]
fn a_panic_surfaces_at_send_with_its_payload() {
    let token = Arc::new(5);
    let inside = Arc::clone(&token);
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        yielder.suspend(());
        panic_any(inside);
    });
    coroutine.resume();
    let payload = caught(|| coroutine.resume());
    let back = payload.downcast::<Arc<i32>>().expect("what was thrown");
    assert!(Arc::ptr_eq(&back, &token));
    assert_eq!(coroutine.status(), Status::Done);
    assert!(coroutine.try_send(()).is_err());
}

#[test]
fn a_panic_at_the_first_send_surfaces_there() {
    let mut coroutine =
        Coroutine::new(|_: &Yielder<u8, ()>, first: u8| -> u8 { panic!("no {first}") });
    let payload = caught(|| coroutine.try_send(3).is_ok());
    assert_eq!((text(&payload), coroutine.status()), ("no 3", Status::Done));
}

#[test]
fn a_payload_crosses_a_hundred_coroutines_as_the_same_box() {
    let payload: Payload = Box::new([3u8; 100]);
    let sent = address(&payload);
    let mut outermost = nested(LEVELS, Box::new(move || resume_unwind(payload)));
    let back = caught(|| outermost.resume());
    assert_eq!(
        (address(&back), back.downcast_ref()),
        (sent, Some(&[3u8; 100]))
    );
    assert_eq!((outermost.status(), live()), (Status::Done, 0));
}

#[test]
fn a_panic_across_a_hundred_coroutines_calls_the_hook_once() {
    let calls = hook_calls(|| {
        let mut outermost = nested(LEVELS, Box::new(|| panic!("from the bottom")));
        assert_eq!(text(&caught(|| outermost.resume())), "from the bottom");
    });
    assert_eq!((calls, live()), (1, 0));
}

#[test]
fn a_panic_may_be_caught_at_any_level() {
    let mut outer = Coroutine::new(|yielder: &Yielder<(), String>, ()| {
        let mut inner = nested(10, Box::new(|| panic!("caught half way")));
        let payload = catch_unwind(AssertUnwindSafe(|| inner.resume())).expect_err("it panics");
        assert!(!std::thread::panicking());
        yielder.suspend(text(&payload).to_owned());
        "done"
    });
    assert_eq!(
        outer.resume(),
        CoroutineState::Yielded("caught half way".to_owned())
    );
    assert_eq!(outer.resume(), CoroutineState::Complete("done"));
}

#[test]
fn a_panicking_body_drops_its_locals_before_the_panic_surfaces() {
    let log = Log::default();
    let inside = log.clone();
    let mut coroutine = Coroutine::new(move |_: &Yielder<(), ()>, ()| {
        let _outer = inside.guard("outer");
        let _inner = inside.guard("inner");
        panic!("with locals");
    });
    let payload = catch_unwind(AssertUnwindSafe(|| coroutine.resume()));
    log.push("surfaced");
    assert!(payload.is_err());
    assert_eq!(log.take(), ["inner", "outer", "surfaced"]);
}

#[test]
fn the_resumer_is_not_panicking_once_it_has_caught_the_panic() {
    let mut panics = Coroutine::new(|_: &Yielder<(), ()>, ()| panic!("over there"));
    caught(|| panics.resume());
    assert!(!std::thread::panicking());
    let mut neighbour = Coroutine::new(|yielder: &Yielder<(), bool>, ()| {
        yielder.suspend(std::thread::panicking());
    });
    assert_eq!(neighbour.resume(), CoroutineState::Yielded(false));
}

#[test]
fn a_panic_leaves_suspended_neighbours_as_they_were() {
    let neighbour = |id: u32| {
        Coroutine::new(move |yielder: &Yielder<(), u32>, ()| {
            let kept = Counted::new(id);
            yielder.suspend(kept.0);
            kept.0 * 2
        })
    };
    let mut neighbours: Vec<_> = (0..10).map(neighbour).collect();
    for (id, coroutine) in (0..).zip(&mut neighbours) {
        assert_eq!(coroutine.resume(), CoroutineState::Yielded(id));
    }
    caught(|| nested(5, Box::new(|| panic!("beside them"))).resume());
    assert_eq!(live(), 10);
    for (id, coroutine) in (0..).zip(&mut neighbours) {
        assert_eq!(coroutine.resume(), CoroutineState::Complete(id * 2));
    }
    assert_eq!(live(), 0);
}

#[test]
fn a_panicking_destructor_surfaces_from_close() {
    // The body catches the close and returns normally, so the destructor's panic is the only one.
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        let _bomb = OnDrop(|| panic!("in a destructor"));
        assert!(yielder.suspend_catching(()).is_err());
    });
    coroutine.resume();
    let payload = caught(|| coroutine.close().is_ok());
    assert_eq!(
        (text(&payload), coroutine.status()),
        ("in a destructor", Status::Done)
    );
}

#[test]
fn a_panicking_capture_surfaces_from_close_and_from_drop() {
    let unstarted = || {
        let bomb = OnDrop(|| panic!("in a capture"));
        let witness = Counted::new(1);
        Coroutine::new(move |_: &Yielder<(), ()>, ()| drop((bomb, witness)))
    };
    let mut closed = unstarted();
    assert_eq!(text(&caught(|| closed.close().is_ok())), "in a capture");
    assert_eq!((closed.status(), live()), (Status::Done, 0));
    drop(closed);
    let dropped = unstarted();
    assert_eq!(text(&caught(|| drop(dropped))), "in a capture");
    assert_eq!(live(), 0);
}

#[test]
fn a_panic_of_the_body_during_its_drop_surfaces_from_drop() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        let _local = Counted::new(1);
        if yielder.suspend_catching(()).is_err() {
            panic!("at the door");
        }
    });
    coroutine.resume();
    let calls = hook_calls(|| assert_eq!(text(&caught(|| drop(coroutine))), "at the door"));
    assert_eq!((calls, live()), (1, 0));
}

#[test]
fn a_discarded_value_that_panics_in_its_drop_surfaces_from_drop() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), _>, ()| {
        let witness = Counted::new(1);
        while yielder.suspend_catching(None).is_ok() {}
        let bomb = OnDrop(|| panic!("in a value"));
        let _ = yielder.suspend_catching(Some(bomb));
        drop(witness);
    });
    drop(coroutine.resume());
    let payload = caught(|| drop(coroutine));
    assert_eq!(text(&payload), "in a value");
    assert!(
        (0..=1).contains(&live()),
        "ended or leaked, but not dropped twice: {}",
        live()
    );
    let mut next = Coroutine::new(|yielder: &Yielder<(), u8>, ()| yielder.suspend(1));
    assert_eq!(next.resume(), CoroutineState::Yielded(1));
}

#[test]
fn a_body_may_catch_a_panic_and_suspend_again() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), u32>, ()| {
        for round in 0u32..100 {
            let payload = catch_unwind(|| panic_any(round)).expect_err("it panics");
            yielder.suspend(*payload.downcast::<u32>().expect("a number"));
        }
    });
    for round in 0..100 {
        assert_eq!(coroutine.resume(), CoroutineState::Yielded(round));
    }
    assert_eq!(coroutine.resume(), CoroutineState::Complete(()));
}

#[test]
fn a_panic_passes_a_coroutine_on_another_stack_in_a_coroutine() {
    let mut coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| {
        on_stack(64 * 1024, || {
            nested(3, Box::new(|| panic!("stacks all the way"))).resume()
        })
    });
    assert_eq!(text(&caught(|| coroutine.resume())), "stacks all the way");
}

#[test]
fn the_payload_may_own_coroutines() {
    // Payloads are Send and coroutines are not, so only a handle behind a thread check could carry one; an Rc stays in
    // the body instead, and the unwind must drop it.
    let shared = Rc::new(());
    let inside = Rc::clone(&shared);
    let mut coroutine = Coroutine::new(move |_: &Yielder<(), ()>, ()| {
        let mut inner = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
            let _kept = inside;
            yielder.suspend(());
        });
        inner.resume();
        panic!("with a suspended coroutine among the locals");
    });
    caught(|| coroutine.resume());
    assert_eq!(Rc::strong_count(&shared), 1);
}
