//! A handle whose coroutine has ended, or is running, reports its own coroutine: never the next owner of its stack, and
//! never by touching freed memory.

use std::cell::RefCell;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use selvedge::coroutine::{ScopedCoroutine, Status, scope};
use selvedge::stack::{pool_stats, set_pool_watermark, trim_pool};
use selvedge::{Coroutine, CoroutineState, Generator, Yielder};

use crate::support::{Counted, OnDrop, address, assert_sentence, live, on_fresh_thread, text};

fn named(name: &str) -> Coroutine<u32, u32, u32> {
    let body = |yielder: &Yielder<u32, u32>, first: u32| yielder.suspend(first) + 1;
    Coroutine::builder()
        .name(name)
        .build(body)
        .expect("a stack")
}

fn finished(name: &str) -> Coroutine<u32, u32, u32> {
    let mut coroutine = named(name);
    coroutine.send(1);
    coroutine.send(2);
    coroutine
}

/// Checks every accessor of a finished coroutine.
fn assert_done(coroutine: &mut Coroutine<u32, u32, u32>, name: &str) {
    assert_eq!(
        (coroutine.status(), coroutine.name()),
        (Status::Done, Some(name))
    );
    assert!(coroutine.created_at().file().ends_with("stale.rs"));
    let shown = format!("{coroutine:?}");
    assert!(shown.contains(name) && shown.contains("Done"), "{shown}");
    assert!(coroutine.stack().is_none());
    assert_eq!(coroutine.try_send(7).expect_err("it is done").value, 7);
    assert!(coroutine.try_throw(Box::new(())).is_err());
    assert_eq!(coroutine.close().expect("nothing to do"), None);
}

#[test]
fn a_finished_handle_ignores_the_next_owner_of_its_stack() {
    on_fresh_thread(|| {
        let mut old = finished("old");
        let mut new = named("new");
        assert_eq!(
            (pool_stats().n_live, pool_stats().n_reused),
            (1, 1),
            "the new one has the old one's stack"
        );
        assert_eq!(new.send(5), CoroutineState::Yielded(5));
        assert_done(&mut old, "old");
        drop(old);
        assert_eq!((new.status(), new.name()), (Status::Suspended, Some("new")));
        assert_eq!(new.send(6), CoroutineState::Complete(7));
    });
}

#[test]
fn a_finished_handle_outlives_the_memory_of_its_stack() {
    on_fresh_thread(|| {
        let mut returned = finished("returned");
        let mut closed = named("closed");
        closed.send(1);
        closed.close().expect("it unwinds");
        let mut unstarted = named("unstarted");
        unstarted.close().expect("nothing to unwind");
        trim_pool();
        assert_eq!(pool_stats().mapped_bytes, 0);
        assert_done(&mut returned, "returned");
        assert_done(&mut closed, "closed");
        assert_done(&mut unstarted, "unstarted");
        drop((returned, closed, unstarted));
        assert_eq!(pool_stats().n_live, 0);
    });
}

#[test]
fn a_finished_generator_outlives_the_memory_of_its_stack() {
    on_fresh_thread(|| {
        let mut generator = Generator::new(|yielder: &Yielder<(), u8>| yielder.suspend(1));
        assert_eq!(generator.by_ref().count(), 1);
        trim_pool();
        assert_eq!(
            (generator.next(), generator.status(), generator.name()),
            (None, Status::Done, None)
        );
        assert!(format!("{generator:?}").contains("Done"));
        let mut coroutine = generator.into_coroutine();
        assert!(coroutine.try_send(()).is_err());
    });
}

#[test]
fn a_stack_unmapped_at_once_leaves_no_trace() {
    on_fresh_thread(|| {
        set_pool_watermark(0);
        for round in 0..50 {
            let mut returned = named("returned");
            returned.send(round);
            returned.send(round);
            let mut panicked = Coroutine::new(|_: &Yielder<(), ()>, ()| panic!("at the end"));
            assert!(catch_unwind(AssertUnwindSafe(|| panicked.resume())).is_err());
            let mut closed = named("closed");
            closed.send(round);
            closed.close().expect("it unwinds");
            assert_eq!(pool_stats().n_warm, 0);
            assert_done(&mut returned, "returned");
            assert_done(&mut closed, "closed");
        }
    });
}

#[test]
fn a_coroutine_may_trim_the_pool_that_it_runs_on() {
    on_fresh_thread(|| {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), u64>, ()| {
            let kept: [u64; 64] = std::array::from_fn(|index| index as u64);
            for _ in 0..3 {
                let others: Vec<_> = (0..40).map(|_| finished("other")).collect();
                set_pool_watermark(0);
                trim_pool();
                yielder.suspend(kept[63]);
                drop(others);
            }
            trim_pool();
            kept.iter().sum::<u64>()
        });
        for _ in 0..3 {
            assert_eq!(coroutine.resume(), CoroutineState::Yielded(63));
            trim_pool();
        }
        assert_eq!(coroutine.resume(), CoroutineState::Complete(2016));
    });
}

#[test]
fn a_finished_scoped_handle_ignores_its_stacks_next_owner() {
    on_fresh_thread(|| {
        scope(|s| {
            let mut old = s.coroutine(|_: &Yielder<u32, u32>, first: u32| first);
            assert_eq!(old.send(1), CoroutineState::Complete(1));
            let mut new =
                s.coroutine(|yielder: &Yielder<u32, u32>, first: u32| yielder.suspend(first));
            new.send(2);
            assert_eq!(
                (old.status(), new.status()),
                (Status::Done, Status::Suspended)
            );
            assert_eq!(
                old.try_send(3).expect_err("it is done").status,
                Status::Done
            );
            mem::swap(&mut old, &mut new);
            assert_eq!(
                (old.status(), new.status()),
                (Status::Suspended, Status::Done)
            );
            drop(new);
            assert_eq!(old.send(4), CoroutineState::Complete(4));
            trim_pool();
            assert_eq!(old.close().expect("nothing to do"), None);
            assert!(format!("{old:?}").contains("Done"));
        });
        trim_pool();
        assert_eq!(
            pool_stats().mapped_bytes,
            0,
            "the children's stacks have come back"
        );
    });
}

type Own<'scope> = ScopedCoroutine<'scope, Counted, (), ()>;

/// Ends a scope whose one child takes its own handle while the child is ended: the handle is in a place that both the
/// closure and the child's destructor reach.
fn with_its_own_handle(act: impl FnMut(&mut Own<'_>)) {
    let mut act = act;
    scope(|s| {
        let slot: Rc<RefCell<Option<Own<'_>>>> = Rc::default();
        let own = Rc::clone(&slot);
        let mut child = s.coroutine(move |yielder: &Yielder<Counted, ()>, _first: Counted| {
            let _guard = OnDrop(|| {
                let mut handle = own.borrow_mut().take().expect("its own handle");
                act(&mut handle);
            });
            yielder.suspend(());
        });
        child.send(Counted::new(0));
        *slot.borrow_mut() = Some(child);
    });
    assert_eq!(live(), 0);
}

#[test]
fn a_running_childs_own_handle_says_running_and_refuses_values() {
    let mut seen = None;
    with_its_own_handle(|own| {
        let refused = own
            .try_send(Counted::new(1))
            .err()
            .map(|refused| (refused.value.0, refused.status));
        let payload = Box::new(5u8);
        let kept = std::ptr::from_ref(&*payload) as usize;
        let thrown = own
            .try_throw(payload)
            .err()
            .map(|refused| (address(&refused.value) == kept, refused.status));
        seen = Some((
            own.status(),
            format!("{own:?}").contains("Running"),
            refused,
            thrown,
        ));
    });
    let expected = (
        Status::Running,
        true,
        Some((1, Status::Running)),
        Some((true, Status::Running)),
    );
    assert_eq!(seen, Some(expected));
}

#[test]
fn a_running_childs_own_handle_refuses_send_throw_and_close() {
    let mut said = Vec::new();
    with_its_own_handle(|own| {
        said.push(
            catch_unwind(AssertUnwindSafe(|| own.send(Counted::new(1)).complete())).map(drop),
        );
        said.push(catch_unwind(AssertUnwindSafe(|| own.close().is_ok())).map(drop));
        said.push(
            catch_unwind(AssertUnwindSafe(|| {
                own.throw(Box::new("a running child refuses values"))
                    .complete()
            }))
            .map(drop),
        );
    });
    assert_eq!(said.len(), 3);
    for outcome in said {
        let payload = outcome.expect_err("a running coroutine can't be entered");
        assert_sentence(text(&payload));
        assert!(text(&payload).contains("running"), "{}", text(&payload));
    }
}

#[test]
fn dropping_the_handle_of_an_ending_child_changes_nothing() {
    let mut dropped = 0;
    with_its_own_handle(|_| dropped += 1);
    assert_eq!(dropped, 1);
}
