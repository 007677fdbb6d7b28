//! Coroutines of another library: its stacks lie between this library's, and its code may leave them at any time. Operations
//! whose frames must not be left are refused there with a message; operations that only park work.

use std::cell::Cell;
use std::cmp::Ordering;
use std::rc::Rc;

use corosensei::{Coroutine as Foreign, Yielder as ForeignYielder};
use selvedge::coroutine::{Status, on_stack, scope as coroutine_scope};
use selvedge::stack::{set_pool_watermark, trim_pool};
use selvedge::sync::{PriorityQueue, Queue};
use selvedge::task::{current_task, finally, spawn_eager};
use selvedge::{
    Coroutine, EventLoop, Promise, Yielder, gather, run, scope, sleep, spawn, timeout, try_run,
    yield_now,
};

use crate::play;
use crate::support::{
    A_SECOND, AN_HOUR, assert_sentence, finished, in_virtual_loop, sentence, virtual_loop,
};

pub const SCENARIOS: &[(&str, fn())] = &[("left_in_a_timeout", left_in_a_timeout)];

/// Calls a function on a stack of the other library, to its end.
fn on_foreign_stack<R: 'static>(f: impl FnOnce(&ForeignYielder<(), ()>) -> R + 'static) -> R {
    let mut coroutine = Foreign::new(|yielder: &ForeignYielder<(), ()>, ()| f(yielder));
    coroutine
        .resume(())
        .as_return()
        .expect("it does not suspend")
}

/// A timeout whose body is left by the other library's yielder would leave an alarm behind, which cancels the task that has
/// the stack by then.
fn left_in_a_timeout() {
    set_pool_watermark(0);
    in_virtual_loop(|| {
        let left: Rc<Cell<Option<Foreign<(), (), ()>>>> = Rc::default();
        let keeps = Rc::clone(&left);
        let leaves = spawn(move || {
            let mut foreign = Foreign::new(|yielder: &ForeignYielder<(), ()>, ()| {
                let refused = sentence(|| timeout(A_SECOND, || yielder.suspend(())));
                println!("{refused}");
            });
            foreign.resume(());
            keeps.set(Some(foreign));
        });
        finished(leaves.join());
        trim_pool();
        let others: Vec<_> = (0..20).map(|_| spawn(|| sleep(3 * A_SECOND))).collect();
        sleep(2 * A_SECOND);
        others.into_iter().for_each(|task| finished(task.join()));
        println!("no other task was cancelled");
    });
}

#[test]
fn a_timeout_is_refused_on_another_librarys_stack() {
    let ended = play("left_in_a_timeout");
    ended.assert_exited(0);
    for part in ["another library", "on_stack", "no other task was cancelled"] {
        assert!(ended.stdout.contains(part), "{ended:#?}");
    }
}

#[test]
fn what_only_parks_works_on_another_librarys_stack() {
    let numbers = in_virtual_loop(|| {
        on_foreign_stack(|_| {
            let queue = Queue::unbounded();
            let puts = queue.clone();
            let task = spawn(move || {
                sleep(A_SECOND);
                puts.put(2).map_err(drop).expect("open");
                1
            });
            let second = queue.get().expect("an item");
            yield_now();
            sleep(A_SECOND);
            [finished(task.join()), second]
        })
    });
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn a_cleanup_runs_on_another_librarys_stack() {
    in_virtual_loop(|| {
        let is_cleaned = Rc::new(Cell::new(false));
        let told = Rc::clone(&is_cleaned);
        let cleanup = move || {
            sleep(A_SECOND);
            told.set(true);
        };
        on_foreign_stack(move |_| finally(|| (), cleanup));
        assert!(is_cleaned.take());
        // There a cancel is not deferred.
        let told = Rc::clone(&is_cleaned);
        let task = spawn(move || {
            on_foreign_stack(move |_| {
                finally(
                    || (),
                    || {
                        sleep(AN_HOUR);
                        told.set(true);
                    },
                );
            });
        });
        yield_now();
        task.cancel();
        assert!(task.join().expect_err("cancelled").is_cancelled());
        assert!(!is_cleaned.get());
    });
}

#[test]
fn a_cancel_is_forwarded_from_another_librarys_stack() {
    in_virtual_loop(|| {
        let inner = spawn(|| sleep(AN_HOUR));
        let view = inner.task_ref();
        let task = spawn(move || {
            // The request stands when the wait begins.
            assert!(current_task().expect("a task").cancel());
            on_foreign_stack(move |_| drop(inner.join()));
        });
        let error = task.join().expect_err("cancelled");
        assert!(error.is_cancelled(), "{error}");
        assert!(view.is_cancelled());
    });
}

#[test]
fn what_could_be_left_is_refused_on_another_librarys_stack() {
    in_virtual_loop(|| {
        let promise = Promise::<i32>::new();
        let fails = promise.clone();
        on_foreign_stack(move |_| {
            sentence(|| coroutine_scope(|_| ()));
            sentence(|| drop(scope(|_| ())));
            sentence(|| drop(gather([promise])));
            sentence(|| spawn_eager(|| ()).detach());
            sentence(|| on_stack(64 * 1024, || timeout(A_SECOND, || ())));
        });
        fails.set_result(1).expect("pending");
        // A stack that is this library's, between: nothing of it can be left but by its own yielder.
        let inner = on_foreign_stack(|_| {
            let mut inner = Coroutine::new(|_: &Yielder<(), ()>, ()| timeout(A_SECOND, || 5));
            inner.resume().complete()
        });
        assert_eq!(inner, Some(Ok(5)));
        assert!(current_task().is_some());
        sleep(A_SECOND);
    });
}

#[test]
fn a_loop_is_refused_where_another_librarys_stack_would_be_left() {
    let refuses = || {
        assert_sentence(&try_run(|| ()).expect_err("foreign").to_string());
        let event_loop = virtual_loop();
        event_loop.create_task(|| sleep(AN_HOUR)).detach();
        let error = event_loop.run_until_complete(|| ());
        assert_sentence(&error.expect_err("foreign").to_string());
        assert_sentence(&event_loop.close().expect_err("foreign").to_string());
    };
    on_foreign_stack(move |_| refuses());
    if cfg!(not(selvedge_backend = "corosensei")) {
        // The other library's functions can be called from this stack, too.
        on_foreign_stack(move |_| {
            let mut inner = Coroutine::new(move |_: &Yielder<(), ()>, ()| refuses());
            inner.resume();
        });
    }
    assert_eq!(run(|| finished(spawn(|| 5).join())), 5);
}

/// Suspends the other library's coroutine in its first comparison.
struct Suspends<'a>(&'a Cell<Option<&'a ForeignYielder<(), ()>>>);

impl Ord for Suspends<'_> {
    fn cmp(&self, _: &Self) -> Ordering {
        if let Some(yielder) = self.0.take() {
            yielder.suspend(());
        }
        Ordering::Equal
    }
}
impl PartialOrd for Suspends<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Suspends<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Suspends<'_> {}

#[test]
fn a_task_may_wait_after_a_comparison_on_another_librarys_stack() {
    in_virtual_loop(|| {
        let mut foreign = Foreign::new(|yielder: &ForeignYielder<(), ()>, ()| {
            let suspends = Cell::new(Some(yielder));
            let queue = PriorityQueue::unbounded();
            drop(queue.try_put(Suspends(&suspends)));
            drop(queue.try_put(Suspends(&suspends)));
            queue.len()
        });
        assert!(foreign.resume(()).as_yield().is_some());
        // The task that was left in the middle of a comparison does not count as a callback.
        assert!(current_task().is_some());
        sleep(A_SECOND);
        assert_eq!(foreign.resume(()).as_return(), Some(2));
    });
}

#[test]
fn a_task_on_another_librarys_stack_counts_as_running() {
    in_virtual_loop(|| {
        let parked = spawn(|| sleep(AN_HOUR));
        let name = parked.name();
        yield_now();
        let texts = on_foreign_stack(move |_| {
            let own = current_task().expect("a task").stack();
            assert_eq!(own.status(), Status::Running);
            [own.to_string(), parked.stack().to_string()]
        });
        assert!(
            texts[1].contains(&name) && texts[1].contains("a deadline"),
            "{texts:?}"
        );
    });
}

#[test]
fn a_loop_that_is_dropped_on_another_librarys_stack_is_leaked() {
    let is_dropped = Rc::new(Cell::new(false));
    let told = Rc::clone(&is_dropped);
    let event_loop = EventLoop::new().expect("a loop");
    let value = crate::support::OnDrop(move || told.set(true));
    event_loop.create_task(move || drop(value)).detach();
    on_foreign_stack(move |_| drop(event_loop));
    assert!(!is_dropped.get());
    assert_eq!(run(|| 5), 5);
}
