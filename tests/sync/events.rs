//! Events: all waiters are woken, once.

use selvedge::sync::Event;
use selvedge::{Task, run, spawn, yield_now};

use crate::support::{Hops, Log, finished};

#[test]
fn setting_wakes_all_in_their_order_one_hop_later() {
    run(|| {
        let (event, log) = (Event::new(), Log::default());
        let hops = Hops::start();
        let tasks: Vec<Task<u64>> = (0..3)
            .map(|n| {
                let (event, log, counter) = (event.clone(), log.clone(), hops.counter());
                spawn(move || {
                    event.wait();
                    log.push(format!("{n}"));
                    counter.get()
                })
            })
            .collect();
        yield_now();
        yield_now();
        let before = hops.count();
        event.set();
        event.set();
        for task in tasks {
            assert_eq!(finished(task.join()) - before, 1);
        }
        assert_eq!(log.take(), ["0", "1", "2"]);
        assert_eq!(hops.during(|| event.wait()), 0);
    });
}

#[test]
fn waiters_of_a_set_event_resume_even_if_it_is_cleared() {
    run(|| {
        let event = Event::default();
        let theirs = event.clone();
        let task = spawn(move || theirs.wait());
        yield_now();
        event.set();
        event.clear();
        let theirs = event.clone();
        let late = spawn(move || theirs.wait());
        finished(task.join());
        yield_now();
        assert!(!late.is_done() && !event.is_set());
        event.set();
        finished(late.join());
    });
}

#[test]
fn a_cancelled_waiter_leaves_the_others() {
    run(|| {
        let event = Event::new();
        let tasks = [(); 3].map(|()| {
            let event = event.clone();
            spawn(move || event.wait())
        });
        yield_now();
        tasks[1].cancel();
        event.set();
        tasks[0].cancel();
        let outcomes = tasks.map(|task| task.join().is_ok());
        assert_eq!(outcomes, [false, false, true]);
    });
}
