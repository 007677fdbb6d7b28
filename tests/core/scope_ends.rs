//! A scope does not return, unwind or free anything before all of its children have ended, newest first, whatever
//! happened to their handles.

use std::cell::{Cell, RefCell};
use std::mem;
use std::rc::Rc;

use selvedge::coroutine::{ScopedCoroutine, Status, scope};
use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::support::{Counted, Log, OnDrop, caught, events, hook_calls, live, text};

type Child<'scope> = ScopedCoroutine<'scope, (), (), ()>;

/// The body of a child that logs `event` when it is ended.
fn leaving(log: &Log, event: &'static str) -> impl FnOnce(&Yielder<(), ()>, ()) + use<> {
    let log = log.clone();
    move |yielder: &Yielder<(), ()>, ()| {
        let _guard = log.guard(event);
        yielder.suspend(());
    }
}

#[test]
fn forgotten_children_end_newest_first_before_the_scope_returns() {
    let log = Log::default();
    scope(|s| {
        for event in ["oldest", "middle", "newest"] {
            let mut child = s.coroutine(leaving(&log, event));
            child.resume();
            mem::forget(child);
        }
        log.push("closure's end");
    });
    log.push("returned");
    assert_eq!(
        log.take(),
        ["closure's end", "newest", "middle", "oldest", "returned"]
    );
}

#[test]
fn a_dropped_handle_closes_its_child_at_once() {
    let log = Log::default();
    scope(|s| {
        let mut child = s.coroutine(leaving(&log, "closed"));
        child.resume();
        drop(child);
        log.push("after the drop");
        drop(s.coroutine(leaving(&log, "never runs")));
        log.push("closure's end");
    });
    assert_eq!(log.take(), ["closed", "after the drop", "closure's end"]);
}

#[test]
fn a_closed_child_is_not_ended_again() {
    let log = Log::default();
    scope(|s| {
        let mut child = s.coroutine(leaving(&log, "closed"));
        child.resume();
        child.close().expect("it unwinds");
        assert_eq!(log.take(), ["closed"]);
        mem::forget(child);
    });
    assert!(log.take().is_empty());
}

#[test]
fn an_unstarted_forgotten_child_only_drops_its_captures() {
    let log = Log::default();
    scope(|s| {
        let (inside, capture) = (log.clone(), log.guard("capture"));
        mem::forget(s.coroutine(move |_: &Yielder<(), ()>, ()| {
            inside.push("ran");
            drop(capture);
        }));
        log.push("closure's end");
    });
    assert_eq!(log.take(), ["closure's end", "capture"]);
}

#[test]
fn a_forgotten_child_ends_its_borrow_before_the_host_resumes() {
    let mut numbers = vec![1, 2, 3];
    scope(|s| {
        let mut child = s.coroutine(|yielder: &Yielder<(), ()>, ()| {
            let last = numbers.last_mut().expect("three numbers");
            let _writes_at_the_end = OnDrop(|| *last += 1);
            yielder.suspend(());
        });
        child.resume();
        mem::forget(child);
    });
    numbers.push(9);
    assert_eq!(numbers, [1, 2, 4, 9]);
}

#[test]
fn swapped_handles_change_names_and_nothing_else() {
    let log = Log::default();
    scope(|s| {
        let mut first = s.coroutine(leaving(&log, "first"));
        let mut second = s.coroutine(leaving(&log, "second"));
        first.resume();
        mem::swap(&mut first, &mut second);
        assert_eq!(
            (first.status(), second.status()),
            (Status::Unstarted, Status::Suspended)
        );
        first.resume();
        drop(second);
        assert_eq!(log.take(), ["first"]);
        mem::forget(first);
    });
    assert_eq!(log.take(), ["second"]);
}

#[test]
fn swapped_handles_of_two_scopes_stay_with_their_scopes() {
    let log = Log::default();
    scope(|outer| {
        let mut first = outer.coroutine(leaving(&log, "first"));
        let mut second = outer.coroutine(leaving(&log, "second"));
        first.resume();
        second.resume();
        scope(|inner| {
            let mut third = inner.coroutine(leaving(&log, "third"));
            third.resume();
            mem::swap(&mut first, &mut second);
            mem::forget(third);
        });
        assert_eq!(log.take(), ["third"]);
        assert_eq!(first.resume(), CoroutineState::Complete(()));
        mem::forget(mem::replace(
            &mut second,
            outer.coroutine(leaving(&log, "replacement")),
        ));
    });
    assert_eq!(log.take(), ["second", "first"]);
}

#[test]
fn an_unwinding_scope_ends_its_children_newest_first() {
    let log = Log::default();
    let calls = hook_calls(|| {
        let payload = caught(|| {
            let _host = log.guard("host's local");
            scope(|s| {
                for event in ["oldest", "middle", "newest"] {
                    let mut child = s.coroutine(leaving(&log, event));
                    child.resume();
                    mem::forget(child);
                }
                panic!("out of the closure");
            })
        });
        assert_eq!(text(&payload), "out of the closure");
    });
    assert_eq!((calls, std::thread::panicking()), (1, false));
    assert_eq!(log.take(), ["newest", "middle", "oldest", "host's local"]);
}

#[test]
fn a_childs_uncaught_panic_ends_its_siblings() {
    let log = Log::default();
    let payload = caught(|| {
        scope(|s| {
            let mut sibling = s.coroutine(leaving(&log, "sibling"));
            sibling.resume();
            mem::forget(sibling);
            let mut child = s.coroutine(|_: &Yielder<(), ()>, ()| panic!("of a child"));
            child.resume();
        })
    });
    assert_eq!(
        (text(&payload), log.take()),
        ("of a child", events(["sibling"]))
    );
}

#[test]
fn a_childs_panic_at_the_end_surfaces_after_the_others_end() {
    let log = Log::default();
    let payload = caught(|| {
        scope(|s| {
            let mut oldest = s.coroutine(leaving(&log, "oldest"));
            oldest.resume();
            mem::forget(oldest);
            let mut bomb = s.coroutine(|yielder: &Yielder<(), ()>, ()| {
                if yielder.suspend_catching(()).is_err() {
                    panic!("while it is ended");
                }
            });
            bomb.resume();
            mem::forget(bomb);
            let mut newest = s.coroutine(leaving(&log, "newest"));
            newest.resume();
            mem::forget(newest);
        });
        log.push("unreachable");
    });
    assert_eq!(
        (text(&payload), log.take()),
        ("while it is ended", events(["newest", "oldest"]))
    );
}

#[test]
fn a_child_that_swallows_a_thousand_closes_still_ends() {
    let swallowed = Cell::new(0);
    scope(|s| {
        let mut child = s.coroutine(|yielder: &Yielder<(), ()>, ()| {
            for _ in 0..1_000 {
                assert!(yielder.suspend_catching(()).is_err());
                swallowed.set(swallowed.get() + 1);
            }
        });
        child.resume();
        mem::forget(child);
    });
    assert_eq!(swallowed.get(), 1_000);
}

#[test]
fn a_child_born_while_the_scope_ends_is_ended_too() {
    let log = Log::default();
    scope(|s| {
        let (outside, late) = (&log, &log);
        let mut child = s.coroutine(move |yielder: &Yielder<(), ()>, ()| {
            let _gives_birth = OnDrop(|| {
                let capture = late.guard("late child's capture");
                mem::forget(s.coroutine(move |_: &Yielder<(), ()>, ()| drop(capture)));
                outside.push("born");
            });
            yielder.suspend(());
        });
        child.resume();
        mem::forget(child);
    });
    log.push("returned");
    assert_eq!(log.take(), ["born", "late child's capture", "returned"]);
}

#[test]
fn a_child_made_during_its_parents_close_ends_too() {
    let log = Log::default();
    scope(|s| {
        let shared = &log;
        let mut child = s.coroutine(move |yielder: &Yielder<(), ()>, ()| {
            assert!(yielder.suspend_catching(()).is_err());
            let mut late = s.coroutine(leaving(shared, "late"));
            late.resume();
            mem::forget(late);
            shared.push("returning");
        });
        child.resume();
        mem::forget(child);
    });
    assert_eq!(log.take(), ["returning", "late"]);
}

#[test]
fn grandchildren_of_one_scope_end_before_their_parents() {
    let log = Log::default();
    scope(|s| {
        let shared = &log;
        let mut parent = s.coroutine(move |yielder: &Yielder<(), ()>, ()| {
            let _guard = shared.guard("parent");
            let mut child = s.coroutine(leaving(shared, "child"));
            child.resume();
            mem::forget(child);
            yielder.suspend(());
        });
        parent.resume();
        mem::forget(parent);
    });
    assert_eq!(log.take(), ["child", "parent"]);
}

#[test]
fn a_handle_owned_by_a_sibling_is_closed_once() {
    let log = Log::default();
    scope(|s| {
        let mut owned = s.coroutine(leaving(&log, "owned"));
        owned.resume();
        let shared = &log;
        let mut owner = s.coroutine(move |yielder: &Yielder<(), ()>, ()| {
            let _owned = owned;
            let _guard = shared.guard("owner");
            yielder.suspend(());
        });
        owner.resume();
        mem::forget(owner);
    });
    assert_eq!(log.take(), ["owner", "owned"]);
}

#[test]
fn a_handle_kept_by_an_older_sibling_finds_its_child_ended() {
    let log = Log::default();
    scope(|s| {
        let kept = Rc::new(RefCell::new(None));
        let (shared, keeps) = (&log, Rc::clone(&kept));
        let mut keeper = s.coroutine(move |yielder: &Yielder<(), ()>, ()| {
            let _guard = OnDrop(|| {
                let status = keeps.borrow().as_ref().map(Child::status);
                assert_eq!(status, Some(Status::Done));
                shared.push("keeper");
            });
            yielder.suspend(());
        });
        keeper.resume();
        mem::forget(keeper);
        let mut child = s.coroutine(leaving(&log, "kept"));
        child.resume();
        *kept.borrow_mut() = Some(child);
    });
    assert_eq!(log.take(), ["kept", "keeper"]);
}

#[test]
fn nested_scopes_end_inside_out() {
    let log = Log::default();
    let payload = caught(|| {
        scope(|outer| {
            let mut first = outer.coroutine(leaving(&log, "outer child"));
            first.resume();
            mem::forget(first);
            scope(|inner| {
                let mut second = inner.coroutine(leaving(&log, "inner child"));
                second.resume();
                mem::forget(second);
                panic!("from the inner closure");
            })
        })
    });
    assert_eq!(text(&payload), "from the inner closure");
    assert_eq!(log.take(), ["inner child", "outer child"]);
}

#[test]
fn a_scope_ends_its_children_while_the_thread_panics() {
    let log = Log::default();
    let payload = caught(|| {
        let _guard = OnDrop(|| {
            scope(|s| {
                mem::forget(s.coroutine(leaving(&log, "never runs")));
                let mut child = s.coroutine(|_: &Yielder<(), ()>, ()| log.push("ran"));
                assert_eq!(child.resume(), CoroutineState::Complete(()));
            });
            log.push("scope has ended");
        });
        panic!("around it");
    });
    assert_eq!(
        (text(&payload), log.take()),
        ("around it", events(["ran", "scope has ended"]))
    );
}

#[test]
fn a_scope_unwound_by_a_throw_ends_its_children() {
    let log = Log::default();
    let inside = log.clone();
    let mut host = Coroutine::new(move |_: &Yielder<(), ()>, ()| {
        let _guard = inside.guard("host");
        scope(|s| {
            let mut child = s.coroutine(leaving(&inside, "child"));
            child.resume();
            mem::forget(child);
            panic!("out of the host");
        });
    });
    assert_eq!(text(&caught(|| host.resume())), "out of the host");
    assert_eq!(
        (log.take(), host.status()),
        (events(["child", "host"]), Status::Done)
    );
}

#[test]
fn values_held_by_forgotten_children_are_dropped_once() {
    scope(|s| {
        let mut child = s.coroutine(|yielder: &Yielder<Counted, Counted>, first: Counted| {
            let _second = yielder.suspend(Counted::new(2));
            drop((yielder.suspend(Counted::new(4)), first));
        });
        drop(child.send(Counted::new(1)));
        drop(child.send(Counted::new(3)));
        assert_eq!(live(), 2);
        mem::forget(child);
    });
    assert_eq!(live(), 0);
}
