//! `wait`: returns when one task is done, when one has failed, when all are done, or when the time has passed.

use std::rc::Rc;
use std::time::Duration;

use selvedge::error::EmptySet;
use selvedge::task::{ReturnWhen, TaskRef, wait};
use selvedge::{Promise, Task, sleep, spawn, spawn_fallible, yield_now};

use crate::elapsed;
use crate::support::{A_SECOND, AN_HOUR, Hops, finished, in_virtual_loop, shared, soon};

fn sleepers<const N: usize>(seconds: [u32; N]) -> [Task<u32>; N] {
    seconds.map(|seconds| {
        spawn(move || {
            sleep(seconds * A_SECOND);
            seconds
        })
    })
}

fn values(tasks: &[&Task<u32>]) -> Vec<u32> {
    tasks.iter().map(|task| finished(task.result())).collect()
}

#[test]
fn first_completed_returns_with_the_first() {
    in_virtual_loop(|| {
        let tasks = sleepers([3, 1, 2]);
        let waited = wait(&tasks, ReturnWhen::FirstCompleted, None).expect("some");
        assert_eq!(values(&waited.done), [1]);
        let pending: Vec<_> = waited.pending.iter().map(|task| task.id()).collect();
        assert_eq!(pending, [tasks[0].id(), tasks[2].id()]);
        assert_eq!(elapsed(), A_SECOND);
    });
}

#[test]
fn all_completed_returns_with_the_last_in_the_order_given() {
    in_virtual_loop(|| {
        let tasks = sleepers([3, 1, 2]);
        let waited = wait(&tasks, ReturnWhen::AllCompleted, None).expect("some");
        assert_eq!(values(&waited.done), [3, 1, 2]);
        assert!(waited.pending.is_empty());
    });
}

#[test]
fn first_exception_returns_at_a_failure_not_at_a_cancel() {
    in_virtual_loop(|| {
        let mut tasks: Vec<Task<u32>> = sleepers([1, 4]).into();
        tasks.push(spawn_fallible(|| {
            sleep(3 * A_SECOND);
            Err::<u32, _>("torn")
        }));
        let cancelled = spawn(|| {
            sleep(AN_HOUR);
            0
        });
        yield_now();
        cancelled.cancel();
        tasks.push(cancelled);
        let waited = wait(&tasks, ReturnWhen::FirstException, None).expect("some");
        assert_eq!(elapsed(), 3 * A_SECOND);
        assert_eq!((waited.done.len(), waited.pending.len()), (3, 1));
        // `wait` retrieves nothing: the error can still be retrieved.
        assert!(tasks[2].exception().expect("done").is_some());

        let waited = wait(&tasks[..2], ReturnWhen::FirstException, None).expect("some");
        assert_eq!(
            waited.done.len(),
            2,
            "no task fails, so the wait is for all"
        );
        assert_eq!(elapsed(), 4 * A_SECOND);
    });
}

#[test]
fn a_timeout_is_no_error_and_cancels_no_task() {
    in_virtual_loop(|| {
        let tasks = sleepers([1, 3, 2, 9]);
        let timeout = Some(A_SECOND * 5 / 2);
        let waited = wait(&tasks, ReturnWhen::AllCompleted, timeout).expect("some");
        assert_eq!(values(&waited.done), [1, 2]);
        assert_eq!(waited.pending.len(), 2);
        assert_eq!(elapsed(), A_SECOND * 5 / 2);
        let waited = wait(&tasks, ReturnWhen::AllCompleted, None).expect("some");
        assert_eq!(values(&waited.done), [1, 3, 2, 9]);
    });
}

#[test]
fn a_zero_timeout_yields_once_and_checks() {
    in_virtual_loop(|| {
        let tasks = [spawn(|| ()), spawn(|| sleep(A_SECOND))];
        let zero = Some(Duration::ZERO);
        let waited = wait(&tasks, ReturnWhen::AllCompleted, zero).expect("some");
        assert_eq!((waited.done.len(), waited.pending.len()), (1, 1));
        assert_eq!(elapsed(), Duration::ZERO);
    });
}

#[test]
fn done_and_pending_are_computed_when_the_waiter_runs() {
    in_virtual_loop(|| {
        let promises: Vec<Promise<u32>> = (0..3).map(|_| Promise::new()).collect();
        let (first, second) = (promises[0].clone(), promises[2].clone());
        soon(move || {
            first.set_result(1).expect("pending");
            // In the iteration after the completion, before the waiter's second hop.
            soon(move || second.set_result(3).expect("pending"));
        });
        let waited = wait(&promises, ReturnWhen::FirstCompleted, None).expect("some");
        assert_eq!(waited.done.len(), 2);
        assert!(!waited.pending[0].is_done());
    });
}

#[test]
fn the_waiter_resumes_two_hops_after_the_completion() {
    in_virtual_loop(|| {
        let hops = Hops::start();
        let (count, done_at) = (hops.counter(), shared(0));
        let last = Rc::clone(&done_at);
        let tasks = [spawn(move || {
            yield_now();
            yield_now();
            last.set(count.get());
        })];
        wait(&tasks, ReturnWhen::FirstCompleted, None).expect("some");
        assert_eq!(hops.count() - done_at.get(), 2);
        let none = hops.during(|| drop(wait(&tasks, ReturnWhen::AllCompleted, None)));
        assert_eq!(none, 0, "what is done takes no hop");
    });
}

#[test]
fn pending_tasks_can_be_waited_for_again() {
    in_virtual_loop(|| {
        let tasks = sleepers([4, 2, 8, 6]);
        let mut pending: Vec<_> = tasks.iter().collect();
        let mut order = Vec::new();
        while !pending.is_empty() {
            let waited = wait(pending, ReturnWhen::FirstCompleted, None).expect("some");
            order.extend(values(&waited.done));
            pending = waited.pending;
        }
        assert_eq!(order, [2, 4, 6, 8]);
    });
}

#[test]
fn tasks_of_different_types_are_waited_for_by_their_views() {
    in_virtual_loop(|| {
        let number = spawn(|| 1);
        let text = spawn(|| {
            sleep(A_SECOND);
            "two"
        });
        let views: [TaskRef; 2] = [number.task_ref(), text.task_ref()];
        let waited = wait(&views, ReturnWhen::FirstCompleted, None).expect("some");
        assert_eq!(waited.done, [&number.task_ref()]);
        assert_eq!(waited.pending, [&text.task_ref()]);
        finished(text.join());
    });
}

#[test]
fn the_same_task_may_be_given_twice() {
    in_virtual_loop(|| {
        let task = spawn(|| sleep(A_SECOND));
        let waited = wait([&task, &task], ReturnWhen::AllCompleted, None).expect("some");
        assert_eq!(waited.done.len(), 2);
    });
}

#[test]
fn several_tasks_can_wait_for_the_same_tasks() {
    in_virtual_loop(|| {
        let tasks = Rc::new(sleepers([1, 2]));
        let waiter = |return_when| {
            let tasks = Rc::clone(&tasks);
            spawn(move || wait(&*tasks, return_when, None).expect("some").done.len())
        };
        let (first, all) = (
            waiter(ReturnWhen::FirstCompleted),
            waiter(ReturnWhen::AllCompleted),
        );
        assert_eq!(finished(selvedge::gather((first, all))), (1, 2));
    });
}

#[test]
fn a_cancel_of_the_waiter_unwinds_only_the_waiter_at_once() {
    in_virtual_loop(|| {
        let tasks = Rc::new(sleepers([1, 2]));
        let waited_for = Rc::clone(&tasks);
        let waiter = spawn(move || {
            wait(&*waited_for, ReturnWhen::AllCompleted, Some(AN_HOUR))
                .expect("some")
                .done
                .len()
        });
        yield_now();
        assert!(waiter.cancel());
        assert!(waiter.join().expect_err("cancelled").is_cancelled());
        assert_eq!(elapsed(), Duration::ZERO);
        let waited = wait(&*tasks, ReturnWhen::AllCompleted, None).expect("some");
        assert_eq!(values(&waited.done), [1, 2]);
    });
}

#[test]
fn an_empty_set_is_an_error_anywhere() {
    let nothing: [Task<u8>; 0] = [];
    for return_when in [
        ReturnWhen::FirstCompleted,
        ReturnWhen::FirstException,
        ReturnWhen::AllCompleted,
    ] {
        assert_eq!(
            wait(&nothing, return_when, None).expect_err("nothing"),
            EmptySet
        );
    }
    assert!(EmptySet.to_string().contains("empty"));
}

#[test]
fn a_task_that_joins_the_waiter_may_be_among_others() {
    in_virtual_loop(|| {
        let slot = Rc::new(std::cell::RefCell::new(None));
        let theirs = Rc::clone(&slot);
        let outer: Task<usize> = spawn(move || {
            yield_now();
            let other = || sleep(A_SECOND);
            let tasks: [Task<()>; 2] = theirs
                .take()
                .map(|joiner| [joiner, spawn(other)])
                .expect("it is there");
            let n_done = wait(&tasks, ReturnWhen::FirstCompleted, None)
                .expect("some")
                .done
                .len();
            tasks.into_iter().for_each(Task::detach);
            n_done
        });
        let view = outer.task_ref();
        let joiner = spawn(move || drop(outer.join()));
        slot.replace(Some(joiner));
        wait([&view], ReturnWhen::AllCompleted, None).expect("some");
        assert!(view.is_done() && !view.is_cancelled());
    });
}
