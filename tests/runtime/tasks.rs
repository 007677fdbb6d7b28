//! Tasks: names and numbers, which task is current, eager and fallible spawning, the builder, and detaching.

use std::collections::HashSet;
use std::io;
use std::rc::Rc;

use selvedge::task::Builder;
use selvedge::{
    Task, TaskRef, all_tasks, current_loop, current_task, remaining_stack, sleep, spawn,
    spawn_eager, spawn_fallible, spawn_named, yield_now,
};

use crate::support::{
    A_SECOND, AN_HOUR, Hops, Log, Reports, event_loop, finished, in_virtual_loop, shared, soon,
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
fn all_tasks_are_those_that_are_not_done() {
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
fn an_eager_task_takes_its_first_step_at_once() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let own = inside.clone();
        let main = current().id();
        let task = spawn_eager(move || {
            assert_ne!(current().id(), main);
            own.push("first step");
            yield_now();
            own.push("second step");
            5
        });
        assert_eq!(current().id(), main, "the spawner is current again");
        inside.push("spawned");
        assert!(!task.is_done());
        assert_eq!(finished(task.join()), 5);
    });
    assert_eq!(log.take(), ["first step", "spawned", "second step"]);
}

#[test]
fn an_eager_task_that_does_not_wait_is_done_without_being_scheduled() {
    in_virtual_loop(|| {
        let hops = Hops::start();
        let before = hops.count();
        let task = spawn_eager(|| vec![1, 2, 3]);
        assert!(task.is_done());
        assert_eq!(finished(task.join()), [1, 2, 3]);
        assert_eq!(hops.count(), before);
    });
}

#[test]
fn an_eager_task_that_panics_keeps_its_panic_for_join() {
    in_virtual_loop(|| {
        let task = spawn_eager(|| panic!("in the first step"));
        assert!(task.is_done());
        let error = task.join().map(|()| "joined").expect_err("it panicked");
        assert!(error.is_panic());
        assert_eq!(error.message().to_string(), "in the first step");
        yield_now();
    });
}

#[test]
fn eager_tasks_nest() {
    in_virtual_loop(|| {
        fn nested(depth: u32) -> u32 {
            let id = current().id();
            let sum = if depth == 0 {
                0
            } else {
                finished(spawn_eager(move || nested(depth - 1)).join()) + 1
            };
            assert_eq!(current().id(), id);
            yield_now();
            assert_eq!(current().id(), id);
            sum
        }
        assert_eq!(nested(20), 20);
    });
}

#[test]
fn a_fallible_task_that_fails_gives_its_error_to_join() {
    in_virtual_loop(|| {
        let failing = spawn_fallible(|| -> Result<u32, io::Error> {
            yield_now();
            Err(io::Error::new(
                io::ErrorKind::NotFound,
                "no thread left on the spool",
            ))
        });
        let error = failing.join().expect_err("it failed");
        assert!(!error.is_panic() && !error.is_cancelled());
        let cause = error.downcast_ref::<io::Error>().expect("the same error");
        assert_eq!(cause.kind(), io::ErrorKind::NotFound);
        assert!(error.message().to_string().contains("no thread left"));
        assert!(error.to_string().contains("no thread left"));
        let succeeding = spawn_fallible(|| -> Result<u32, io::Error> { Ok(6) });
        assert_eq!(finished(succeeding.join()), 6);
    });
}

#[test]
fn a_plain_task_that_returns_an_error_has_succeeded() {
    in_virtual_loop(|| {
        let task = spawn(|| Err::<(), &str>("an ordinary value"));
        assert_eq!(finished(task.join()), Err("an ordinary value"));
    });
}

#[test]
fn the_builder_names_a_task_and_sizes_its_stack() {
    in_virtual_loop(|| {
        let small = spawn(remaining_stack);
        let large = Builder::new()
            .name("beam")
            .stack_size(4 << 20)
            .spawn(|| (current().name(), remaining_stack()))
            .expect("a stack");
        assert_eq!(large.name(), "beam");
        let small = finished(small.join()).expect("the bounds of a task's stack");
        let (name, large) = finished(large.join());
        let large = large.expect("the bounds of a task's stack");
        assert_eq!(name, "beam");
        assert!(large > 3 << 20 && small < 1 << 20, "{large} and {small}");
    });
}

#[test]
fn a_stack_that_does_not_fit_the_address_space_is_an_error_of_the_builder() {
    in_virtual_loop(|| {
        let refused = Builder::new().stack_size(1 << 60).spawn(|| ());
        assert!(refused.is_err());
        finished(spawn(|| ()).join());
    });
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
    assert!(
        outcome
            .map(|_: ()| ())
            .expect_err("cancelled")
            .is_cancelled()
    );
    assert!(reports.take().is_empty());
}
