//! Tasks that can't be ended, or whose stack is too small: the others go on, or the process ends with a sentence.

use std::cell::{Cell, RefCell};
use std::panic::catch_unwind;
use std::rc::Rc;

use selvedge::coroutine::{remaining_stack_bytes, scope};
use selvedge::event_loop::{ExceptionContext, current_loop};
use selvedge::stack::DEFAULT_STACK_SIZE_BYTES;
use selvedge::task::spawn_eager;
use selvedge::{Yielder, run, sleep, spawn, spawn_named, yield_now};

use crate::play;
use crate::support::{
    A_SECOND, AN_HOUR, Log, Reports, assert_sentence, finished, in_virtual_loop, virtual_loop,
};

pub const SCENARIOS: &[(&str, fn())] = &[
    (
        "main_hosts_an_unclosable_child",
        main_hosts_an_unclosable_child,
    ),
    ("task_overflows", task_overflows),
    ("handler_overflows", handler_overflows),
    ("abandoned_in_each_other", abandoned_in_each_other),
];

/// Opens a scope with a child that swallows every unwind, so it can't be ended. Does not return.
fn scope_with_an_unclosable_child(borrowed: &str) {
    scope(|s| {
        let mut child = s.coroutine(|yielder: &Yielder<(), ()>, ()| {
            loop {
                let _ = catch_unwind(std::panic::AssertUnwindSafe(|| yielder.suspend(())));
                assert!(!borrowed.is_empty(), "what it borrows is still there");
            }
        });
        child.resume();
    });
    println!("the scope returned");
}

#[test]
fn a_task_whose_scope_cannot_end_is_abandoned_others_go_on() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let (reports, inside) = (Reports::of(&event_loop), log.clone());
    finished(event_loop.run_until_complete(move || {
        let (unwound, dropped) = (inside.clone(), inside.clone());
        let task = spawn_named("abandoned", move || {
            let _guard = unwound.guard("the abandoned task was unwound");
            scope_with_an_unclosable_child(&String::from("a local of the task"));
        });
        let reference = task.task_ref();
        task.add_done_callback(move |done| dropped.push(format!("{} is done", done.name())));
        let error = task.join().expect_err("it was abandoned");
        assert!(!error.is_cancelled());
        assert_sentence(&error.to_string());
        assert!(reference.is_done() && !reference.cancel());
        for _ in 0..10 {
            sleep(A_SECOND);
        }
        assert_eq!(finished(spawn(|| 5).join()), 5);
    }));
    drop(event_loop);
    assert_eq!(log.take(), ["abandoned is done"]);
    assert!(
        reports
            .take()
            .iter()
            .all(|report| report.subject.as_deref() == Some("abandoned"))
    );
}

#[test]
fn an_abandoned_task_is_never_woken_again() {
    in_virtual_loop(|| {
        let wakes = Rc::new(RefCell::new(None));
        let keeps = Rc::clone(&wakes);
        let task = spawn(move || {
            // A finished wait leaves no waker that could wake the task later.
            selvedge::block_on(std::future::poll_fn(|context| {
                keeps.replace(Some(context.waker().clone()));
                std::task::Poll::Ready(())
            }));
            scope_with_an_unclosable_child(&String::from("a local of the task"));
        });
        assert!(task.join().is_err());
        let waker = wakes.take().expect("a waker");
        waker.wake_by_ref();
        waker.wake();
        for _ in 0..200 {
            yield_now();
        }
        sleep(AN_HOUR);
    });
}

fn main_hosts_an_unclosable_child() {
    run(|| scope_with_an_unclosable_child(&String::from("a local of main")));
    println!("run returned");
}

#[test]
fn a_main_whose_scope_cannot_end_aborts_with_a_sentence() {
    let ended = play("main_hosts_an_unclosable_child");
    ended.assert_killed_by(libc::SIGABRT);
    ended.assert_reported(&["selvedge"]);
    assert!(!ended.stdout.contains("returned"), "{ended:#?}");
}

fn descend(depth: usize) -> usize {
    let frame = std::hint::black_box([depth; 64]);
    if depth == usize::MAX {
        return 0;
    }
    descend(depth + 1) + frame[0]
}

fn task_overflows() {
    run(|| {
        assert!(remaining_stack_bytes().is_some());
        let task = spawn_named("treadle", || descend(0));
        println!("{}", task.join().is_ok());
    });
}

#[test]
fn a_task_that_overflows_its_stack_is_named() {
    let ended = play("task_overflows");
    ended.assert_killed_by(libc::SIGABRT);
    let size = format!("{} KiB", DEFAULT_STACK_SIZE_BYTES / 1024);
    ended.assert_reported(&["treadle", &size, "stack_size"]);
}

/// The handler runs on the stack of a finished task, whose name must still be valid for the report.
fn handler_overflows() {
    run(|| {
        let handler = |_: &ExceptionContext| {
            let reused: Vec<Vec<u8>> = (0..200).map(|n| vec![b'#'; n]).collect();
            std::hint::black_box(&reused);
            descend(0);
        };
        let local = current_loop().expect("a loop");
        local.set_exception_handler(handler).expect("open");
        spawn_named(
            "a treadle with a rather long name, of several words",
            || panic!("torn"),
        )
        .detach();
        (0..5).for_each(|_| yield_now());
    });
}

#[test]
fn a_handlers_overflow_is_reported_without_reading_freed_memory() {
    let ended = play("handler_overflows");
    ended.assert_killed_by(libc::SIGABRT);
    assert!(!ended.stderr.contains("####"), "{ended:#?}");
}

thread_local! {
    static N_CALLS: Cell<u32> = const { Cell::new(0) };
}

/// The handler runs on the stack of a finished task, abandons an eager task that it spawns, and then the task whose
/// stack it runs on.
fn abandoned_in_each_other() {
    run(|| {
        let handler = |_: &ExceptionContext| match N_CALLS.replace(N_CALLS.get() + 1) {
            0 => {
                spawn_eager(|| {
                    let local = current_loop().expect("a loop");
                    let inner = ExceptionContext::new("called inside an eager task");
                    local.call_exception_handler(&inner).expect("open");
                })
                .detach();
                scope_with_an_unclosable_child("static");
            }
            1 => scope_with_an_unclosable_child("static"),
            _ => (),
        };
        let local = current_loop().expect("a loop");
        local.set_exception_handler(handler).expect("open");
        let other = spawn(|| {
            (0..10).for_each(|_| yield_now());
            "the other ends"
        });
        spawn(|| {
            yield_now();
            yield_now();
            panic!("torn");
        })
        .detach();
        println!("{}", finished(other.join()));
        sleep(std::time::Duration::from_millis(1));
        println!("main goes on");
    });
    println!("run returned");
}

#[test]
fn tasks_abandoned_on_each_others_stacks_are_distinguished() {
    let ended = play("abandoned_in_each_other");
    ended.assert_exited(0);
    for line in ["the other ends", "main goes on", "run returned"] {
        assert!(ended.stdout.contains(line), "{ended:#?}");
    }
    assert!(!ended.stdout.contains("the scope returned"), "{ended:#?}");
}
