//! Ways to spawn: eagerly, fallibly, with the builder's name and stack size.

use std::io;

use selvedge::coroutine::remaining_stack_bytes;
use selvedge::stack::{DEFAULT_STACK_SIZE_BYTES, MIN_STACK_SIZE_BYTES};
use selvedge::task::{TaskRef, current_task, spawn_eager};
use selvedge::{EventLoop, Task, spawn, spawn_fallible, yield_now};

use crate::support::{Hops, Log, finished, in_virtual_loop};

fn current() -> TaskRef {
    current_task().expect("this is a task")
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
fn an_eager_task_without_a_wait_is_done_without_scheduling() {
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
        assert_eq!(error.message().unwrap(), "in the first step");
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
        assert!(
            error
                .message()
                .unwrap()
                .to_string()
                .contains("no thread left")
        );
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
        let small = spawn(remaining_stack_bytes);
        let large = Task::builder()
            .name("beam")
            .stack_size_bytes(4 << 20)
            .spawn(|| (current().name(), remaining_stack_bytes()))
            .expect("a stack");
        assert_eq!(large.name(), "beam");
        let small = finished(small.join()).expect("the bounds of a task's stack");
        let (name, large) = finished(large.join());
        let large = large.expect("the bounds of a task's stack");
        assert_eq!(name, "beam");
        assert!(
            large > 3 << 20 && small < 2 * DEFAULT_STACK_SIZE_BYTES,
            "{large} and {small}"
        );
    });
}

#[test]
fn a_stack_too_large_to_map_is_an_error_of_the_builder() {
    in_virtual_loop(|| {
        let refused = Task::builder().stack_size_bytes(1 << 60).spawn(|| ());
        assert!(refused.is_err());
        finished(spawn(|| ()).join());
    });
}

#[test]
fn the_stack_size_of_a_loop_is_that_of_its_tasks() {
    let remaining = |size_bytes| {
        let builder = EventLoop::builder().stack_size_bytes(size_bytes);
        builder
            .run(|| finished(spawn(remaining_stack_bytes).join()).expect("the bounds of a stack"))
    };
    let (small, large) = (remaining(64 * 1024), remaining(8 << 20));
    assert!(small < 128 * 1024 && large > 7 << 20, "{small} and {large}");
}

#[test]
fn a_small_stack_size_is_raised_to_the_documented_minimum() {
    let remaining =
        || finished(spawn(remaining_stack_bytes).join()).expect("the bounds of a stack");
    let left = EventLoop::builder()
        .stack_size_bytes(8 * 1024)
        .run(remaining);
    let page = 4096 * 16;
    assert!(
        left > MIN_STACK_SIZE_BYTES / 2 && left < MIN_STACK_SIZE_BYTES + page,
        "{left}"
    );
    in_virtual_loop(|| {
        let task = Task::builder()
            .stack_size_bytes(1)
            .spawn(remaining_stack_bytes);
        let left = finished(task.expect("a stack").join()).expect("the bounds of a stack");
        assert!(left > MIN_STACK_SIZE_BYTES / 2, "{left}");
    });
}
