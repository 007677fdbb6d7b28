//! What `send`, `resume`, `try_send` and the accessors promise in each status: which side gets which value, and when.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::error::Error;
use std::rc::Rc;

use selvedge::coroutine::{Refused, Status};
use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::support::{Counted, Log, assert_sentence, live, sentence};

/// Sums the values that it is sent, suspends with each partial sum, and completes with the sum at a zero.
fn adder() -> Coroutine<u32, u32, u32> {
    Coroutine::new(|yielder: &Yielder<u32, u32>, first: u32| {
        let mut sum = first;
        loop {
            match yielder.suspend(sum) {
                0 => return sum,
                more => sum += more,
            }
        }
    })
}

#[test]
fn the_body_does_not_run_before_the_first_send() {
    let ran = Rc::new(Cell::new(false));
    let seen = Rc::clone(&ran);
    let mut coroutine = Coroutine::new(move |_: &Yielder<(), ()>, ()| seen.set(true));
    assert!(!ran.get());
    assert_eq!(coroutine.resume(), CoroutineState::Complete(()));
    assert!(ran.get());
}

#[test]
fn the_first_value_is_a_parameter_and_later_ones_are_returned() {
    let mut coroutine = adder();
    assert_eq!(coroutine.send(5), CoroutineState::Yielded(5));
    assert_eq!(coroutine.send(7), CoroutineState::Yielded(12));
    assert_eq!(coroutine.send(30), CoroutineState::Yielded(42));
    assert_eq!(coroutine.send(0), CoroutineState::Complete(42));
}

#[test]
fn control_alternates_strictly_between_resumer_and_body() {
    let log = Log::default();
    let inside = log.clone();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        inside.push("body 1");
        yielder.suspend(());
        inside.push("body 2");
        yielder.suspend(());
        inside.push("body 3");
    });
    log.push("resumer 1");
    coroutine.resume();
    log.push("resumer 2");
    coroutine.resume();
    log.push("resumer 3");
    coroutine.resume();
    assert_eq!(
        log.take(),
        [
            "resumer 1",
            "body 1",
            "resumer 2",
            "body 2",
            "resumer 3",
            "body 3"
        ]
    );
}

#[test]
fn a_body_that_never_suspends_completes_at_once() {
    let mut coroutine = Coroutine::new(|_: &Yielder<u8, ()>, first: u8| u32::from(first) + 1);
    assert_eq!(coroutine.send(41), CoroutineState::Complete(42));
    assert_eq!(coroutine.status(), Status::Done);
}

#[test]
fn status_follows_the_life() {
    let mut coroutine = adder();
    assert_eq!(coroutine.status(), Status::Unstarted);
    coroutine.send(1);
    assert_eq!(coroutine.status(), Status::Suspended);
    coroutine.send(1);
    assert_eq!(coroutine.status(), Status::Suspended);
    coroutine.send(0);
    assert_eq!(coroutine.status(), Status::Done);
}

#[test]
fn the_return_value_is_delivered_once() {
    let mut coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| Counted::new(9));
    let CoroutineState::Complete(value) = coroutine.resume() else {
        panic!("it never suspends")
    };
    assert_eq!((value.0, live()), (9, 1));
    assert!(coroutine.try_send(()).is_err());
    assert_eq!(
        coroutine
            .close()
            .expect("nothing to close")
            .map(|value: Counted| value.0),
        None
    );
    drop(coroutine);
    assert_eq!(live(), 1);
    drop(value);
    assert_eq!(live(), 0);
}

#[test]
fn sending_to_a_finished_coroutine_panics_and_drops_the_value() {
    let mut coroutine = Coroutine::new(|_: &Yielder<Counted, ()>, first: Counted| drop(first));
    coroutine.send(Counted::new(1));
    let value = Counted::new(2);
    let said = sentence(|| coroutine.send(value));
    assert!(said.contains("finished"), "{said}");
    assert_eq!((coroutine.status(), live()), (Status::Done, 0));
}

#[test]
fn resuming_a_finished_coroutine_panics_with_a_sentence() {
    let mut coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| ());
    coroutine.resume();
    let said = sentence(|| coroutine.resume());
    assert!(said.contains("finished"), "{said}");
}

#[test]
fn try_send_to_a_finished_coroutine_returns_the_value() {
    let mut coroutine = Coroutine::new(|_: &Yielder<Counted, ()>, first: Counted| drop(first));
    assert!(matches!(
        coroutine.try_send(Counted::new(1)),
        Ok(CoroutineState::Complete(()))
    ));
    for id in 2..5 {
        let Refused { value, status, .. } = coroutine
            .try_send(Counted::new(id))
            .expect_err("it is done");
        assert_eq!((value.0, status, live()), (id, Status::Done, 1));
    }
    assert_eq!(live(), 0);
}

#[test]
fn try_send_starts_and_resumes_like_send() {
    let mut coroutine = adder();
    assert_eq!(
        coroutine.try_send(1).expect("unstarted"),
        CoroutineState::Yielded(1)
    );
    assert_eq!(
        coroutine.try_send(2).expect("suspended"),
        CoroutineState::Yielded(3)
    );
    assert_eq!(
        coroutine.try_send(0).expect("suspended"),
        CoroutineState::Complete(3)
    );
}

#[test]
fn refusals_are_errors_that_need_no_debug_of_the_value() {
    struct Opaque;
    let mut coroutine = Coroutine::new(|_: &Yielder<Opaque, ()>, _: Opaque| ());
    coroutine.send(Opaque);
    let refused = coroutine.try_send(Opaque).expect_err("it is done");
    assert_sentence(&refused.to_string());
    assert!(format!("{refused:?}").contains("Done"), "{refused:?}");
    let error: Box<dyn Error> = Box::new(refused);
    assert!(error.source().is_none());
}

#[test]
fn a_name_is_kept_in_every_status() {
    let mut coroutine = Coroutine::builder()
        .name(String::from("tokenizer"))
        .build(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()))
        .expect("a stack");
    for status in [Status::Unstarted, Status::Suspended, Status::Done] {
        assert_eq!(
            (coroutine.status(), coroutine.name()),
            (status, Some("tokenizer"))
        );
        let _ = coroutine.try_send(());
    }
    assert_eq!(adder().name(), None);
}

#[test]
fn the_creation_site_is_the_callers_line_in_every_status() {
    let body = |yielder: &Yielder<(), ()>, ()| yielder.suspend(());
    let line = line!() + 1;
    let mut coroutine = Coroutine::new(body);
    for status in [Status::Unstarted, Status::Suspended, Status::Done] {
        let site = coroutine.created_at();
        assert_eq!((coroutine.status(), site.line()), (status, line));
        assert!(site.file().ends_with("protocol.rs"), "{site}");
        let _ = coroutine.try_send(());
    }
    let builder = Coroutine::builder();
    let line = line!() + 1;
    let built = builder.build(body).expect("a stack");
    assert_eq!(built.created_at().line(), line);
}

#[test]
fn debug_shows_name_status_and_creation_site_in_every_status() {
    let mut coroutine = Coroutine::builder()
        .name("weaver")
        .build(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()))
        .expect("a stack");
    let site = format!("protocol.rs:{}", coroutine.created_at().line());
    for status in ["Unstarted", "Suspended", "Done"] {
        let shown = format!("{coroutine:?}");
        for part in ["weaver", status, &site] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
        let _ = coroutine.try_send(());
    }
}

#[test]
fn debug_needs_nothing_of_the_value_types() {
    struct Opaque;
    let coroutine = Coroutine::new(|_: &Yielder<Opaque, Opaque>, first: Opaque| first);
    let shown = format!("{coroutine:?}");
    assert!(
        shown.contains("Unstarted") && shown.contains("protocol.rs"),
        "{shown}"
    );
    assert!(!format!("{:?}", Coroutine::builder().name("b")).is_empty());
}

#[test]
fn a_yielder_has_debug() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| format!("{yielder:?}"));
    assert!(!coroutine.resume().unwrap_complete().is_empty());
}

#[test]
fn states_take_apart_by_method() {
    let yielded: CoroutineState<u8, char> = CoroutineState::Yielded(3);
    let complete: CoroutineState<u8, char> = CoroutineState::Complete('c');
    assert_eq!((yielded.yielded(), yielded.complete()), (Some(3), None));
    assert_eq!((complete.yielded(), complete.complete()), (None, Some('c')));
    assert_eq!(
        (yielded.unwrap_yielded(), complete.unwrap_complete()),
        (3, 'c')
    );
    sentence(|| yielded.unwrap_complete());
    sentence(|| complete.unwrap_yielded());
    assert_eq!(HashSet::from([yielded, complete, yielded]).len(), 2);
    assert_eq!(
        format!("{yielded:?} {complete:?}"),
        "Yielded(3) Complete('c')"
    );
}

#[test]
fn statuses_are_distinct_and_printed() {
    let all = [
        Status::Unstarted,
        Status::Suspended,
        Status::Running,
        Status::Done,
    ];
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 4);
    let printed: HashSet<String> = all.iter().map(Status::to_string).collect();
    assert_eq!(printed.len(), 4, "{printed:?}");
    assert!(printed.iter().all(|text| !text.is_empty()));
    assert_eq!(format!("{all:?}"), "[Unstarted, Suspended, Running, Done]");
}

#[test]
fn stack_is_known_until_done() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
    assert!(coroutine.stack().is_some());
    coroutine.resume();
    assert!(coroutine.stack().is_some());
    coroutine.resume();
    assert!(
        coroutine.stack().is_none(),
        "the stack went back to the pool"
    );
}

#[test]
fn a_body_may_resume_other_coroutines_at_any_depth() {
    fn depth(level: u32) -> Coroutine<(), u32, u32> {
        Coroutine::new(move |yielder: &Yielder<(), u32>, ()| {
            if level == 0 {
                yielder.suspend(0);
                return 0;
            }
            let mut inner = depth(level - 1);
            while let CoroutineState::Yielded(value) = inner.resume() {
                yielder.suspend(value + 1);
            }
            level
        })
    }
    let mut outer = depth(50);
    assert_eq!(outer.resume(), CoroutineState::Yielded(50));
    assert_eq!(outer.resume(), CoroutineState::Complete(50));
}

#[test]
fn a_suspended_coroutine_may_be_moved_about_by_its_owner() {
    let mut first = adder();
    first.send(1);
    let mut boxed = [Box::new(first)];
    boxed[0].send(2);
    let mut second = adder();
    second.send(100);
    std::mem::swap(&mut *boxed[0], &mut second);
    assert_eq!(boxed[0].send(1), CoroutineState::Yielded(101));
    assert_eq!(second.send(1), CoroutineState::Yielded(4));
}

#[test]
fn a_coroutine_may_be_resumed_from_changing_coroutines() {
    let shared = Rc::new(RefCell::new(adder()));
    shared.borrow_mut().send(1);
    for step in 2..5 {
        let shared = Rc::clone(&shared);
        let mut resumer =
            Coroutine::new(move |_: &Yielder<(), ()>, ()| shared.borrow_mut().send(1));
        assert_eq!(
            resumer.resume(),
            CoroutineState::Complete(CoroutineState::Yielded(step))
        );
    }
    assert_eq!(shared.borrow_mut().send(0), CoroutineState::Complete(4));
}
