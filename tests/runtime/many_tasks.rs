//! Many tasks at once: each on a guarded stack of its own, parked, woken and joined.

use std::cell::RefCell;
use std::rc::Rc;

use selvedge::stack::pool_stats;
use selvedge::task::all_tasks;
use selvedge::{Promise, Task, run, sleep, spawn, yield_now};

use crate::support::{AN_HOUR, finished, in_virtual_loop, many_stacks, shared};

/// An unoptimised body touches one page more, and is slow.
fn n_tasks() -> usize {
    let full = if cfg!(debug_assertions) {
        100_000
    } else {
        300_000
    };
    many_stacks(full)
}

#[test]
fn a_hundred_thousand_tasks_park_on_one_promise_and_are_joined() {
    let n_tasks = n_tasks();
    run(|| {
        let (promise, n_entered) = (Promise::new(), shared(0_usize));
        let tasks: Vec<Task<usize>> = (0..n_tasks)
            .map(|n| {
                let (waited_on, entered) = (promise.clone(), Rc::clone(&n_entered));
                spawn(move || {
                    entered.set(entered.get() + 1);
                    finished(waited_on.wait()) + n
                })
            })
            .collect();
        yield_now();
        assert_eq!(
            n_entered.get(),
            n_tasks,
            "every body was entered and parked"
        );
        assert!(
            pool_stats().n_live >= n_tasks,
            "each has a stack of its own"
        );
        assert_eq!(all_tasks().len(), n_tasks + 1);
        promise.set_result(1).expect("pending");
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(finished(task.join()), n + 1);
        }
        assert_eq!(all_tasks().len(), 1);
    });
    assert_eq!(pool_stats().n_live, 0);
}

#[test]
fn a_hundred_thousand_sleepers_are_cancelled() {
    let n_tasks = n_tasks();
    in_virtual_loop(move || {
        let tasks: Vec<Task<()>> = (0..n_tasks).map(|_| spawn(|| sleep(AN_HOUR))).collect();
        yield_now();
        assert!(tasks.iter().all(Task::cancel));
        for task in tasks {
            assert!(task.join().expect_err("cancelled").is_cancelled());
        }
    });
    assert_eq!(pool_stats().n_live, 0);
}

#[test]
fn a_hundred_thousand_tasks_in_a_row_use_one_stack() {
    let n_tasks = n_tasks();
    run(|| {
        finished(spawn(yield_now).join());
        let before = pool_stats();
        for n in 0..n_tasks {
            let value = finished(
                spawn(move || {
                    yield_now();
                    n
                })
                .join(),
            );
            assert_eq!(value, n);
        }
        let after = pool_stats();
        assert_eq!(after.n_live, before.n_live);
        assert_eq!(
            after.n_fresh, before.n_fresh,
            "a warm stack was at hand each time"
        );
    });
}

#[test]
fn cancelled_unstarted_tasks_hold_no_stack() {
    let n_tasks = n_tasks();
    in_virtual_loop(move || {
        let tasks: Vec<Task<usize>> = (0..n_tasks).map(|n| spawn(move || n)).collect();
        assert!(tasks.iter().all(Task::cancel));
        drop(tasks);
        yield_now();
        yield_now();
        assert_eq!(all_tasks().len(), 1);
    });
    assert_eq!(pool_stats().n_live, 0);
}

#[test]
fn a_few_yield_in_turn_beside_thousands_that_wait() {
    const ROUNDS: usize = 200;
    for n_yielding in [2, 3, 40, 100] {
        in_virtual_loop(move || {
            let n_waiting = many_stacks(5_000);
            let waiting: Vec<Task<()>> = (0..n_waiting).map(|_| spawn(|| sleep(AN_HOUR))).collect();
            yield_now();
            let order = Rc::new(RefCell::new(Vec::new()));
            let yielding: Vec<Task<()>> = (0..n_yielding)
                .map(|task| {
                    let order = Rc::clone(&order);
                    spawn(move || {
                        for _ in 0..ROUNDS {
                            order.borrow_mut().push(task);
                            yield_now();
                        }
                    })
                })
                .collect();
            yielding.into_iter().for_each(|task| finished(task.join()));
            let in_turn = (0..ROUNDS).flat_map(|_| 0..n_yielding);
            assert!(order.borrow().iter().copied().eq(in_turn));
            waiting.iter().for_each(|task| assert!(task.cancel()));
        });
    }
}
