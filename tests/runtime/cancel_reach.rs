//! A cancel passes through the target's wait: to the promise or task that the target awaits, and along chains of them.

use std::panic::{catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::Duration;

use selvedge::task::{all_tasks, catch_cancelled, current_task, spawn_eager};
use selvedge::{Promise, Task, TaskError, gather, sleep, spawn, timeout, yield_now};

use crate::support::{
    A_SECOND, AN_HOUR, Log, OnDrop, Shared, finished, in_virtual_loop, many_stacks, shared, soon,
};

#[test]
fn the_awaited_promise_is_cancelled_with_the_message() {
    in_virtual_loop(|| {
        let promise = Promise::<u32>::new();
        let waited_on = promise.clone();
        let task = spawn(move || drop(waited_on.wait()));
        yield_now();
        task.cancel_with("enough");
        assert!(promise.is_done() && promise.is_cancelled());
        assert!(task.join().expect_err("cancelled").is_cancelled());
        let error = promise.result().expect_err("cancelled");
        assert_eq!(error.message().unwrap(), "enough");
        assert_eq!(promise.set_result(4), Err(4));
    });
}

#[test]
fn other_waiters_of_the_promise_get_an_error_uncancelled() {
    in_virtual_loop(|| {
        let promise = Promise::<u32>::new();
        let [target, other] = [0, 1].map(|_| {
            let waited_on = promise.clone();
            spawn(move || waited_on.wait().map_err(|error| error.is_cancelled()))
        });
        yield_now();
        target.cancel();
        assert!(target.join().expect_err("cancelled").is_cancelled());
        assert_eq!(finished(other.join()), Err(true));
    });
}

#[test]
fn the_joined_task_is_cancelled_with_the_message() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let logs = inside.clone();
        let inner = spawn(move || {
            let _guard = logs.guard("inner unwound");
            sleep(AN_HOUR);
        });
        let (reference, logs) = (inner.task_ref(), inside.clone());
        let outer = spawn(move || {
            let _guard = logs.guard("outer unwound");
            drop(inner.join());
            logs.push("the join returned");
        });
        yield_now();
        outer.cancel_with("enough");
        let error = outer.join().expect_err("cancelled");
        assert_eq!(error.message().unwrap(), "enough");
        assert!(reference.is_cancelled());
    });
    assert_eq!(log.take(), ["inner unwound", "outer unwound"]);
}

#[test]
fn cancelling_only_the_inner_task_is_an_error_of_join() {
    in_virtual_loop(|| {
        let inner = spawn(|| sleep(AN_HOUR));
        let reference = inner.task_ref();
        let outer = spawn(move || {
            let error = inner.join().expect_err("cancelled");
            sleep(A_SECOND);
            (
                error.is_cancelled(),
                current_task().expect("a task").cancelling(),
            )
        });
        yield_now();
        reference.cancel();
        assert_eq!(finished(outer.join()), (true, 0));
    });
}

#[test]
fn a_joined_task_that_swallows_the_cancel_gives_its_value() {
    in_virtual_loop(|| {
        let inner = spawn(|| {
            let cancelled = catch_cancelled(|| sleep(AN_HOUR)).is_err();
            sleep(A_SECOND);
            cancelled
        });
        let outer = spawn(move || {
            let value = finished(inner.join());
            sleep(A_SECOND);
            value
        });
        yield_now();
        outer.cancel();
        assert!(finished(outer.join()));
    });
}

#[test]
fn a_joined_task_that_panics_during_its_cancel_gives_the_panic() {
    in_virtual_loop(|| {
        let inner: Task<()> = spawn(|| {
            let _ = catch_cancelled(|| sleep(AN_HOUR));
            panic!("torn while cleaning up");
        });
        let outer = spawn(move || inner.join().expect_err("it panicked").is_panic());
        yield_now();
        outer.cancel();
        assert!(finished(outer.join()));
    });
}

#[test]
fn the_outer_task_ends_only_after_the_inner_one_has_cleaned_up() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let logs = inside.clone();
        let inner = spawn(move || {
            let payload = catch_unwind(|| sleep(AN_HOUR)).expect_err("cancelled");
            for _ in 0..3 {
                sleep(A_SECOND);
            }
            logs.push("inner cleaned up");
            resume_unwind(payload);
        });
        let outer = spawn(move || drop::<Result<(), _>>(inner.join()));
        yield_now();
        outer.cancel();
        assert!(outer.join().expect_err("cancelled").is_cancelled());
        inside.push("outer ended");
    });
    assert_eq!(log.take(), ["inner cleaned up", "outer ended"]);
}

#[test]
fn a_cancel_passes_through_a_task_that_never_started() {
    in_virtual_loop(|| {
        let inner = spawn(|| panic!("the body ran"));
        let reference = inner.task_ref();
        let outer = spawn_eager(move || drop(inner.join()));
        outer.cancel();
        assert!(outer.join().expect_err("cancelled").is_cancelled());
        assert!(reference.is_cancelled());
    });
}

#[test]
fn a_cancel_of_a_promise_does_not_reach_the_task_that_sets_it() {
    in_virtual_loop(|| {
        let promise = Promise::new();
        let (waited_on, to_set) = (promise.clone(), promise.clone());
        let setter = spawn(move || {
            sleep(A_SECOND);
            to_set.set_result(1)
        });
        let waiter = spawn(move || drop(waited_on.wait()));
        yield_now();
        waiter.cancel();
        assert!(waiter.join().is_err());
        assert_eq!(
            finished(setter.join()),
            Err(1),
            "the promise was cancelled meanwhile"
        );
    });
}

#[test]
fn a_joiner_cancelled_between_the_end_and_its_turn_is_cancelled() {
    in_virtual_loop(|| {
        let inner = spawn(|| 3);
        let reference = inner.task_ref();
        let outer = spawn_eager(move || finished(inner.join()));
        let (ended, target) = (reference.clone(), outer.task_ref());
        // Runs after the inner task's only step, and before the outer one's next.
        soon(move || {
            assert!(ended.is_done() && !target.is_done());
            assert!(target.cancel());
        });
        assert!(outer.join().expect_err("cancelled").is_cancelled());
        assert!(!reference.is_cancelled());
    });
}

/// `n` tasks, each joining the one before it, the first asleep. Counts the unwound tasks.
fn chain(n: usize, n_unwound: &Shared<usize>) -> Task<()> {
    let mut last = spawn(|| sleep(AN_HOUR));
    for _ in 1..n {
        let (inner, unwound) = (last, Rc::clone(n_unwound));
        last = spawn(move || {
            let _on_drop = OnDrop(|| unwound.set(unwound.get() + 1));
            drop::<Result<(), TaskError>>(inner.join());
        });
    }
    last
}

/// Enough for a recursion of the smallest frame to overflow a task's stack many times over.
fn chain_length() -> usize {
    many_stacks(100_000)
}

#[test]
fn a_cancel_passes_through_a_chain_of_100_000_joins() {
    let n_tasks = chain_length();
    in_virtual_loop(move || {
        let n_unwound = shared(0);
        let last = chain(n_tasks, &n_unwound);
        assert_eq!(all_tasks().len(), n_tasks + 1);
        yield_now();
        assert!(last.cancel_with("all of them"));
        let error = last.join().expect_err("cancelled");
        assert_eq!(error.message().unwrap(), "all of them");
        assert_eq!(n_unwound.get(), n_tasks - 1);
        assert_eq!(all_tasks().len(), 1);
    });
}

#[test]
fn a_chain_cancelled_at_its_inner_end_unwinds_no_other_task() {
    in_virtual_loop(|| {
        let inner = spawn(|| sleep(AN_HOUR));
        let target = inner.task_ref();
        let mut last = spawn(move || inner.join().is_err());
        for _ in 0..100 {
            let inner = last;
            last = spawn(move || finished(inner.join()));
        }
        yield_now();
        target.cancel();
        assert!(finished(last.join()));
    });
}

#[test]
fn a_chain_of_100_000_joins_ends_when_its_first_task_does() {
    let n_tasks = chain_length();
    in_virtual_loop(move || {
        let n_unwound = shared(0);
        let last = chain(n_tasks, &n_unwound);
        finished(last.join());
        assert_eq!(n_unwound.get(), n_tasks - 1);
    });
}

#[test]
fn a_detached_chain_ends_with_its_loop() {
    let n_tasks = chain_length();
    let n_unwound = shared(0);
    let counter = Rc::clone(&n_unwound);
    selvedge::run(|| {
        drop(chain(n_tasks, &counter));
        yield_now();
    });
    assert_eq!(n_unwound.get(), n_tasks - 1);
}

#[test]
fn a_pending_cancel_reaches_the_task_that_is_joined_next() {
    in_virtual_loop(|| {
        let inner = spawn(|| sleep(AN_HOUR));
        let view = inner.task_ref();
        let waited = timeout(Duration::ZERO, || inner.join().is_err());
        assert!(waited.is_err());
        assert!(
            view.is_done() && view.is_cancelled(),
            "joined, not detached"
        );
    });
}

#[test]
fn a_self_cancel_reaches_the_promise_that_is_awaited_next() {
    in_virtual_loop(|| {
        let promise = Promise::<()>::new();
        let awaited = promise.clone();
        let task = spawn(move || {
            current_task().expect("a task").cancel_with("enough");
            drop(awaited.wait());
        });
        assert!(task.join().expect_err("cancelled").is_cancelled());
        let error = promise.result().expect_err("cancelled");
        assert_eq!(error.message().unwrap(), "enough");
    });
}

#[test]
fn a_pending_cancel_reaches_all_that_are_gathered_next() {
    in_virtual_loop(|| {
        let views = shared(Vec::new());
        let seen = Rc::clone(&views);
        let task = spawn(move || {
            current_task().expect("a task").cancel();
            let sleepers = [1, 2].map(|n| spawn(move || sleep(n * A_SECOND)));
            seen.set(sleepers.iter().map(Task::task_ref).collect());
            drop(gather(sleepers));
        });
        assert!(task.join().expect_err("cancelled").is_cancelled());
        let views = views.take();
        assert!(views.len() == 2 && views.iter().all(|view| view.is_cancelled()));
    });
}

#[test]
fn a_pending_cancel_may_be_swallowed_by_the_joined_task() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            let inner = spawn(|| catch_cancelled(|| sleep(AN_HOUR)).is_err());
            yield_now();
            current_task().expect("a task").cancel();
            inner.join()
        });
        assert!(finished(finished(task.join())));
    });
}
