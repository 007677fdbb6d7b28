//! A yielder used where its coroutine can't suspend panics with a sentence and changes nothing; a second owner and a
//! finished coroutine get defined errors as well.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use selvedge::coroutine::{Status, on_stack, scope};
use selvedge::{Coroutine, CoroutineState, Generator, Yielder};

use crate::support::{Counted, caught, hook_calls, live, sentence, text};

/// Suspends through `yielder`, which must be refused: the value is dropped once, and one panic states the reason.
fn assert_refused(yielder: &Yielder<(), Counted>) {
    let before = live();
    let calls = hook_calls(|| {
        let said = sentence(|| yielder.suspend(Counted::new(99)));
        assert!(said.contains("suspend"), "{said}");
    });
    assert_eq!((calls, live()), (1, before));
    let said = sentence(|| yielder.suspend_catching(Counted::new(99)).is_ok());
    assert!(said.contains("suspend"), "{said}");
    assert_eq!(live(), before);
}

/// A coroutine that calls `misuse` with its yielder between two suspensions, which must work.
fn misusing(
    misuse: impl FnOnce(&Yielder<(), Counted>) + 'static,
) -> Coroutine<(), Counted, &'static str> {
    Coroutine::new(move |yielder: &Yielder<(), Counted>, ()| {
        yielder.suspend(Counted::new(1));
        misuse(yielder);
        yielder.suspend(Counted::new(2));
        "still works"
    })
}

fn assert_goes_on(mut coroutine: Coroutine<(), Counted, &'static str>) {
    assert_eq!(coroutine.resume(), CoroutineState::Yielded(Counted::new(1)));
    assert_eq!(coroutine.resume(), CoroutineState::Yielded(Counted::new(2)));
    assert_eq!(coroutine.resume(), CoroutineState::Complete("still works"));
    assert_eq!((coroutine.status(), live()), (Status::Done, 0));
}

/// The address of the outer yielder, as careless unsafe code or a scoped thread-local may carry it around.
#[derive(Clone, Copy)]
struct Smuggled(*const Yielder<(), Counted>);

// SAFETY: only so that the test can present it on another thread, where every use must be refused.
unsafe impl Send for Smuggled {}

impl Smuggled {
    fn assert_refused(self) {
        // SAFETY: every test keeps the body whose parameter this is alive meanwhile.
        assert_refused(unsafe { &*self.0 });
    }
}

#[test]
fn the_outer_yielder_is_refused_in_an_inner_coroutine() {
    assert_goes_on(misusing(|outer| {
        let smuggled = Smuggled(outer);
        let mut inner = Coroutine::new(move |own: &Yielder<(), u8>, ()| {
            smuggled.assert_refused();
            own.suspend(1);
            smuggled.assert_refused();
            2
        });
        assert_eq!(inner.resume(), CoroutineState::Yielded(1));
        assert_eq!(inner.resume(), CoroutineState::Complete(2));
    }));
}

#[test]
fn the_outer_yielder_is_refused_at_any_depth() {
    fn descend(smuggled: Smuggled, depth: usize) {
        let mut inner = Coroutine::new(move |_: &Yielder<(), ()>, ()| {
            smuggled.assert_refused();
            if depth > 0 {
                descend(smuggled, depth - 1);
            }
            smuggled.assert_refused();
        });
        assert_eq!(inner.resume(), CoroutineState::Complete(()));
    }
    assert_goes_on(misusing(|outer| descend(Smuggled(outer), 10)));
}

#[test]
fn the_outer_yielder_is_refused_in_a_scoped_child() {
    assert_goes_on(misusing(|outer| {
        scope(|s| {
            let mut child = s.coroutine(|own: &Yielder<(), u8>, ()| {
                assert_refused(outer);
                own.suspend(1);
                assert_refused(outer);
            });
            assert_eq!(child.resume(), CoroutineState::Yielded(1));
            assert_eq!(child.resume(), CoroutineState::Complete(()));
        });
    }));
}

#[test]
fn a_yielder_is_refused_on_another_stack() {
    assert_goes_on(misusing(|yielder| {
        on_stack(64 * 1024, || {
            assert_refused(yielder);
            on_stack(64 * 1024, || assert_refused(yielder));
        });
    }));
}

#[test]
fn the_panic_of_a_refusal_passes_the_other_stack_like_any_panic() {
    assert_goes_on(misusing(|yielder| {
        let said = sentence(|| on_stack(64 * 1024, || yielder.suspend(Counted::new(5))));
        assert!(said.contains("suspend"), "{said}");
    }));
}

#[test]
fn a_yielder_is_refused_on_another_stack_in_an_inner_coroutine() {
    assert_goes_on(misusing(|outer| {
        let smuggled = Smuggled(outer);
        let mut inner = Coroutine::new(move |own: &Yielder<(), Counted>, ()| {
            let own = Smuggled(own);
            on_stack(64 * 1024, || {
                own.assert_refused();
                smuggled.assert_refused();
            });
        });
        assert_eq!(inner.resume(), CoroutineState::Complete(()));
    }));
}

#[test]
fn a_coroutine_resumed_on_another_stack_suspends_as_usual() {
    assert_goes_on(misusing(|_| {
        let mut inner = Coroutine::new(|own: &Yielder<u8, u8>, first: u8| own.suspend(first + 1));
        assert_eq!(
            on_stack(64 * 1024, || inner.send(1)),
            CoroutineState::Yielded(2)
        );
        assert_eq!(inner.send(3), CoroutineState::Complete(3));
    }));
}

#[test]
fn a_host_may_suspend_again_after_its_scope() {
    assert_goes_on(misusing(|yielder| {
        scope(|s| {
            assert_refused(yielder);
            let mut child = s.coroutine(|own: &Yielder<(), ()>, ()| own.suspend(()));
            child.resume();
            assert_refused(yielder);
            scope(|_| assert_refused(yielder));
            assert_refused(yielder);
        });
    }));
}

#[test]
fn a_scoped_host_with_an_open_scope_is_refused_like_any_other() {
    scope(|outer| {
        let mut host = outer.coroutine(|yielder: &Yielder<(), Counted>, ()| {
            yielder.suspend(Counted::new(1));
            scope(|_| assert_refused(yielder));
            yielder.suspend(Counted::new(2));
        });
        assert_eq!(host.resume(), CoroutineState::Yielded(Counted::new(1)));
        assert_eq!(host.resume(), CoroutineState::Yielded(Counted::new(2)));
        assert_eq!(host.resume(), CoroutineState::Complete(()));
    });
}

#[test]
fn a_host_whose_scope_unwound_may_suspend_again() {
    assert_goes_on(misusing(|yielder| {
        let payload = caught(|| {
            scope(|_| {
                assert_refused(yielder);
                panic!("out of a scope");
            })
        });
        assert_eq!(text(&payload), "out of a scope");
    }));
}

#[test]
fn a_refusal_may_unwind_the_scope_that_caused_it() {
    assert_goes_on(misusing(|yielder| {
        let said = sentence(|| scope(|_| yielder.suspend(Counted::new(5))));
        assert!(said.contains("scope"), "{said}");
    }));
}

#[test]
fn an_outer_scope_does_not_stop_an_inner_coroutines_suspension() {
    assert_goes_on(misusing(|_| {
        scope(|s| {
            let mut child = s.coroutine(|_: &Yielder<(), ()>, ()| {
                let mut inner = Coroutine::new(|own: &Yielder<(), u8>, ()| own.suspend(1));
                assert_eq!(inner.resume(), CoroutineState::Yielded(1));
            });
            child.resume();
        });
    }));
}

/// A suspended coroutine, and its yielder's address. It suspends once more before it completes.
fn publishing() -> (Coroutine<(), Counted, &'static str>, Smuggled) {
    let published = Rc::new(Cell::new(None));
    let inside = Rc::clone(&published);
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), Counted>, ()| {
        inside.set(Some(Smuggled(yielder)));
        yielder.suspend(Counted::new(0));
        yielder.suspend(Counted::new(1));
        yielder.suspend(Counted::new(2));
        "still works"
    });
    drop(coroutine.resume());
    (coroutine, published.get().expect("the body has run"))
}

#[test]
fn a_suspended_coroutines_yielder_is_refused_at_its_resumer() {
    let (coroutine, smuggled) = publishing();
    smuggled.assert_refused();
    on_stack(64 * 1024, || smuggled.assert_refused());
    assert_goes_on(coroutine);
}

#[test]
fn a_suspended_coroutines_yielder_is_refused_in_a_sibling() {
    let (coroutine, smuggled) = publishing();
    let (sibling, other) = publishing();
    let mut user = misusing(move |_| {
        smuggled.assert_refused();
        other.assert_refused();
    });
    while user.resume().yielded().is_some() {}
    assert_goes_on(coroutine);
    assert_goes_on(sibling);
}

#[test]
fn a_yielder_is_refused_on_another_thread() {
    assert_goes_on(misusing(|yielder| {
        let smuggled = Smuggled(yielder);
        let there = std::thread::spawn(move || {
            smuggled.assert_refused();
            let mut local = misusing(move |_| smuggled.assert_refused());
            while local.resume().yielded().is_some() {}
        });
        there.join().expect("refused there, too");
    }));
}

#[test]
fn another_coroutines_yielder_is_refused_by_delegation_too() {
    assert_goes_on(misusing(|yielder| {
        let mut inner = Coroutine::new(|own: &Yielder<(), Counted>, ()| {
            drop(own.suspend_catching(Counted::new(7)))
        });
        sentence(|| on_stack(64 * 1024, || yielder.delegate(&mut inner, ())));
        assert_eq!(inner.status(), Status::Unstarted, "nothing was switched");
        sentence(|| {
            on_stack(64 * 1024, || {
                yielder.yield_from([Counted::new(8), Counted::new(9)])
            })
        });
        drop(inner);
        assert_eq!(live(), 0);
    }));
}

#[test]
fn sending_to_a_running_coroutine_panics_and_does_no_harm() {
    let shared = Rc::new(RefCell::new(None::<Coroutine<(), u8, u8>>));
    let own = Rc::clone(&shared);
    *shared.borrow_mut() = Some(Coroutine::new(move |yielder: &Yielder<(), u8>, ()| {
        for _ in 0..3 {
            caught(|| own.borrow_mut().as_mut().map(Coroutine::resume));
            caught(|| own.borrow_mut().as_mut().map(|own| own.throw(Box::new(()))));
            caught(|| own.borrow_mut().as_mut().map(|own| own.close().is_ok()));
            caught(|| drop(own.borrow_mut().take()));
        }
        yielder.suspend(1);
        2
    }));
    let resume = || shared.borrow_mut().as_mut().map(Coroutine::resume);
    assert_eq!(resume(), Some(CoroutineState::Yielded(1)));
    assert_eq!(resume(), Some(CoroutineState::Complete(2)));
    shared.borrow_mut().take();
    assert_eq!(Rc::strong_count(&shared), 1);
}

#[test]
fn iterating_a_running_generator_panics_and_does_no_harm() {
    let shared = Rc::new(RefCell::new(None::<Generator<u8>>));
    let own = Rc::clone(&shared);
    *shared.borrow_mut() = Some(Generator::new(move |yielder: &Yielder<(), u8>| {
        caught(|| own.borrow_mut().as_mut().and_then(Iterator::next));
        yielder.suspend(1);
    }));
    let next = || shared.borrow_mut().as_mut().and_then(Iterator::next);
    assert_eq!((next(), next(), next()), (Some(1), None, None));
}

#[test]
fn sending_to_a_finished_coroutine_is_always_refused() {
    let suspending = || {
        Coroutine::new(|yielder: &Yielder<Counted, ()>, _first: Counted| drop(yielder.suspend(())))
    };
    let mut returned = Coroutine::new(|_: &Yielder<Counted, ()>, _first: Counted| ());
    returned.send(Counted::new(1));
    let mut panicked = Coroutine::new(|_: &Yielder<Counted, ()>, _first: Counted| panic!("ended"));
    caught(|| panicked.send(Counted::new(1)));
    let mut thrown_at = suspending();
    thrown_at.send(Counted::new(1));
    caught(|| thrown_at.throw(Box::new(())));
    let mut never_started = suspending();
    caught(|| never_started.throw(Box::new(())));
    let mut closed = suspending();
    closed.send(Counted::new(1));
    closed.close().expect("it unwinds");
    let mut closed_early = suspending();
    closed_early.close().expect("nothing to unwind");
    for coroutine in [
        &mut returned,
        &mut panicked,
        &mut thrown_at,
        &mut never_started,
        &mut closed,
        &mut closed_early,
    ] {
        assert_eq!(coroutine.status(), Status::Done);
        let refused = coroutine.try_send(Counted::new(2)).expect_err("it is done");
        assert_eq!((refused.value.0, refused.status), (2, Status::Done));
        drop(refused);
        assert!(sentence(|| coroutine.send(Counted::new(3))).contains("finished"));
        assert_eq!(live(), 0);
    }
}
