//! Delegation: while a coroutine delegates, its resumer's sends, throws and closes reach the inner coroutine.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use selvedge::coroutine::{Status, Thrown};
use selvedge::{Coroutine, CoroutineState, Generator, Yielder};

use crate::support::{Counted, Log, Payload, address, caught, events, hook_calls, live, text};

/// Delegates to `inner` with the first value and completes with ten times the value that `inner` returned.
fn delegating(mut inner: Coroutine<u32, u32, u32>) -> Coroutine<u32, u32, u32> {
    Coroutine::new(move |yielder: &Yielder<u32, u32>, first: u32| {
        yielder.delegate(&mut inner, first) * 10
    })
}

/// Suspends with each value that it is sent, plus one, until it is sent a zero; returns the number of echoes.
fn echo() -> Coroutine<u32, u32, u32> {
    Coroutine::new(|yielder: &Yielder<u32, u32>, first: u32| {
        let (mut value, mut count) = (first, 0);
        while value != 0 {
            value = yielder.suspend(value + 1);
            count += 1;
        }
        count
    })
}

#[test]
fn sends_reach_the_inner_coroutine_and_its_values_the_resumer() {
    let mut outer = delegating(echo());
    assert_eq!(outer.send(1), CoroutineState::Yielded(2));
    assert_eq!(outer.send(7), CoroutineState::Yielded(8));
    assert_eq!(outer.send(41), CoroutineState::Yielded(42));
    assert_eq!(outer.send(0), CoroutineState::Complete(30));
}

#[test]
fn an_inner_coroutine_that_returns_at_once_never_suspends() {
    let mut outer = delegating(Coroutine::new(|_: &Yielder<u32, u32>, first: u32| {
        first + 1
    }));
    assert_eq!(outer.send(4), CoroutineState::Complete(50));
}

#[test]
fn an_inner_coroutine_already_started_goes_on_where_it_was() {
    let mut inner = echo();
    assert_eq!(inner.send(5), CoroutineState::Yielded(6));
    let mut outer = delegating(inner);
    assert_eq!(outer.send(8), CoroutineState::Yielded(9));
    assert_eq!(outer.send(0), CoroutineState::Complete(20));
}

#[test]
fn delegation_goes_through_any_number_of_levels() {
    let mut outermost = (0..20).fold(echo(), |inner, _| {
        let mut inner = inner;
        Coroutine::new(move |yielder: &Yielder<u32, u32>, first: u32| {
            yielder.delegate(&mut inner, first) + 1
        })
    });
    assert_eq!(outermost.send(1), CoroutineState::Yielded(2));
    assert_eq!(outermost.send(2), CoroutineState::Yielded(3));
    assert_eq!(outermost.send(0), CoroutineState::Complete(22));
}

#[test]
fn a_throw_reaches_the_inner_coroutine_which_may_take_it() {
    let inner = Coroutine::new(|yielder: &Yielder<u32, u32>, _first: u32| {
        let Err(Thrown::Payload(payload)) = yielder.suspend_catching(1) else {
            panic!("something is thrown")
        };
        let sent = yielder.suspend(*payload.downcast::<u32>().expect("a number"));
        sent + 1
    });
    let mut outer = delegating(inner);
    assert_eq!(outer.send(0), CoroutineState::Yielded(1));
    assert_eq!(outer.throw(Box::new(33u32)), CoroutineState::Yielded(33));
    assert_eq!(outer.send(4), CoroutineState::Complete(50));
}

#[test]
fn an_uncaught_throw_unwinds_the_inner_coroutine_first() {
    let log = Log::default();
    let (inside, outside) = (log.clone(), log.clone());
    let mut inner = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _guard = inside.guard("inner");
        yielder.suspend(());
    });
    let mut outer = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _guard = outside.guard("outer");
        yielder.delegate(&mut inner, ());
    });
    outer.resume();
    let payload: Payload = Box::new("through both");
    let sent = address(&payload);
    let mut back = None;
    let calls = hook_calls(|| back = Some(caught(|| outer.throw(payload))));
    assert_eq!((back.as_ref().map(address), calls), (Some(sent), 0));
    assert_eq!(
        (log.take(), outer.status()),
        (events(["inner", "outer"]), Status::Done)
    );
}

#[test]
fn the_outer_body_may_catch_what_the_inner_one_does_not() {
    let mut inner = echo();
    let mut outer = Coroutine::new(move |yielder: &Yielder<u32, u32>, first: u32| {
        let payload = catch_unwind(AssertUnwindSafe(|| yielder.delegate(&mut inner, first)))
            .expect_err("thrown at");
        assert_eq!(inner.status(), Status::Done);
        yielder.suspend(text(&payload).len() as u32)
    });
    assert_eq!(outer.send(1), CoroutineState::Yielded(2));
    assert_eq!(outer.throw(Box::new("four")), CoroutineState::Yielded(4));
    assert_eq!(outer.send(5), CoroutineState::Complete(5));
}

#[test]
fn a_panic_of_the_inner_coroutine_goes_on_in_the_outer_one() {
    let mut outer = delegating(Coroutine::new(
        |yielder: &Yielder<u32, u32>, _first: u32| {
            yielder.suspend(1);
            panic!("further in")
        },
    ));
    outer.send(1);
    let calls = hook_calls(|| assert_eq!(text(&caught(|| outer.send(2))), "further in"));
    assert_eq!((calls, outer.status()), (1, Status::Done));
}

#[test]
fn a_close_unwinds_the_inner_coroutine_before_the_outer() {
    let log = Log::default();
    let (inside, outside) = (log.clone(), log.clone());
    let seen = Rc::new(Cell::new(None));
    let status = Rc::clone(&seen);
    let mut inner = Coroutine::new(move |yielder: &Yielder<(), Counted>, ()| {
        let _guard = inside.guard("inner");
        yielder.suspend(Counted::new(1));
    });
    let mut outer = Coroutine::new(move |yielder: &Yielder<(), Counted>, ()| {
        let _guard = outside.guard("outer");
        let ended = catch_unwind(AssertUnwindSafe(|| yielder.delegate(&mut inner, ())));
        status.set(Some(inner.status()));
        ended.unwrap_or_else(|payload| std::panic::resume_unwind(payload));
    });
    drop(outer.resume());
    let calls = hook_calls(|| assert_eq!(outer.close().expect("both unwind"), None));
    assert_eq!((log.take(), calls), (events(["inner", "outer"]), 0));
    assert_eq!(
        (seen.get(), outer.status(), live()),
        (Some(Status::Done), Status::Done, 0)
    );
}

#[test]
fn delegation_continues_after_an_ignored_close() {
    let inner = Coroutine::new(|yielder: &Yielder<u32, u32>, _first: u32| {
        assert!(matches!(yielder.suspend_catching(1), Err(Thrown::Close)));
        let sent = yielder.suspend(2);
        yielder.suspend(sent * 2)
    });
    let mut outer = delegating(inner);
    assert_eq!(outer.send(0), CoroutineState::Yielded(1));
    assert_eq!(
        outer
            .close()
            .expect_err("the inner one suspends")
            .into_value(),
        Some(2)
    );
    assert_eq!(outer.status(), Status::Suspended);
    assert_eq!(outer.send(21), CoroutineState::Yielded(42));
    assert_eq!(outer.send(3), CoroutineState::Complete(30));
}

#[test]
fn a_throw_after_an_ignored_close_reaches_the_inner_coroutine() {
    let inner = Coroutine::new(|yielder: &Yielder<u32, u32>, _first: u32| {
        assert!(matches!(yielder.suspend_catching(1), Err(Thrown::Close)));
        assert!(matches!(
            yielder.suspend_catching(2),
            Err(Thrown::Payload(_))
        ));
        7
    });
    let mut outer = delegating(inner);
    outer.send(0);
    outer.close().expect_err("the inner one suspends");
    assert_eq!(outer.throw(Box::new(())), CoroutineState::Complete(70));
}

#[test]
fn an_inner_return_during_a_close_ends_the_outer_coroutine_too() {
    let returned = Rc::new(Cell::new(false));
    let seen = Rc::clone(&returned);
    let inner = Coroutine::new(move |yielder: &Yielder<u32, u32>, _first: u32| {
        assert!(matches!(yielder.suspend_catching(1), Err(Thrown::Close)));
        seen.set(true);
        7
    });
    let mut outer = delegating(inner);
    outer.send(0);
    assert_eq!(
        outer.close().expect("neither suspends"),
        None,
        "what ends the inner one ends the outer one"
    );
    assert_eq!((returned.get(), outer.status()), (true, Status::Done));
}

#[test]
fn dropping_a_delegating_coroutine_closes_both() {
    let log = Log::default();
    let (inside, outside) = (log.clone(), log.clone());
    let mut outer = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _guard = outside.guard("outer");
        let mut inner = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
            let _guard = inside.guard("inner");
            yielder.suspend(());
        });
        yielder.delegate(&mut inner, ());
    });
    outer.resume();
    drop(outer);
    assert_eq!(log.take(), ["inner", "outer"]);
}

#[test]
fn delegating_to_a_finished_coroutine_is_misuse_with_a_sentence() {
    let mut inner = Coroutine::new(|_: &Yielder<u32, u32>, first: u32| first);
    inner.send(1);
    let mut outer = delegating(inner);
    let payload = caught(|| outer.send(2));
    assert!(text(&payload).contains("finished"), "{}", text(&payload));
    assert_eq!(outer.status(), Status::Done);
}

#[test]
fn yield_from_suspends_with_every_item_of_anything_iterable() {
    let generator = Generator::new(|yielder: &Yielder<(), u32>| {
        yielder.yield_from([1, 2]);
        yielder.yield_from(Vec::new());
        yielder.yield_from(Some(3));
        yielder.yield_from((4..6).map(|n| n * 10));
    });
    assert_eq!(generator.collect::<Vec<_>>(), [1, 2, 3, 40, 50]);
}

#[test]
fn closing_drops_the_iterator_under_yield_from() {
    let mut generator = Generator::new(|yielder: &Yielder<(), Counted>| {
        yielder.yield_from(vec![Counted::new(1), Counted::new(2), Counted::new(3)]);
    });
    drop(generator.next());
    assert_eq!(live(), 2);
    generator.close().expect("it unwinds");
    assert_eq!(live(), 0);
}

#[test]
fn closing_reaches_a_generator_under_yield_from() {
    let log = Log::default();
    let inside = log.clone();
    let mut outer = Generator::new(move |yielder: &Yielder<(), u8>| {
        let inner = Generator::new(move |yielder: &Yielder<(), u8>| {
            let _guard = inside.guard("inner");
            yielder.suspend(1);
        });
        yielder.yield_from(inner);
    });
    assert_eq!(outer.next(), Some(1));
    outer.close().expect("both unwind");
    assert_eq!(log.take(), ["inner"]);
}

#[test]
fn a_throw_under_yield_from_surfaces_in_the_body_that_called_it() {
    let mut generator = Generator::new(|yielder: &Yielder<(), u32>| {
        assert!(catch_unwind(AssertUnwindSafe(|| yielder.yield_from(0..))).is_err());
        yielder.suspend(99);
    });
    assert_eq!((generator.next(), generator.next()), (Some(0), Some(1)));
    assert_eq!(generator.throw(Box::new("enough")), Some(99));
    assert_eq!(generator.next(), None);
}
