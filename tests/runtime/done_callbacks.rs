//! Done-callbacks of tasks: called through the queue, in order, with the task, and removable; and coroutines driven by
//! hand.

use std::cell::RefCell;
use std::rc::Rc;

use selvedge::task::current_task;
use selvedge::{Coroutine, CoroutineState, Yielder, sleep, spawn, spawn_named, yield_now};

use crate::support::{
    A_SECOND, Hops, Log, Reports, finished, in_virtual_loop, shared, virtual_loop,
};

#[test]
fn done_callbacks_run_in_order_with_the_task_outside_any_task() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let task = spawn_named("shuttle", yield_now);
        let id = task.id();
        for n in 0..3 {
            let log = inside.clone();
            task.add_done_callback(move |done| {
                assert!(done.is_done() && current_task().is_none());
                assert_eq!(done.id(), id);
                log.push(format!("{n}: {}", done.name()));
            });
        }
        finished(task.join());
        yield_now();
    });
    assert_eq!(log.take(), ["0: shuttle", "1: shuttle", "2: shuttle"]);
}

#[test]
fn a_callback_added_after_the_end_runs_through_the_queue() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let task = spawn(|| ());
        yield_now();
        assert!(task.is_done());
        let late = inside.clone();
        task.add_done_callback(move |_| late.push("callback"));
        inside.push("added");
        yield_now();
    });
    assert_eq!(log.take(), ["added", "callback"]);
}

#[test]
fn callbacks_run_however_the_task_ended() {
    let log = Log::default();
    let inside = log.clone();
    let event_loop = virtual_loop();
    let reports = Reports::of(&event_loop);
    finished(event_loop.run_until_complete(move || {
        let tasks = [
            spawn_named("returned", || ()),
            spawn_named("panicked", || panic!("torn")),
            spawn_named("cancelled", || sleep(A_SECOND)),
        ];
        for task in &tasks {
            let log = inside.clone();
            task.add_done_callback(move |done| {
                log.push(format!("{} {}", done.name(), done.is_cancelled()));
            });
        }
        let fresh = spawn_named("fresh", || ());
        let log = inside.clone();
        fresh.add_done_callback(move |done| {
            log.push(format!("{} {}", done.name(), done.is_cancelled()))
        });
        fresh.cancel();
        yield_now();
        tasks[2].cancel();
        yield_now();
        yield_now();
        assert!(tasks.iter().all(|task| task.is_done()));
        drop(finished(tasks[1].exception()));
    }));
    let mut ends = log.take();
    ends.sort();
    assert_eq!(
        ends,
        [
            "cancelled true",
            "fresh true",
            "panicked false",
            "returned false"
        ]
    );
    assert!(reports.take().is_empty());
}

#[test]
fn remove_and_clear_return_what_they_removed() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let task = spawn(yield_now);
        let push = |event: &'static str| {
            let log = inside.clone();
            move |_: &_| log.push(event)
        };
        let first = task.add_done_callback(push("first"));
        let second = task.add_done_callback(push("second"));
        assert!(task.remove_done_callback(first));
        assert!(!task.remove_done_callback(first));
        assert_eq!(task.clear_done_callbacks(), 1);
        assert_eq!(task.clear_done_callbacks(), 0);
        assert!(!task.remove_done_callback(second));
        task.add_done_callback(push("third"));
        sleep(A_SECOND);
        assert_eq!(task.clear_done_callbacks(), 0, "it has run");
    });
    assert_eq!(log.take(), ["third"]);
}

#[test]
fn a_removed_callback_is_dropped_at_once() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let task = spawn(yield_now);
        let guard = inside.guard("dropped");
        let id = task.add_done_callback(move |_| drop(guard));
        task.remove_done_callback(id);
        inside.push("removed");
        finished(task.join());
    });
    assert_eq!(log.take(), ["dropped", "removed"]);
}

#[test]
fn a_callback_that_panics_is_reported_and_the_others_run() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let (reports, inside) = (Reports::of(&event_loop), log.clone());
    finished(event_loop.run_until_complete(move || {
        let task = spawn(yield_now);
        task.add_done_callback(|_| panic!("out of a done-callback"));
        task.add_done_callback(move |_| inside.push("the next one"));
        finished(task.join());
        yield_now();
    }));
    assert_eq!(log.take(), ["the next one"]);
    let exception = reports.only().exception.expect("the panic");
    assert_eq!(exception.message().unwrap(), "out of a done-callback");
}

#[test]
fn a_callback_may_change_the_list_while_it_fires() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let task = Rc::new(spawn(yield_now));
        let (own, logs) = (Rc::downgrade(&task), inside.clone());
        task.add_done_callback(move |_| {
            let task = own.upgrade().expect("main holds it");
            logs.push("first");
            let added = logs.clone();
            task.add_done_callback(move |_| added.push("added while firing"));
            task.clear_done_callbacks();
        });
        sleep(A_SECOND);
        assert!(task.is_done());
    });
    // The added callback was either on the list, and cleared, or in the queue.
    let events = log.take();
    assert_eq!(events[0], "first");
    assert!(events.len() <= 2, "{events:?}");
}

/// Suspends `n` times and then returns how often it did.
fn steps(log: &Log, n: u32) -> Coroutine<(), (), u32> {
    let log = log.clone();
    Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        for step in 0..n {
            log.push(format!("step {step}"));
            yielder.suspend(());
        }
        n
    })
}

#[test]
fn a_fresh_coroutine_is_a_task_whose_suspensions_are_yields() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let coroutine = steps(&log, 3);
    assert_eq!(finished(event_loop.run_until_complete(coroutine)), 3);
    assert_eq!(log.take(), ["step 0", "step 1", "step 2"]);
}

#[test]
fn a_coroutine_resumed_by_hand_goes_on_as_a_task() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let mut coroutine = steps(&log, 3);
    assert_eq!(coroutine.resume(), CoroutineState::Yielded(()));
    assert_eq!(log.take(), ["step 0"]);
    assert_eq!(finished(event_loop.run_until_complete(coroutine)), 3);
    assert_eq!(log.take(), ["step 1", "step 2"]);
}

#[test]
fn each_suspension_of_a_driven_coroutine_is_one_hop() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let (driven, hopped) = (steps(&log, 10), shared(0));
    let hops_of = Rc::clone(&hopped);
    let local = event_loop.local();
    finished(event_loop.run_until_complete(move || {
        let hops = Hops::start();
        let task = local.create_task(driven).expect("open");
        let taken = hops.during(|| assert_eq!(finished(task.join()), 10));
        hops_of.set(taken);
    }));
    // Ten yields, the end, and the joiner's own.
    assert_eq!(hopped.get(), 12);
}

#[test]
fn a_driven_coroutine_may_wait_and_knows_its_task() {
    let event_loop = virtual_loop();
    let coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        let id = current_task().expect("a task drives it").id();
        sleep(A_SECOND);
        yielder.suspend(());
        let value = finished(spawn(|| 7).join());
        assert_eq!(current_task().expect("still").id(), id);
        value
    });
    let task = event_loop.create_task(coroutine);
    assert_eq!(finished(event_loop.run_until_complete(task)), 7);
}

#[test]
fn a_driven_coroutine_that_is_cancelled_unwinds() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let guard = RefCell::new(Some(log.guard("unwound")));
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _guard = guard.take();
        loop {
            yielder.suspend(());
        }
    });
    coroutine.resume();
    let task = event_loop.create_task(coroutine);
    finished(event_loop.run_until_complete(yield_now));
    assert!(task.cancel());
    let error = event_loop.run_until_complete(task).expect_err("cancelled");
    assert!(error.is_cancelled());
    assert_eq!(log.take(), ["unwound"]);
}

#[test]
fn a_fresh_coroutine_that_is_cancelled_as_a_task_never_starts() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let task = event_loop.create_task(steps(&log, 1));
    task.cancel();
    assert!(
        event_loop
            .run_until_complete(task)
            .expect_err("cancelled")
            .is_cancelled()
    );
    assert!(log.take().is_empty());
}

#[test]
fn a_finished_coroutine_makes_a_task_that_fails() {
    let event_loop = virtual_loop();
    let mut coroutine = steps(&Log::default(), 0);
    assert_eq!(coroutine.resume(), CoroutineState::Complete(0));
    assert!(event_loop.run_until_complete(coroutine).is_err());
}

#[test]
fn the_panic_of_a_driven_coroutine_is_its_tasks_panic() {
    let event_loop = virtual_loop();
    let coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        yielder.suspend(());
        panic!("torn");
    });
    let error = event_loop
        .run_until_complete(coroutine)
        .expect_err("it panicked");
    assert!(error.is_panic());
    assert_eq!(error.message().unwrap(), "torn");
}
