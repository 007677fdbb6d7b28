//! Semaphores: strictly first come, first served, and never more permits in use than exist.

use selvedge::sync::{BoundedSemaphore, Permit, Semaphore};
use selvedge::{Task, run, spawn, yield_now};

use crate::support::{Log, assert_sentence, finished, in_virtual_loop, sentence, shared};

/// Takes a number of permits and keeps them for some turns.
fn taker(semaphore: &Semaphore, n: usize, log: &Log) -> Task<()> {
    let (semaphore, log) = (semaphore.clone(), log.clone());
    spawn(move || {
        let _permit = semaphore.acquire_many(n);
        log.push(format!("{n}"));
        yield_now();
    })
}

#[test]
fn at_most_as_many_tasks_as_permits_are_inside() {
    in_virtual_loop(|| {
        let semaphore = Semaphore::new(3);
        let (n_inside, most) = (shared(0), shared(0));
        let tasks: Vec<Task<()>> = (0..20)
            .map(|n| {
                let (semaphore, n_inside, most) =
                    (semaphore.clone(), n_inside.clone(), most.clone());
                spawn(move || {
                    let _permit = semaphore.acquire();
                    n_inside.set(n_inside.get() + 1);
                    most.set(most.get().max(n_inside.get()));
                    (0..n % 4).for_each(|_| yield_now());
                    n_inside.set(n_inside.get() - 1);
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| finished(task.join()));
        assert_eq!((most.get(), semaphore.available_permits()), (3, 3));
    });
}

#[test]
fn small_requests_wait_behind_a_large_one() {
    run(|| {
        let (semaphore, log) = (Semaphore::new(3), Log::default());
        let first = semaphore.acquire_many(2);
        let tasks = [3, 1, 1, 2].map(|n| taker(&semaphore, n, &log));
        yield_now();
        assert!(log.take().is_empty());
        assert_eq!(semaphore.available_permits(), 1);
        assert!(semaphore.is_locked());
        assert!(semaphore.try_acquire().is_none(), "another task waits");
        drop(first);
        tasks.into_iter().for_each(|task| finished(task.join()));
        assert_eq!(log.take(), ["3", "1", "1", "2"]);
        assert_eq!(semaphore.available_permits(), 3);
        assert!(!semaphore.is_locked());
    });
}

#[test]
fn cancelling_a_large_request_lets_small_ones_proceed() {
    run(|| {
        let (semaphore, log) = (Semaphore::new(2), Log::default());
        let first = semaphore.acquire();
        let tasks = [2, 1].map(|n| taker(&semaphore, n, &log));
        yield_now();
        tasks[0].cancel();
        let [many, one] = tasks;
        finished(one.join());
        assert!(many.join().is_err());
        drop(first);
        assert_eq!(semaphore.available_permits(), 2);
    });
}

#[test]
fn permits_promised_to_a_cancelled_task_go_to_the_next() {
    run(|| {
        let (semaphore, log) = (Semaphore::new(2), Log::default());
        let first = semaphore.acquire_many(2);
        let tasks = [2, 1, 1].map(|n| taker(&semaphore, n, &log));
        yield_now();
        drop(first);
        tasks[0].cancel();
        let [many, one, other] = tasks;
        finished(one.join());
        finished(other.join());
        assert!(many.join().is_err());
        assert_eq!(log.take(), ["1", "1"]);
        assert_eq!(semaphore.available_permits(), 2);
    });
}

#[test]
fn a_permit_may_go_to_another_task() {
    run(|| {
        let semaphore = Semaphore::new(1);
        let permit: Permit = semaphore.acquire();
        let task = spawn(move || {
            yield_now();
            permit.count()
        });
        assert!(semaphore.try_acquire().is_none());
        assert_eq!(finished(task.join()), 1);
        assert!(semaphore.try_acquire().is_some());
    });
}

#[test]
fn zero_permits_are_available_unless_a_task_waits() {
    run(|| {
        let (semaphore, log) = (Semaphore::new(0), Log::default());
        drop(semaphore.acquire_many(0));
        let one = taker(&semaphore, 1, &log);
        let none = taker(&semaphore, 0, &log);
        yield_now();
        assert!(log.take().is_empty());
        semaphore.release(1).expect("room");
        finished(one.join());
        finished(none.join());
        assert_eq!(log.take(), ["1", "0"]);
    });
}

#[test]
fn permits_can_be_added_up_to_the_numeric_limit() {
    let semaphore = Semaphore::new(usize::MAX - 1);
    semaphore.release(1).expect("room for one");
    let error = semaphore.release(1).unwrap_err();
    assert_sentence(&error.to_string());
    assert_eq!(semaphore.available_permits(), usize::MAX);
}

#[test]
fn a_bounded_semaphore_refuses_surplus_permits() {
    let semaphore = BoundedSemaphore::new(2);
    assert_sentence(&semaphore.release(1).unwrap_err().to_string());
    semaphore.acquire().forget();
    semaphore.release(2).expect_err("only one is missing");
    assert_eq!(semaphore.available_permits(), 1);
    semaphore.release(1).expect("one is missing");
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn a_permit_whose_place_is_filled_releases_nothing() {
    let semaphore = BoundedSemaphore::new(1);
    let permit = semaphore.acquire();
    semaphore.release(1).expect("one is missing");
    let second = semaphore.acquire();
    drop(permit);
    drop(second);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn a_request_beyond_the_limit_is_refused_at_once() {
    run(|| {
        let semaphore = BoundedSemaphore::new(2);
        let text = sentence(|| semaphore.acquire_many(3));
        assert!(text.contains('3') && text.contains('2'), "{text}");
        assert!(semaphore.try_acquire_many(3).is_none());
    });
}

#[test]
fn a_forgotten_permit_is_never_released() {
    let semaphore = Semaphore::new(1);
    std::mem::forget(semaphore.acquire());
    assert_eq!(semaphore.available_permits(), 0);
    assert!(semaphore.try_acquire().is_none());
}
