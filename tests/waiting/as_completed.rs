//! `as_completed`: tasks in the order of completion, with and without a timeout.

use std::rc::Rc;
use std::time::Duration;

use selvedge::error::Elapsed;
use selvedge::task::{AsCompleted, as_completed};
use selvedge::{Promise, Task, sleep, spawn, spawn_fallible, yield_now};

use crate::elapsed;
use crate::support::{A_SECOND, AN_HOUR, Hops, Log, finished, in_virtual_loop, shared, soon};

fn sleeper(seconds: u32) -> impl FnOnce() -> u32 + 'static {
    move || {
        sleep(seconds * A_SECOND);
        seconds
    }
}

fn values(completed: AsCompleted<Task<u32>>) -> Vec<u32> {
    completed.map(|task| finished(task.join())).collect()
}

#[test]
fn tasks_come_in_the_order_of_completion() {
    in_virtual_loop(|| {
        assert_eq!(
            values(as_completed([3, 1, 4, 2].map(sleeper))),
            [1, 2, 3, 4]
        );
        let tasks: Vec<_> = [3, 1, 2].map(sleeper).map(spawn).into();
        assert_eq!(values(as_completed(tasks)), [1, 2, 3]);
    });
}

#[test]
fn each_task_comes_when_it_is_done() {
    in_virtual_loop(|| {
        let times: Vec<_> = as_completed([3, 1].map(sleeper))
            .map(|task| (finished(task.join()), elapsed()))
            .collect();
        assert_eq!(times, [(1, A_SECOND), (3, 3 * A_SECOND)]);
    });
}

#[test]
fn results_come_in_completion_order_even_if_asked_for_late() {
    in_virtual_loop(|| {
        let mut completed = as_completed([4, 2, 3, 1].map(sleeper));
        assert_eq!(completed.len(), 4);
        assert_eq!(finished(completed.next().expect("one").join()), 1);
        sleep(AN_HOUR);
        assert_eq!(completed.len(), 3);
        assert_eq!(values(completed), [2, 3, 4]);
    });
}

#[test]
fn finished_tasks_come_first_and_without_a_hop() {
    in_virtual_loop(|| {
        let hops = Hops::start();
        let tasks = [spawn(sleeper(0)), spawn(sleeper(0))];
        let ids = [tasks[0].id(), tasks[1].id()];
        yield_now();
        yield_now();
        assert!(tasks.iter().all(Task::is_done));
        let n_hops = hops.during(|| {
            let completed: Vec<_> = as_completed(tasks).map(|task| task.id()).collect();
            assert_eq!(completed, ids);
        });
        assert_eq!(n_hops, 0);
    });
}

#[test]
fn the_waiter_resumes_two_hops_after_the_completion() {
    in_virtual_loop(|| {
        let hops = Hops::start();
        let (count, done_at) = (hops.counter(), shared(0));
        let last = Rc::clone(&done_at);
        let body = move || {
            yield_now();
            yield_now();
            last.set(count.get());
        };
        for task in as_completed([body]) {
            finished(task.join());
        }
        assert_eq!(hops.count() - done_at.get(), 2);
    });
}

#[test]
fn failures_come_as_tasks_too() {
    in_virtual_loop(|| {
        let failing = spawn_fallible(|| Err::<u32, _>("torn"));
        let cancelled = spawn(sleeper(9));
        cancelled.cancel();
        let ends: Vec<_> = as_completed([spawn(sleeper(1)), failing, cancelled])
            .map(|task| task.join().map_err(|error| error.to_string()))
            .collect();
        assert_eq!(
            ends,
            [Err("torn".to_owned()), Err("cancelled".to_owned()), Ok(1)]
        );
    });
}

#[test]
fn promises_come_as_promises() {
    in_virtual_loop(|| {
        let promises: Vec<Promise<u8>> = (0..3).map(|_| Promise::new()).collect();
        let setters = promises.clone();
        soon(move || {
            for index in [2, 0, 1] {
                setters[index].set_result(index as u8).expect("pending");
            }
        });
        let order: Vec<u8> = as_completed(promises.clone())
            .map(|promise| finished(promise.result()))
            .collect();
        assert_eq!(order, [2, 0, 1]);
        let same = [promises[0].clone(), promises[0].clone()];
        assert_eq!(as_completed(same).count(), 2);
    });
}

#[test]
fn an_empty_iterator_ends_at_once_anywhere() {
    assert!(as_completed(Vec::<Task<u8>>::new()).next().is_none());
}

#[test]
fn a_timeout_ends_the_iterator_with_an_error() {
    in_virtual_loop(|| {
        let mut completed = as_completed([5, 1, 2, 9].map(sleeper)).timeout(3 * A_SECOND);
        let mut order = Vec::new();
        for task in completed.by_ref() {
            order.push(task.map(|task| finished(task.join())));
        }
        assert_eq!(order, [Ok(1), Ok(2), Err(Elapsed)]);
        assert_eq!(elapsed(), 3 * A_SECOND);
        assert!(completed.next().is_none());
        let rest = completed.into_rest();
        assert!(
            rest.iter()
                .all(|task| !task.is_done() && task.cancelling() == 0)
        );
        let rest: Vec<u32> = rest.into_iter().map(|task| finished(task.join())).collect();
        assert_eq!(rest, [5, 9]);
    });
}

#[test]
fn a_timeout_that_is_long_enough_gives_all() {
    in_virtual_loop(|| {
        let completed = as_completed([2, 1].map(sleeper)).timeout(AN_HOUR);
        let order: Result<Vec<_>, Elapsed> = completed.collect();
        assert_eq!(order.expect("in time").len(), 2);
        let mut none = as_completed([|| 1]).timeout(Duration::ZERO);
        assert_eq!(none.next().expect("an error").map(drop), Err(Elapsed));
    });
}

#[test]
fn a_cancel_of_the_waiter_unwinds_it_and_the_tasks_go_on() {
    in_virtual_loop(|| {
        let log = Log::default();
        let tasks = ["one", "two"].map(|name| {
            let log = log.clone();
            spawn(move || {
                sleep(A_SECOND);
                log.push(name);
            })
        });
        let waiter = spawn(move || as_completed(tasks).count());
        yield_now();
        assert!(waiter.cancel());
        assert!(waiter.join().expect_err("cancelled").is_cancelled());
        sleep(2 * A_SECOND);
        assert_eq!(log.take(), ["one", "two"]);
    });
}

#[test]
fn a_wake_up_that_coincides_with_a_cancel_is_not_lost() {
    in_virtual_loop(|| {
        let promises: Vec<Promise<u8>> = (0..2).map(|_| Promise::new()).collect();
        let mut completed = as_completed(promises.clone());
        let waiter = spawn(move || {
            let is_caught = selvedge::task::catch_cancelled(|| drop(completed.next())).is_err();
            (is_caught, completed.count())
        });
        yield_now();
        promises[0].set_result(0).expect("pending");
        let target = waiter.task_ref();
        // Between the callback that wakes the waiter and its turn.
        soon(move || assert!(target.cancel()));
        sleep(A_SECOND);
        promises[1].set_result(1).expect("pending");
        assert_eq!(finished(waiter.join()), (true, 2));
    });
}

#[test]
fn a_dropped_or_forgotten_iterator_leaves_no_callbacks() {
    in_virtual_loop(|| {
        let promise = Promise::<u8>::new();
        drop(as_completed([promise.clone(), promise.clone()]));
        assert_eq!(promise.clear_done_callbacks(), 0);
        std::mem::forget(as_completed([promise.clone()]));
        promise.set_result(1).expect("pending");
        sleep(A_SECOND);
        let done: Vec<Promise<u8>> = as_completed([promise.clone()]).into_rest();
        assert_eq!(finished(done[0].result()), 1);
    });
}
