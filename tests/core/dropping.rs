//! Dropping a coroutine in every status, from every place, whatever its body does meanwhile.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use selvedge::coroutine::on_stack;
use selvedge::stack::{pool_stats, trim_pool};
use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::support::{Counted, Log, OnDrop, caught, hook_calls, live, text};

/// Suspends once, with one guard on its stack and another among its captures.
fn guarded(log: &Log) -> Coroutine<(), (), ()> {
    let (inside, capture) = (log.clone(), log.guard("capture"));
    Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _kept = capture;
        let _local = inside.guard("local");
        inside.push("ran");
        yielder.suspend(());
        inside.push("resumed");
    })
}

#[test]
fn an_unstarted_coroutine_drops_its_captures_and_never_runs() {
    let log = Log::default();
    drop(guarded(&log));
    assert_eq!(log.take(), ["capture"]);
}

#[test]
fn a_suspended_coroutine_is_unwound() {
    let log = Log::default();
    let mut coroutine = guarded(&log);
    coroutine.resume();
    drop(coroutine);
    assert_eq!(log.take(), ["ran", "local", "capture"]);
}

#[test]
fn a_finished_coroutine_has_nothing_left_to_drop() {
    let log = Log::default();
    let mut coroutine = guarded(&log);
    coroutine.resume();
    coroutine.resume();
    assert_eq!(log.take(), ["ran", "resumed", "local", "capture"]);
    drop(coroutine);
    assert!(log.take().is_empty());
}

#[test]
fn a_panicked_coroutine_has_nothing_left_to_drop() {
    let log = Log::default();
    let inside = log.clone();
    let mut coroutine = Coroutine::new(move |_: &Yielder<(), ()>, ()| {
        let _local = inside.guard("local");
        panic!("gone");
    });
    caught(|| coroutine.resume());
    assert_eq!(log.take(), ["local"]);
    drop(coroutine);
    assert!(log.take().is_empty());
}

#[test]
fn a_coroutine_dropped_during_a_panic_is_unwound() {
    let log = Log::default();
    let calls = hook_calls(|| {
        let payload = caught(|| {
            let mut coroutine = guarded(&log);
            coroutine.resume();
            panic!("the resumer's own");
        });
        assert_eq!(text(&payload), "the resumer's own");
    });
    assert_eq!((calls, std::thread::panicking()), (1, false));
    assert_eq!(log.take(), ["ran", "local", "capture"]);
}

#[test]
fn an_unwind_passes_a_long_chain_of_owned_coroutines() {
    fn chain(length: usize) -> Coroutine<(), (), ()> {
        Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
            let _local = Counted::new(0);
            let mut next = (length > 0).then(|| chain(length - 1));
            if let Some(next) = &mut next {
                next.resume();
            }
            yielder.suspend(());
        })
    }
    let payload = caught(|| {
        let mut first = chain(50);
        first.resume();
        assert_eq!(live(), 51);
        panic!("past a chain");
    });
    assert_eq!((text(&payload), live()), ("past a chain", 0));
}

#[test]
fn a_coroutine_dropped_inside_another_is_unwound_there() {
    let log = Log::default();
    let mut inner = guarded(&log);
    inner.resume();
    let mut outer = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        drop(inner);
        yielder.suspend(());
    });
    assert_eq!(log.take(), ["ran"]);
    outer.resume();
    assert_eq!(log.take(), ["local", "capture"]);
    on_stack(64 * 1024, || drop(outer));
}

#[test]
fn a_body_that_swallows_its_close_once_is_closed_again() {
    let log = Log::default();
    let inside = log.clone();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _local = inside.guard("local");
        assert!(catch_unwind(AssertUnwindSafe(|| yielder.suspend(()))).is_err());
        inside.push("swallowed");
        yielder.suspend(());
        inside.push("unreachable");
    });
    coroutine.resume();
    drop(coroutine);
    assert_eq!(log.take(), ["swallowed", "local"]);
}

#[test]
fn a_body_that_swallows_a_thousand_closes_still_ends() {
    let swallowed = Rc::new(Cell::new(0));
    let inside = Rc::clone(&swallowed);
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), Counted>, ()| {
        let _local = Counted::new(0);
        for _ in 0..1_000 {
            assert!(yielder.suspend_catching(Counted::new(1)).is_err());
            inside.set(inside.get() + 1);
        }
    });
    drop(coroutine.resume());
    drop(coroutine);
    assert_eq!((swallowed.get(), live()), (1_000, 0));
}

#[test]
fn a_value_that_a_dropped_body_returns_is_dropped_once() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), Counted>, ()| {
        assert!(yielder.suspend_catching(Counted::new(1)).is_err());
        (Counted::new(2), [0u64; 100])
    });
    drop(coroutine.resume());
    drop(coroutine);
    assert_eq!(live(), 0);
}

#[test]
fn a_body_that_swallows_its_close_during_an_unwind_ends() {
    let log = Log::default();
    let inside = log.clone();
    let payload = caught(|| {
        let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
            let _local = inside.guard("local");
            assert!(yielder.suspend_catching(()).is_err());
            inside.push("swallowed");
            assert!(
                yielder.suspend_catching(()).is_err(),
                "the resumer's unwind goes on under us"
            );
            inside.push("returned");
        });
        coroutine.resume();
        panic!("the resumer's own");
    });
    assert_eq!(text(&payload), "the resumer's own");
    assert_eq!(log.take(), ["swallowed", "returned", "local"]);
}

/// A place that a coroutine's owner and its body both reach.
type Slot = Rc<RefCell<Option<Coroutine<(), (), ()>>>>;

#[test]
fn a_dropped_coroutine_may_look_for_itself_in_a_shared_place() {
    let slot = Slot::default();
    let found = Rc::new(Cell::new(None));
    let (own, seen) = (Rc::clone(&slot), Rc::clone(&found));
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _guard = OnDrop(|| seen.set(Some(own.borrow_mut().take().is_some())));
        yielder.suspend(());
    });
    coroutine.resume();
    *slot.borrow_mut() = Some(coroutine);
    let taken = slot.borrow_mut().take();
    drop(taken);
    assert_eq!(found.get(), Some(false));
    assert_eq!(Rc::strong_count(&slot), 1);
}

#[test]
fn a_destructor_cannot_reach_the_handle_dropped_in_place() {
    let slot = Slot::default();
    let found = Rc::new(Cell::new(None));
    let (own, seen) = (Rc::clone(&slot), Rc::clone(&found));
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _guard = OnDrop(|| seen.set(Some(own.try_borrow_mut().is_err())));
        yielder.suspend(());
    });
    coroutine.resume();
    *slot.borrow_mut() = Some(coroutine);
    *slot.borrow_mut() = None;
    assert_eq!(found.get(), Some(true));
}

#[test]
fn a_destructor_may_put_a_new_coroutine_where_its_own_was() {
    let slot = Slot::default();
    let own = Rc::clone(&slot);
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _guard = OnDrop(|| {
            let replaced =
                own.borrow_mut()
                    .replace(Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
                        yielder.suspend(());
                    }));
            assert!(replaced.is_none());
        });
        yielder.suspend(());
    });
    coroutine.resume();
    drop(coroutine);
    let mut replacement = slot.borrow_mut().take().expect("the new one");
    assert_eq!(replacement.resume(), CoroutineState::Yielded(()));
    assert_eq!(replacement.resume(), CoroutineState::Complete(()));
}

#[test]
fn captures_may_use_the_pool_that_takes_their_stack() {
    let ran = Rc::new(Cell::new(0));
    let seen = Rc::clone(&ran);
    let capture = OnDrop(move || {
        let mut fresh = Coroutine::new(|yielder: &Yielder<(), u32>, ()| {
            yielder.suspend(1);
            2
        });
        let first = fresh.resume().unwrap_yielded();
        drop(fresh);
        trim_pool();
        assert!(pool_stats().n_slabs > 0);
        seen.set(first);
    });
    let coroutine = Coroutine::new(move |_: &Yielder<(), ()>, ()| drop(capture));
    drop(coroutine);
    assert_eq!(ran.get(), 1);
}

#[test]
fn a_coroutine_that_owns_itself_leaks_and_does_no_harm() {
    let slot = Slot::default();
    let own = Rc::clone(&slot);
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _cycle = own;
        let _local = Counted::new(1);
        yielder.suspend(());
    });
    coroutine.resume();
    *slot.borrow_mut() = Some(coroutine);
    let weak = Rc::downgrade(&slot);
    drop(slot);
    assert_eq!(live(), 1, "a cycle of Rc is never dropped");
    let slot = weak.upgrade().expect("it owns itself");
    assert_eq!(
        slot.borrow_mut().as_mut().map(Coroutine::resume),
        Some(CoroutineState::Complete(()))
    );
    assert_eq!(live(), 0);
}

#[test]
fn a_coroutine_may_drop_its_own_siblings_while_it_runs() {
    let log = Log::default();
    let siblings: Rc<RefCell<Vec<_>>> = Rc::default();
    for _ in 0..3 {
        let mut sibling = guarded(&log);
        sibling.resume();
        siblings.borrow_mut().push(sibling);
    }
    log.take();
    let shared = Rc::clone(&siblings);
    let mut reaper = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        while let Some(sibling) = { shared.borrow_mut().pop() } {
            drop(sibling);
            yielder.suspend(());
        }
    });
    for _ in 0..3 {
        assert_eq!(reaper.resume(), CoroutineState::Yielded(()));
        assert_eq!(log.take(), ["local", "capture"]);
    }
    assert_eq!(reaper.resume(), CoroutineState::Complete(()));
}
