//! The barrier: filling, draining, reset, aborted, broken.

use selvedge::sync::{Barrier, BrokenBarrier};
use selvedge::{Task, run, spawn, yield_now};

use crate::support::{Log, finished, sentence};

type Outcome = Result<usize, BrokenBarrier>;

fn comer(barrier: &Barrier) -> Task<Outcome> {
    let barrier = barrier.clone();
    spawn(move || barrier.wait())
}

fn outcomes<const N: usize>(tasks: [Task<Outcome>; N]) -> [Outcome; N] {
    tasks.map(|task| finished(task.join()))
}

#[test]
fn all_resume_when_the_last_has_arrived() {
    run(|| {
        let barrier = Barrier::new(3);
        let tasks = [comer(&barrier), comer(&barrier)];
        yield_now();
        assert_eq!((barrier.n_parties(), barrier.n_waiting()), (3, 2));
        assert!(!tasks[0].is_done() && !tasks[1].is_done());
        assert_eq!(barrier.wait(), Ok(2));
        assert_eq!(outcomes(tasks), [Ok(0), Ok(1)]);
        assert_eq!(barrier.n_waiting(), 0);
    });
}

#[test]
fn a_barrier_can_be_used_repeatedly() {
    run(|| {
        let (barrier, log) = (Barrier::new(3), Log::default());
        let tasks: Vec<Task<()>> = (0..3)
            .map(|n| {
                let (barrier, log) = (barrier.clone(), log.clone());
                spawn(move || {
                    for round in 0..4 {
                        (0..n).for_each(|_| yield_now());
                        log.push(format!("{round}"));
                        barrier.wait().expect("whole");
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| finished(task.join()));
        let rounds = log.take();
        assert!(rounds.is_sorted(), "{rounds:?}");
        assert_eq!(rounds.len(), 12);
    });
}

#[test]
fn an_arrival_while_others_leave_waits_for_the_next_round() {
    run(|| {
        let barrier = Barrier::new(2);
        let first = comer(&barrier);
        yield_now();
        assert_eq!(barrier.wait(), Ok(1));
        // The first has not left yet.
        let next = comer(&barrier);
        assert_eq!(outcomes([first]), [Ok(0)]);
        (0..3).for_each(|_| yield_now());
        assert!(!next.is_done());
        assert_eq!(barrier.wait(), Ok(1));
        assert_eq!(outcomes([next]), [Ok(0)]);
    });
}

#[test]
fn a_barrier_for_one_never_waits() {
    let barrier = Barrier::new(1);
    assert_eq!((barrier.wait(), barrier.wait()), (Ok(0), Ok(0)));
}

#[test]
fn a_barrier_for_zero_tasks_is_refused() {
    sentence(|| Barrier::new(0));
}

#[test]
fn a_cancelled_arrival_does_not_count() {
    run(|| {
        let barrier = Barrier::new(3);
        let tasks = [comer(&barrier), comer(&barrier)];
        yield_now();
        tasks[0].cancel();
        yield_now();
        assert_eq!(barrier.n_waiting(), 1);
        let third = comer(&barrier);
        yield_now();
        assert!(!third.is_done());
        assert_eq!(barrier.wait(), Ok(2));
        let [cancelled, second] = tasks;
        assert!(cancelled.join().unwrap_err().is_cancelled());
        assert_eq!(outcomes([second, third]), [Ok(0), Ok(1)]);
    });
}

#[test]
fn a_waiter_cancelled_on_its_way_out_does_not_block_the_others() {
    run(|| {
        let barrier = Barrier::new(3);
        let tasks = [comer(&barrier), comer(&barrier)];
        yield_now();
        assert_eq!(barrier.wait(), Ok(2));
        tasks[0].cancel();
        let outside = comer(&barrier);
        let [cancelled, second] = tasks;
        assert!(cancelled.join().is_err());
        assert_eq!(outcomes([second]), [Ok(0)]);
        let inside = comer(&barrier);
        yield_now();
        assert_eq!(barrier.n_waiting(), 2);
        assert_eq!(barrier.wait(), Ok(2));
        assert_eq!(outcomes([outside, inside]), [Ok(0), Ok(1)]);
    });
}

#[test]
fn a_reset_breaks_the_waits_and_starts_a_new_round() {
    run(|| {
        let barrier = Barrier::new(3);
        let tasks = [comer(&barrier), comer(&barrier)];
        yield_now();
        barrier.reset();
        // Until they have left, new arrivals wait outside.
        let late = comer(&barrier);
        yield_now();
        assert_eq!(outcomes(tasks), [Err(BrokenBarrier); 2]);
        assert!(!barrier.is_broken() && !late.is_done());
        let other = comer(&barrier);
        yield_now();
        assert_eq!(barrier.wait(), Ok(2));
        assert_eq!(outcomes([late, other]), [Ok(0), Ok(1)]);
    });
}

#[test]
fn a_reset_breaks_the_waits_of_leaving_tasks_too() {
    run(|| {
        let barrier = Barrier::new(2);
        let first = comer(&barrier);
        yield_now();
        assert_eq!(barrier.wait(), Ok(1));
        barrier.reset();
        assert_eq!(outcomes([first]), [Err(BrokenBarrier)]);
        assert!(!barrier.is_broken());
    });
}

#[test]
fn resetting_an_empty_barrier_changes_nothing() {
    run(|| {
        let barrier = Barrier::new(2);
        barrier.reset();
        let first = comer(&barrier);
        yield_now();
        assert_eq!(barrier.wait(), Ok(1));
        assert_eq!(outcomes([first]), [Ok(0)]);
    });
}

#[test]
fn an_abort_breaks_the_barrier_until_a_reset() {
    run(|| {
        let barrier = Barrier::new(2);
        let first = comer(&barrier);
        yield_now();
        barrier.abort();
        assert!(barrier.is_broken());
        assert_eq!(barrier.wait(), Err(BrokenBarrier));
        assert_eq!(outcomes([first]), [Err(BrokenBarrier)]);
        assert_eq!(barrier.wait(), Err(BrokenBarrier));
        barrier.reset();
        assert!(!barrier.is_broken());
        let first = comer(&barrier);
        yield_now();
        assert_eq!(barrier.wait(), Ok(1));
        assert_eq!(outcomes([first]), [Ok(0)]);
    });
}

#[test]
fn an_abort_breaks_waits_outside_too() {
    run(|| {
        let barrier = Barrier::new(2);
        let first = comer(&barrier);
        yield_now();
        assert_eq!(barrier.wait(), Ok(1));
        let outside = comer(&barrier);
        let aborter = spawn({
            let barrier = barrier.clone();
            move || barrier.abort()
        });
        finished(aborter.join());
        let all = outcomes([first, outside]);
        assert_eq!(all[1], Err(BrokenBarrier));
        assert_eq!(barrier.wait(), Err(BrokenBarrier));
    });
}
