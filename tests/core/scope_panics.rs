//! Several panics while a scope ends its children: one surfaces, none aborts, and every child still ends.

use std::cell::RefCell;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::rc::Rc;

use selvedge::coroutine::{ScopedCoroutine, Status, scope};
use selvedge::{Coroutine, Yielder};

use crate::support::{Counted, Log, OnDrop, caught, events, hook_calls, live, text};

/// Panics with `message` when it is closed, and logs `event`.
fn bomb(
    log: &Log,
    event: &'static str,
    message: &'static str,
) -> impl FnOnce(&Yielder<(), ()>, ()) + use<> {
    let log = log.clone();
    move |yielder: &Yielder<(), ()>, ()| {
        let _guard = log.guard(event);
        if yielder.suspend_catching(()).is_err() {
            panic_any(message);
        }
    }
}

#[test]
fn the_closures_own_panic_surfaces_before_those_of_its_children() {
    let log = Log::default();
    let calls = hook_calls(|| {
        let payload = caught(|| {
            scope(|s| {
                let mut child = s.coroutine(bomb(&log, "child", "the child's"));
                child.resume();
                mem::forget(child);
                panic!("the closure's");
            })
        });
        assert_eq!(text(&payload), "the closure's");
    });
    assert_eq!((calls, log.take()), (2, events(["child"])));
    assert!(!std::thread::panicking());
}

#[test]
fn one_of_several_child_panics_surfaces_and_all_children_end() {
    let log = Log::default();
    let payload = caught(|| {
        scope(|s| {
            for (event, message) in [("first", "1"), ("second", "2"), ("third", "3")] {
                let mut child = s.coroutine(bomb(&log, event, message));
                child.resume();
                mem::forget(child);
            }
        })
    });
    assert!(
        ["1", "2", "3"].contains(&text(&payload)),
        "{}",
        text(&payload)
    );
    assert_eq!(log.take(), ["third", "second", "first"]);
}

#[test]
fn a_panicking_capture_surfaces_after_the_other_children_end() {
    let log = Log::default();
    let payload = caught(|| {
        scope(|s| {
            let inside = log.clone();
            let mut oldest = s.coroutine(move |yielder: &Yielder<(), ()>, ()| {
                let _guard = inside.guard("oldest");
                yielder.suspend(());
            });
            oldest.resume();
            mem::forget(oldest);
            let capture = OnDrop(|| panic!("in a capture"));
            let witness = Counted::new(1);
            mem::forget(s.coroutine(move |_: &Yielder<(), ()>, ()| drop((capture, witness))));
        })
    });
    assert_eq!(
        (text(&payload), log.take(), live()),
        ("in a capture", events(["oldest"]), 0)
    );
}

#[test]
fn a_childs_panic_surfaces_from_the_drop_of_its_handle() {
    let log = Log::default();
    let payload = caught(|| {
        scope(|s| {
            let mut child = s.coroutine(bomb(&log, "child", "at its handle's drop"));
            child.resume();
            drop(child);
            log.push("unreachable");
        })
    });
    assert_eq!(
        (text(&payload), log.take()),
        ("at its handle's drop", events(["child"]))
    );
}

type Own<'scope> = ScopedCoroutine<'scope, (), (), ()>;

/// An unstarted child that owns its own handle through its captures, which inspect the handle when they are dropped.
fn owning_itself(look: impl FnMut(&mut Own<'_>)) {
    let mut look = look;
    scope(|s| {
        let slot: Rc<RefCell<Option<Own<'_>>>> = Rc::default();
        let own = Rc::clone(&slot);
        let counted = Counted::new(1);
        let capture = OnDrop(move || {
            let taken = own.borrow_mut().take();
            look(&mut taken.expect("its own handle"));
        });
        let child = s.coroutine(move |_: &Yielder<(), ()>, ()| drop((capture, counted)));
        *slot.borrow_mut() = Some(child);
    });
    assert_eq!(live(), 0, "its captures are dropped once");
}

#[test]
fn an_unstarted_child_owning_its_handle_drops_captures_once() {
    let mut looks = 0;
    owning_itself(|_| looks += 1);
    assert_eq!(looks, 1);
}

#[test]
fn a_child_dropping_its_captures_cannot_be_run_or_closed() {
    let mut seen = None;
    owning_itself(|own| {
        let (sent, closed) = (
            own.try_send(()).is_err(),
            own.try_throw(Box::new(())).is_err(),
        );
        seen = Some((sent, closed, own.status() != Status::Unstarted));
    });
    assert_eq!(seen, Some((true, true, true)));
    let mut closes = 0;
    owning_itself(|own| {
        // The call may do nothing or panic with a sentence; in both cases it drops nothing.
        let before = live();
        drop(catch_unwind(AssertUnwindSafe(|| own.close().is_ok())));
        closes += usize::from(before == live());
    });
    assert_eq!(closes, 1);
}

#[test]
fn a_running_ancestor_refuses_values_of_its_descendant() {
    let mut seen = None;
    scope(|s| {
        let slot: Rc<RefCell<Option<Own<'_>>>> = Rc::default();
        let (ancestors, saw) = (Rc::clone(&slot), &mut seen);
        let mut descendant = s.coroutine(move |yielder: &Yielder<(), ()>, ()| {
            yielder.suspend(());
            let mut ancestor = ancestors
                .borrow_mut()
                .take()
                .expect("the ancestor's handle");
            let refused = ancestor.try_send(()).map_err(|refused| refused.status);
            *saw = Some((ancestor.status(), refused.err()));
        });
        descendant.resume();
        let mut ancestor = s.coroutine(move |yielder: &Yielder<(), ()>, ()| {
            assert!(yielder.suspend_catching(()).is_err());
            descendant.resume();
        });
        ancestor.resume();
        *slot.borrow_mut() = Some(ancestor);
    });
    assert_eq!(seen, Some((Status::Running, Some(Status::Running))));
}

#[test]
fn a_static_coroutine_among_a_childs_locals_ends_with_it() {
    let log = Log::default();
    scope(|s| {
        let shared = &log;
        let mut child = s.coroutine(move |yielder: &Yielder<(), ()>, ()| {
            let inside = shared.clone();
            let mut owned = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
                let _guard = inside.guard("owned");
                yielder.suspend(());
            });
            owned.resume();
            let _guard = shared.guard("child");
            yielder.suspend(());
        });
        child.resume();
        mem::forget(child);
    });
    assert_eq!(log.take(), ["child", "owned"]);
}
