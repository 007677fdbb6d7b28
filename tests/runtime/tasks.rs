//! Tasks: names and numbers, which task is current, eager and fallible spawning, the builder, and detaching.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use selvedge::event_loop::current_loop;
use selvedge::task::{TaskRef, all_tasks, current_task};
use selvedge::{Task, sleep, spawn, spawn_named, yield_now};

use crate::support::{
    A_SECOND, AN_HOUR, Log, OnDrop, Reports, event_loop, finished, in_virtual_loop, shared, soon,
    virtual_loop,
};

fn current() -> TaskRef {
    current_task().expect("this is a task")
}

#[test]
fn tasks_are_numbered_in_the_order_of_spawning() {
    in_virtual_loop(|| {
        let numbers: Vec<u64> = (0..5)
            .map(|_| {
                let name = spawn(|| ()).name();
                let number = name.strip_prefix("Task-").expect("Task- and a number");
                number.parse().expect("a number")
            })
            .collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    });
}

#[test]
fn a_name_is_kept_and_seen_from_inside() {
    in_virtual_loop(|| {
        let task = spawn_named("shuttle", || current().name());
        assert_eq!(task.name(), "shuttle");
        assert_eq!(task.task_ref().name(), "shuttle");
        assert_eq!(finished(task.join()), "shuttle");
    });
}

#[test]
fn numbers_are_never_used_again() {
    in_virtual_loop(|| {
        let mut seen = HashSet::new();
        for _ in 0..1000 {
            let task = spawn(|| ());
            assert!(seen.insert(task.id()), "{:?} again", task.id());
            finished(task.join());
        }
    });
}

#[test]
fn the_current_task_is_right_whenever_tasks_interleave() {
    in_virtual_loop(|| {
        let main = current().id();
        let tasks: Vec<Task<()>> = (0..10)
            .map(|n| {
                spawn(move || {
                    let own = current().id();
                    for step in 0..10 {
                        if (n + step) % 3 == 0 {
                            sleep(A_SECOND);
                        } else {
                            yield_now();
                        }
                        assert_eq!(current().id(), own);
                    }
                })
            })
            .collect();
        let ids: HashSet<_> = tasks.iter().map(Task::id).collect();
        assert_eq!(ids.len(), 10);
        assert!(!ids.contains(&main));
        for task in tasks {
            finished(task.join());
            assert_eq!(current().id(), main);
        }
    });
}

#[test]
fn a_task_and_its_reference_agree() {
    in_virtual_loop(|| {
        let task = spawn(yield_now);
        let reference = task.task_ref();
        assert_eq!((reference.id(), reference.name()), (task.id(), task.name()));
        assert!(!reference.is_done());
        let again = reference.clone();
        finished(task.join());
        assert!(reference.is_done() && again.is_done() && !again.is_cancelled());
        assert!(!reference.cancel(), "it is done");
    });
}

#[test]
fn all_tasks_lists_the_unfinished_tasks() {
    in_virtual_loop(|| {
        let ids = || -> HashSet<_> { all_tasks().iter().map(TaskRef::id).collect() };
        let main = current().id();
        assert_eq!(ids(), HashSet::from([main]));
        let parked = spawn(|| sleep(AN_HOUR));
        let fresh = spawn(|| ());
        let done = spawn(|| ());
        assert_eq!(ids().len(), 4);
        finished(done.join());
        assert_eq!(ids(), HashSet::from([main, parked.id()]));
        assert!(fresh.is_done());
        parked.cancel();
        assert!(parked.join().is_err());
        assert_eq!(ids(), HashSet::from([main]));
    });
}

#[test]
fn dropping_a_task_detaches_it() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        drop(spawn(move || {
            inside.push("started");
            sleep(A_SECOND);
            inside.push("ended");
        }));
        yield_now();
        sleep(2 * A_SECOND);
    });
    assert_eq!(log.take(), ["started", "ended"]);
}

#[test]
fn the_result_of_a_detached_task_is_dropped_when_it_ends() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let guard = inside.guard("result dropped");
        drop(spawn(move || {
            sleep(A_SECOND);
            guard
        }));
        yield_now();
        inside.push("detached");
        sleep(2 * A_SECOND);
        inside.push("main goes on");
    });
    assert_eq!(log.take(), ["detached", "result dropped", "main goes on"]);
}

#[test]
fn tasks_spawn_tasks_however_deep() {
    fn descend(depth: u32) -> u32 {
        if depth == 0 {
            return 0;
        }
        finished(spawn(move || descend(depth - 1)).join()) + 1
    }
    assert_eq!(in_virtual_loop(|| descend(1000)), 1000);
}

#[test]
fn a_loop_takes_tasks_before_it_runs_and_from_callbacks() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let early = event_loop.create_task(|| 1);
    let inside = log.clone();
    event_loop.call_soon(move || {
        let local = current_loop().expect("a loop");
        let task = local
            .create_task(inside.pusher("from a callback"))
            .expect("open");
        drop(task);
    });
    assert_eq!(finished(event_loop.run_until_complete(early)), 1);
    finished(event_loop.run_until_complete(yield_now));
    assert_eq!(log.take(), ["from a callback"]);
}

#[test]
fn a_callback_may_spawn_by_the_free_function_as_well() {
    in_virtual_loop(|| {
        let done = shared(false);
        let inside = Rc::clone(&done);
        soon(move || drop(spawn(move || inside.set(true))));
        yield_now();
        yield_now();
        assert!(done.get());
    });
}

#[test]
fn everything_has_debug() {
    in_virtual_loop(|| {
        let task = spawn_named("shuttle", || sleep(A_SECOND));
        let texts = [
            format!("{task:?}"),
            format!("{:?}", task.task_ref()),
            format!("{:?}", current_loop()),
            format!("{:?}", soon(|| ())),
        ];
        assert!(
            texts[0].contains("shuttle") && texts[1].contains("shuttle"),
            "{texts:?}"
        );
        assert!(texts.iter().all(|text| !text.is_empty()));
        finished(task.join());
    });
}

#[test]
fn tasks_that_a_loop_kept_between_runs_go_on() {
    let event_loop = event_loop();
    let reports = Reports::of(&event_loop);
    let seen = shared(0);
    let inside = Rc::clone(&seen);
    let task = event_loop.create_task(move || {
        loop {
            inside.set(inside.get() + 1);
            yield_now();
        }
    });
    for expected in 1..5 {
        finished(event_loop.run_until_complete(yield_now));
        assert!(seen.get() >= expected, "{} at {expected}", seen.get());
    }
    assert!(task.cancel());
    let outcome = event_loop.run_until_complete(task);
    assert!(outcome.expect_err("cancelled").is_cancelled());
    assert!(reports.take().is_empty());
}

#[test]
fn a_task_may_drop_its_own_handle() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let slot = Rc::new(RefCell::new(None::<Task<crate::support::Guard>>));
        let (own, logs) = (Rc::clone(&slot), inside.clone());
        let task = spawn(move || {
            drop(own.take());
            logs.push("detached by itself");
            yield_now();
            logs.guard("result dropped")
        });
        slot.replace(Some(task));
        sleep(A_SECOND);
        inside.push("main goes on");
    });
    assert_eq!(
        log.take(),
        ["detached by itself", "result dropped", "main goes on"]
    );
}

#[test]
fn a_done_callback_may_drop_the_handle_of_its_task() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let slot = Rc::new(RefCell::new(None::<Task<crate::support::Guard>>));
        let (own, logs) = (Rc::clone(&slot), inside.clone());
        let task = spawn(move || logs.guard("result dropped"));
        let logs = inside.clone();
        task.add_done_callback(move |done| {
            drop(own.take());
            logs.push(format!("{}", done.is_done()));
        });
        slot.replace(Some(task));
        sleep(A_SECOND);
    });
    assert_eq!(log.take(), ["result dropped", "true"]);
}

#[test]
fn the_result_of_a_detached_task_may_wait_in_its_destructor() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let logs = inside.clone();
        spawn(move || {
            OnDrop(move || {
                sleep(A_SECOND);
                logs.push("waited in the destructor");
            })
        })
        .detach();
        sleep(2 * A_SECOND);
        inside.push("main goes on");
    });
    assert_eq!(log.take(), ["waited in the destructor", "main goes on"]);
}
