//! asyncio's iteration rule: an iteration runs the entries that were ready at its start. And the number of hops of each
//! operation.

use std::rc::Rc;
use std::time::{Duration, Instant};

use selvedge::event_loop::current_loop;
use selvedge::time::sleep_until;
use selvedge::{EventLoop, Promise, sleep, spawn, yield_now};

use crate::support::{
    A_SECOND, AN_HOUR, Hops, Log, event_loop, finished, in_virtual_loop, shared, soon, stop,
    virtual_loop,
};

/// Runs exactly one iteration.
fn once(event_loop: &EventLoop) {
    event_loop.stop();
    event_loop.run_forever().expect("stopped");
}

#[test]
fn an_iteration_runs_the_entries_ready_at_its_start() {
    let (event_loop, log) = (event_loop(), Log::default());
    let first = log.clone();
    event_loop.call_soon(move || {
        first.push("first");
        let nested = first.clone();
        soon(move || {
            nested.push("scheduled by first");
            soon(nested.pusher("scheduled by that"));
        });
    });
    event_loop.call_soon(log.pusher("second"));
    once(&event_loop);
    assert_eq!(log.take(), ["first", "second"]);
    once(&event_loop);
    assert_eq!(log.take(), ["scheduled by first"]);
    once(&event_loop);
    assert_eq!(log.take(), ["scheduled by that"]);
    once(&event_loop);
    assert!(log.take().is_empty());
}

#[test]
fn a_task_takes_one_step_an_iteration() {
    let (event_loop, log) = (event_loop(), Log::default());
    let inside = log.clone();
    let task = event_loop.create_task(move || {
        for step in ["one", "two", "three"] {
            inside.push(step);
            yield_now();
        }
    });
    assert!(log.take().is_empty(), "creating a task runs nothing");
    for step in ["one", "two", "three"] {
        once(&event_loop);
        assert_eq!(log.take(), [step]);
    }
    assert!(!task.is_done());
    once(&event_loop);
    assert!(task.is_done());
}

#[test]
fn tasks_that_a_task_spawns_start_in_the_next_iteration() {
    let (event_loop, log) = (event_loop(), Log::default());
    let inside = log.clone();
    let _task = event_loop.create_task(move || {
        inside.push("parent");
        spawn(inside.pusher("child")).detach();
        inside.push("parent goes on");
    });
    once(&event_loop);
    assert_eq!(log.take(), ["parent", "parent goes on"]);
    once(&event_loop);
    assert_eq!(log.take(), ["child"]);
}

#[test]
fn tasks_and_callbacks_share_one_queue_in_order() {
    let (event_loop, log) = (event_loop(), Log::default());
    for round in 0..3 {
        let (callback, task) = (log.clone(), log.clone());
        event_loop.call_soon(move || callback.push(format!("callback {round}")));
        drop(event_loop.create_task(move || task.push(format!("task {round}"))));
    }
    once(&event_loop);
    let expected = [
        "callback 0",
        "task 0",
        "callback 1",
        "task 1",
        "callback 2",
        "task 2",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn yielding_tasks_take_turns() {
    let (event_loop, log) = (event_loop(), Log::default());
    for name in ["a", "b", "c"] {
        let log = log.clone();
        drop(event_loop.create_task(move || {
            for _ in 0..2 {
                log.push(name);
                yield_now();
            }
        }));
    }
    for _ in 0..3 {
        once(&event_loop);
    }
    assert_eq!(log.take(), ["a", "b", "c", "a", "b", "c"]);
}

#[test]
fn stop_before_run_forever_gives_one_iteration_without_waiting() {
    let (event_loop, log) = (event_loop(), Log::default());
    event_loop.call_later(AN_HOUR, log.pusher("in an hour"));
    once(&event_loop);
    event_loop.call_soon(log.pusher("soon"));
    once(&event_loop);
    assert_eq!(log.take(), ["soon"]);
}

#[test]
fn timers_that_are_due_join_the_iteration() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    event_loop.call_later(Duration::ZERO, log.pusher("due"));
    event_loop.call_later(A_SECOND, log.pusher("not yet"));
    event_loop.call_soon(log.pusher("soon"));
    once(&event_loop);
    assert_eq!(log.take(), ["soon", "due"]);
}

#[test]
fn stop_completes_the_iteration_and_keeps_the_rest() {
    let (event_loop, log) = (event_loop(), Log::default());
    let inside = log.clone();
    event_loop.call_soon(move || {
        inside.push("stops");
        stop();
        soon(inside.pusher("kept"));
    });
    event_loop.call_soon(log.pusher("completes"));
    event_loop.run_forever().expect("stopped");
    assert_eq!(log.take(), ["stops", "completes"]);
    once(&event_loop);
    assert_eq!(log.take(), ["kept"]);
}

#[test]
fn stopping_twice_stops_once() {
    let (event_loop, log) = (event_loop(), Log::default());
    event_loop.stop();
    event_loop.stop();
    event_loop.run_forever().expect("stopped");
    event_loop.call_soon(log.pusher("ran"));
    event_loop.call_soon(stop);
    event_loop.run_forever().expect("stopped by the callback");
    assert_eq!(log.take(), ["ran"]);
    assert_eq!(finished(event_loop.run_until_complete(|| 4)), 4);
}

#[test]
fn a_stop_in_run_until_complete_leaves_the_promise_pending() {
    let event_loop = event_loop();
    let promise = event_loop.create_promise::<u32>();
    event_loop.call_soon(stop);
    let error = event_loop.run_until_complete(promise.clone());
    assert!(
        !error
            .expect_err("stopped before it was done")
            .is_cancelled()
    );
    assert!(!promise.is_done());
    let setter = promise.clone();
    event_loop.call_soon(move || setter.set_result(8).expect("pending"));
    assert_eq!(finished(event_loop.run_until_complete(promise)), 8);
}

#[test]
fn a_task_pending_at_a_stop_goes_on_in_the_next_run() {
    let (event_loop, log) = (event_loop(), Log::default());
    let inside = log.clone();
    let outcome = event_loop.run_until_complete(move || {
        stop();
        yield_now();
        inside.push("went on");
        stop();
    });
    assert!(outcome.is_err());
    assert!(log.take().is_empty());
    event_loop.run_forever().expect("stopped by the task");
    assert_eq!(log.take(), ["went on"]);
}

#[test]
fn is_running_is_true_inside_only() {
    let event_loop = event_loop();
    assert!(!event_loop.is_running());
    let event_loop = Rc::new(event_loop);
    let (inside, seen) = (Rc::clone(&event_loop), shared(false));
    let saw = Rc::clone(&seen);
    event_loop.call_soon(move || saw.set(inside.is_running()));
    once(&event_loop);
    assert!(seen.get() && !event_loop.is_running());
}

#[test]
fn yielding_takes_one_hop() {
    in_virtual_loop(|| {
        let hops = Hops::start();
        assert_eq!(hops.during(yield_now), 1);
        assert_eq!(hops.during(|| (0..10).for_each(|_| yield_now())), 10);
    });
}

#[test]
fn a_zero_sleep_takes_one_hop() {
    in_virtual_loop(|| {
        let hops = Hops::start();
        assert_eq!(hops.during(|| sleep(Duration::ZERO)), 1);
        assert_eq!(
            hops.during(|| (0..10).for_each(|_| sleep(Duration::ZERO))),
            10
        );
    });
}

#[test]
fn a_sleep_until_the_past_takes_one_hop() {
    in_virtual_loop(|| {
        let hops = Hops::start();
        let past: Instant = current_loop().expect("a loop").time().expect("open");
        assert_eq!(hops.during(|| sleep_until(past)), 1);
    });
}

#[test]
fn completing_a_promise_resumes_its_waiter_one_hop_later() {
    in_virtual_loop(|| {
        let hops = Hops::start();
        let (promise, set_at) = (Promise::new(), shared(0));
        let (setter, at, count) = (promise.clone(), Rc::clone(&set_at), hops.counter());
        soon(move || {
            at.set(count.get());
            setter.set_result("done").expect("pending");
        });
        assert_eq!(finished(promise.wait()), "done");
        assert_eq!(hops.count() - set_at.get(), 1);
    });
}

#[test]
fn the_end_of_a_task_resumes_its_joiner_one_hop_later() {
    in_virtual_loop(|| {
        let hops = Hops::start();
        let count = hops.counter();
        let task = spawn(move || {
            yield_now();
            count.get()
        });
        let ended_at = finished(task.join());
        assert_eq!(hops.count() - ended_at, 1);
    });
}

#[test]
fn waiting_for_a_finished_result_takes_no_hop() {
    in_virtual_loop(|| {
        let hops = Hops::start();
        let promise = Promise::new();
        promise.set_result(1).expect("pending");
        let task = spawn(|| 2);
        yield_now();
        let before = hops.count();
        assert_eq!(finished(promise.wait()), 1);
        assert_eq!(finished(promise.take()), 1);
        assert_eq!(finished(task.join()), 2);
        assert_eq!(hops.count(), before);
    });
}

#[test]
fn done_callbacks_run_one_hop_after_the_end() {
    in_virtual_loop(|| {
        let hops = Hops::start();
        let (promise, ran_at) = (Promise::new(), shared(0));
        let (at, count) = (Rc::clone(&ran_at), hops.counter());
        promise.add_done_callback(move |_| at.set(count.get()));
        yield_now();
        let set_at = hops.count();
        promise.set_result(()).expect("pending");
        assert_eq!(ran_at.get(), 0, "callbacks run through the queue");
        yield_now();
        assert_eq!(ran_at.get() - set_at, 1);
    });
}

#[test]
fn a_thousand_promises_in_a_row_take_a_thousand_hops() {
    const N_LINKS: u64 = 1000;
    in_virtual_loop(|| {
        let hops = Hops::start();
        let first = Promise::new();
        let mut last = first.clone();
        for _ in 0..N_LINKS {
            let (from, to) = (last, Promise::new());
            last = to.clone();
            let link = move || to.set_result(finished(from.wait()) + 1).expect("pending");
            spawn(link).detach();
        }
        yield_now();
        let before = hops.count();
        first.set_result(0).expect("pending");
        assert_eq!(finished(last.wait()), N_LINKS);
        // Each link's task counts one, and so does main.
        assert_eq!(hops.count() - before, N_LINKS + 1);
    });
}
