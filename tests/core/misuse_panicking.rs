//! No coroutine suspends while the thread panics, whichever code panicked: the coroutine would carry the unwind away,
//! and other coroutines would believe that they panic.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Mutex;
use std::thread::panicking;

use selvedge::coroutine::Status;
use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::support::{
    Counted, Log, OnDrop, assert_sentence, caught, events, hook_calls, live, text,
};

/// The outcomes of a destructor's attempts to suspend in both ways, one entry an attempt: the panic's text or the value
/// returned, and whether everything else was unchanged. They are checked outside, since a panic in the destructor
/// itself would abort.
#[derive(Clone, Default)]
struct Tries(Rc<RefCell<Vec<String>>>);

impl Tries {
    fn try_to_suspend(&self, yielder: &Yielder<(), Counted>) {
        let before = (live(), panicking());
        let said = match catch_unwind(AssertUnwindSafe(|| yielder.suspend(Counted::new(99)))) {
            Ok(()) => "it suspended".to_owned(),
            Err(payload) => payload
                .downcast_ref::<String>()
                .cloned()
                .unwrap_or_else(|| {
                    payload
                        .downcast_ref::<&str>()
                        .map_or("a panic without a text", |text| text)
                        .to_owned()
                }),
        };
        self.note(said, before);
        let thrown = yielder.suspend_catching(Counted::new(98));
        self.note(format!("{thrown:?}"), before);
    }

    fn note(&self, said: String, before: (isize, bool)) {
        let untouched = before == (live(), true);
        self.0.borrow_mut().push(if untouched {
            said
        } else {
            format!("{said}, and something changed")
        });
    }

    /// Asserts that each of `n_tries` was refused by a sentence and by `Thrown::Panicking`.
    #[track_caller]
    fn assert_refused(&self, n_tries: usize) {
        let tries = self.0.take();
        assert_eq!(tries.len(), 2 * n_tries, "{tries:?}");
        for said in tries.chunks(2) {
            assert_sentence(&said[0]);
            assert!(
                said[0].contains("suspend") && said[0].contains("panicking"),
                "{said:?}"
            );
            assert_eq!(said[1], "Err(Panicking)");
        }
    }
}

#[test]
fn a_destructor_cannot_suspend_while_its_body_panics() {
    let tries = Tries::default();
    let inside = tries.clone();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), Counted>, ()| {
        yielder.suspend(Counted::new(1));
        let payload = caught(|| {
            let _guard = OnDrop(|| inside.try_to_suspend(yielder));
            panic!("of the body");
        });
        assert_eq!((text(&payload), panicking()), ("of the body", false));
        yielder.suspend(Counted::new(2));
        "still works"
    });
    assert_eq!(coroutine.resume(), CoroutineState::Yielded(Counted::new(1)));
    assert_eq!(coroutine.resume(), CoroutineState::Yielded(Counted::new(2)));
    assert_eq!(coroutine.resume(), CoroutineState::Complete("still works"));
    assert_eq!(live(), 0);
    tries.assert_refused(1);
}

/// Suspends once, and tries to suspend in a destructor when something unwinds that suspension.
fn trying(tries: &Tries) -> Coroutine<(), Counted, ()> {
    let tries = tries.clone();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), Counted>, ()| {
        let _guard = OnDrop(|| tries.try_to_suspend(yielder));
        yielder.suspend(Counted::new(1));
    });
    drop(coroutine.resume());
    coroutine
}

#[test]
fn a_destructor_cannot_suspend_while_its_coroutine_is_closed() {
    let tries = Tries::default();
    let mut coroutine = trying(&tries);
    assert!(coroutine.close().expect("the close goes on").is_none());
    assert_eq!(
        (coroutine.status(), panicking(), live()),
        (Status::Done, false, 0)
    );
    drop(trying(&tries));
    tries.assert_refused(2);
}

#[test]
fn a_destructor_cannot_suspend_during_a_throw() {
    let tries = Tries::default();
    let mut coroutine = trying(&tries);
    let payload = caught(|| coroutine.throw(Box::new("thrown")));
    assert_eq!(
        (text(&payload), coroutine.status(), live()),
        ("thrown", Status::Done, 0)
    );
    tries.assert_refused(1);
}

#[test]
fn a_coroutine_resumed_while_panicking_runs_but_cannot_suspend() {
    let tries = Tries::default();
    let inside = tries.clone();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), Counted>, ()| {
        yielder.suspend(Counted::new(1));
        inside.try_to_suspend(yielder);
        "to the end"
    });
    drop(coroutine.resume());
    let mut state = None;
    let payload = caught(|| {
        let _guard = OnDrop(|| state = Some(coroutine.resume()));
        panic!("of the resumer");
    });
    assert_eq!(
        (text(&payload), state),
        (
            "of the resumer",
            Some(CoroutineState::Complete("to the end"))
        )
    );
    tries.assert_refused(1);
}

#[test]
fn a_body_that_lets_the_refusal_through_panics_at_its_resumer() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), Counted>, ()| {
        yielder.suspend(Counted::new(1));
        yielder.suspend(Counted::new(2));
    });
    drop(coroutine.resume());
    let mut resumed = None;
    let payload = caught(|| {
        let _guard =
            OnDrop(|| resumed = Some(catch_unwind(AssertUnwindSafe(|| coroutine.resume()))));
        panic!("of the resumer");
    });
    assert_eq!(
        (text(&payload), coroutine.status(), live()),
        ("of the resumer", Status::Done, 0)
    );
    let refusal = resumed
        .expect("the destructor ran")
        .expect_err("it can't suspend");
    assert_sentence(text(&refusal));
}

#[test]
fn a_coroutine_started_by_a_destructor_cannot_suspend() {
    let tries = Tries::default();
    let mut state = None;
    caught(|| {
        let _guard = OnDrop(|| {
            let inside = tries.clone();
            let mut fresh = Coroutine::new(move |yielder: &Yielder<(), Counted>, ()| {
                inside.try_to_suspend(yielder);
                7
            });
            state = Some(fresh.resume());
        });
        panic!("of the thread");
    });
    assert_eq!((state, live()), (Some(CoroutineState::Complete(7)), 0));
    tries.assert_refused(1);
}

#[test]
fn a_catch_inside_a_destructor_does_not_permit_suspending() {
    let tries = Tries::default();
    let inside = tries.clone();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), Counted>, ()| {
        let payload = caught(|| {
            let _guard = OnDrop(|| {
                caught(|| panic!("a second one"));
                inside.try_to_suspend(yielder);
            });
            panic!("the first one");
        });
        assert_eq!(text(&payload), "the first one");
        yielder.suspend(Counted::new(1));
    });
    assert!(coroutine.resume().yielded().is_some());
    assert_eq!(coroutine.resume().complete(), Some(()));
    tries.assert_refused(1);
}

#[test]
fn delegation_is_refused_while_panicking() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), Counted>, ()| {
        let mut inner = Coroutine::new(|own: &Yielder<(), Counted>, ()| {
            drop(own.suspend_catching(Counted::new(3)))
        });
        drop(inner.resume());
        let (mut yielded_from, mut delegated) = (None, None);
        caught(|| {
            let _guard = OnDrop(|| {
                let items = [Counted::new(1), Counted::new(2)];
                yielded_from = Some(catch_unwind(AssertUnwindSafe(|| yielder.yield_from(items))));
                delegated = Some(catch_unwind(AssertUnwindSafe(|| {
                    yielder.delegate(&mut inner, ())
                })));
            });
            panic!("of the body");
        });
        assert_sentence(text(&yielded_from.expect("tried").expect_err("refused")));
        assert!(delegated.is_some());
        drop(inner);
        assert_eq!(live(), 0);
        yielder.suspend(Counted::new(1));
    });
    assert!(coroutine.resume().yielded().is_some());
}

/// Panics, tries to suspend in a destructor during the unwind, and catches the panic.
fn panicking_inside(tries: &Tries) -> Coroutine<(), Counted, ()> {
    let tries = tries.clone();
    Coroutine::new(move |yielder: &Yielder<(), Counted>, ()| {
        caught(|| {
            let _guard = OnDrop(|| tries.try_to_suspend(yielder));
            panic!("of the body");
        });
    })
}

/// Holds the guard of a mutex over a suspension.
fn holding(mutex: &Rc<Mutex<u32>>) -> Coroutine<(), bool, bool> {
    let mutex = Rc::clone(mutex);
    Coroutine::new(move |yielder: &Yielder<(), bool>, ()| {
        let mut guard = mutex.lock().expect("not poisoned yet");
        yielder.suspend(panicking());
        *guard += 1;
        panicking()
    })
}

#[test]
fn other_coroutines_poison_nothing_after_a_refused_suspension() {
    let mutex = Rc::new(Mutex::new(0));
    let mut neighbour = holding(&mutex);
    assert_eq!(neighbour.resume(), CoroutineState::Yielded(false));
    let tries = Tries::default();
    panicking_inside(&tries).resume();
    drop(trying(&tries));
    caught(|| trying(&tries).throw(Box::new(())));
    assert_eq!(tries.0.borrow().len(), 6);
    assert_eq!(neighbour.resume(), CoroutineState::Complete(false));
    assert_eq!(*mutex.lock().expect("not poisoned"), 1);
    let mut later = holding(&mutex);
    assert_eq!(later.resume(), CoroutineState::Yielded(false));
    assert_eq!(later.resume(), CoroutineState::Complete(false));
    assert!(!mutex.is_poisoned());
}

#[test]
fn a_real_panic_still_poisons_after_a_refused_suspension() {
    let mutex = Rc::new(Mutex::new(0));
    panicking_inside(&Tries::default()).resume();
    let inside = Rc::clone(&mutex);
    let mut panics = Coroutine::new(move |_: &Yielder<(), ()>, ()| {
        let _guard = inside.lock().expect("not poisoned yet");
        panic!("with the guard held");
    });
    caught(|| panics.resume());
    assert!(mutex.is_poisoned());
}

#[test]
fn the_resumers_panic_poisons_no_mutex_of_a_suspended_coroutine() {
    let mutex = Rc::new(Mutex::new(0));
    let mut neighbour = holding(&mutex);
    neighbour.resume();
    let log = Log::default();
    let payload = caught(|| {
        let _outlived = log.guard("unwound");
        panic!("beside a held mutex");
    });
    assert_eq!(
        (text(&payload), log.take()),
        ("beside a held mutex", events(["unwound"]))
    );
    assert_eq!(neighbour.resume(), CoroutineState::Complete(false));
    assert!(!mutex.is_poisoned());
}

#[test]
fn many_closes_leave_the_panic_count_unchanged() {
    let calls = hook_calls(|| {
        for _ in 0..100 {
            let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
            coroutine.resume();
            drop(coroutine);
            assert!(!panicking());
        }
    });
    assert_eq!(calls, 0);
}
