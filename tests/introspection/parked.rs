//! A task in any kind of wait: its backtrace names the functions that it is in, and then the task goes on.

use std::hint::black_box;
use std::io::{Read, Write};
use std::time::Duration;

use selvedge::coroutine::Status;
use selvedge::net::unix::UnixStream;
use selvedge::task::TaskStack;
use selvedge::{Promise, sleep, spawn, spawn_named, yield_now};

use crate::backtraces::{assert_in_order, assert_none, joined};
use crate::support::in_virtual_loop;

const A_SECOND: Duration = Duration::from_secs(1);
const FUNCTIONS: [&str; 3] = ["parked::inner", "parked::middle", "parked::outer"];

// `black_box` keeps the calls from becoming jumps, which leave no frame behind.

#[inline(never)]
fn inner(wait: fn() -> u32, n: u32) -> u32 {
    black_box(wait()) + n
}

#[inline(never)]
fn middle(wait: fn() -> u32, n: u32) -> u32 {
    black_box(inner(wait, n * 2)) + 1
}

#[inline(never)]
fn outer(wait: fn() -> u32, n: u32) -> u32 {
    black_box(middle(wait, n * 3)) + 1
}

/// The result of [`outer`] for an `n` if the wait returns 0.
fn expected(n: u32) -> u32 {
    n * 6 + 2
}

/// The stack of a task that waits inside three functions, and that goes on afterwards.
fn stack_of_one_that_waits(wait: fn() -> u32) -> TaskStack {
    let task = spawn(move || outer(wait, 7));
    yield_now();
    let stack = task.stack();
    assert_eq!(stack.status(), Status::Suspended);
    assert_in_order(&stack, &FUNCTIONS);
    assert_eq!(joined(task), expected(7));
    stack
}

#[test]
fn three_functions_are_named_in_order_and_the_task_goes_on() {
    in_virtual_loop(|| {
        let task = spawn_named("weaver", || {
            outer(
                || {
                    sleep(A_SECOND);
                    0
                },
                7,
            )
        });
        let site_line = line!() - 9;
        yield_now();
        for _ in 0..3 {
            let stack = task.stack();
            assert_in_order(&stack, &FUNCTIONS);
            assert_eq!(stack.name(), "weaver");
            assert_eq!(stack.id(), task.id());
            assert_eq!(stack.waits_for(), Some("a deadline"));
            let site = stack.created_at().expect("it was spawned somewhere");
            assert_eq!((site.file(), site.line()), (file!(), site_line));
        }
        assert_eq!(joined(task), expected(7));
    });
}

#[test]
fn a_task_that_sleeps_is_seen_in_the_sleep() {
    in_virtual_loop(|| {
        let stack = stack_of_one_that_waits(|| {
            sleep(A_SECOND);
            0
        });
        assert_eq!(stack.waits_for(), Some("a deadline"));
    });
}

#[test]
fn a_task_that_joins_is_seen_in_the_join() {
    in_virtual_loop(|| {
        let stack = stack_of_one_that_waits(|| {
            let other = spawn_named("the other", || {
                sleep(A_SECOND);
                0
            });
            joined(other)
        });
        assert_eq!(stack.waits_for(), Some("the task the other"));
    });
}

#[test]
fn a_task_that_awaits_a_promise_is_seen_in_the_wait() {
    in_virtual_loop(|| {
        let stack = stack_of_one_that_waits(|| {
            let promise = Promise::new();
            let other = promise.clone();
            spawn(move || {
                sleep(A_SECOND);
                other.set_result(0).expect("pending");
            })
            .detach();
            promise.wait().expect("it was set")
        });
        let what = stack.waits_for().expect("it waits");
        assert!(what.starts_with("a promise made at"), "{what}");
    });
}

#[test]
fn a_task_that_reads_is_seen_in_the_read() {
    selvedge::run(|| {
        let stack = stack_of_one_that_waits(|| {
            let (mut reader, mut writer) = UnixStream::pair().expect("a pair");
            spawn(move || {
                // Later than the backtrace, which is taken by then.
                for _ in 0..3 {
                    yield_now();
                }
                writer.write_all(&[0]).expect("a reader");
            })
            .detach();
            let mut byte = [1];
            reader.read_exact(&mut byte).expect("a byte");
            u32::from(byte[0])
        });
        let what = stack.waits_for().expect("it waits");
        assert!(what.ends_with("to be readable"), "{what}");
    });
}

#[test]
fn a_runnable_task_is_seen_where_it_yielded() {
    in_virtual_loop(|| {
        let stack = stack_of_one_that_waits(|| {
            yield_now();
            0
        });
        assert_eq!(stack.waits_for(), Some("its turn"));
    });
}

#[inline(never)]
fn watcher(tasks: &[selvedge::task::TaskRef], n_seen: &std::cell::Cell<usize>) {
    let own = selvedge::task::current_task().expect("a task");
    for task in tasks.iter().filter(|task| **task != own && !task.is_done()) {
        assert_in_order(&task.stack(), &["parked::yielder"]);
        assert_none(&task.stack(), &["parked::watcher"]);
        n_seen.set(n_seen.get() + 1);
    }
    black_box(());
}

#[inline(never)]
fn yielder(
    tasks: &std::cell::RefCell<Vec<selvedge::task::TaskRef>>,
    n_seen: &std::cell::Cell<usize>,
) {
    for _ in 0..4 {
        yield_now();
        watcher(&tasks.borrow(), n_seen);
    }
}

/// Tasks that yield to each other switch directly, without the loop, and are always runnable.
#[test]
fn tasks_that_only_yield_see_each_other() {
    const N: usize = 4;
    let tasks = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let n_seen = std::rc::Rc::new(std::cell::Cell::new(0));
    let (list, count) = (tasks.clone(), n_seen.clone());
    in_virtual_loop(move || {
        let spawned: Vec<_> = (0..N)
            .map(|_| {
                let (list, count) = (list.clone(), count.clone());
                spawn(move || yielder(&list, &count))
            })
            .collect();
        *list.borrow_mut() = spawned.iter().map(|task| task.task_ref()).collect();
        // Until each task has started: an unstarted one has no frames.
        yield_now();
        spawned.into_iter().for_each(joined);
    });
    assert!(n_seen.get() > 2 * N * (N - 1), "{}", n_seen.get());
}
