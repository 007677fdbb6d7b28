//! Tasks that can't be ended, or whose stack is too small: the others go on, or the process ends with a sentence.

use std::cell::RefCell;
use std::panic::catch_unwind;
use std::rc::Rc;

use selvedge::coroutine::scope;
use selvedge::{Yielder, remaining_stack, run, sleep, spawn, spawn_named, yield_now};

use crate::play;
use crate::support::{
    A_SECOND, AN_HOUR, Log, Reports, assert_sentence, finished, in_virtual_loop, virtual_loop,
};

pub const SCENARIOS: &[(&str, fn())] = &[
    ("main_hosts_a_stubborn_child", main_hosts_a_stubborn_child),
    ("task_overflows", task_overflows),
];

/// A scope whose child can't be ended: it swallows every unwind. Does not return.
fn scope_with_a_stubborn_child(borrowed: &str) {
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
fn a_task_whose_scope_can_not_end_is_abandoned_and_the_others_go_on() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let (reports, inside) = (Reports::of(&event_loop), log.clone());
    finished(event_loop.run_until_complete(move || {
        let (unwound, dropped) = (inside.clone(), inside.clone());
        let task = spawn_named("stubborn", move || {
            let _guard = unwound.guard("the abandoned task was unwound");
            scope_with_a_stubborn_child(&String::from("a local of the task"));
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
    assert_eq!(log.take(), ["stubborn is done"]);
    assert!(
        reports
            .take()
            .iter()
            .all(|report| report.subject.as_deref() == Some("stubborn"))
    );
}

#[test]
fn an_abandoned_task_is_woken_by_nothing_any_more() {
    in_virtual_loop(|| {
        let wakes = Rc::new(RefCell::new(None));
        let keeps = Rc::clone(&wakes);
        let task = spawn(move || {
            // A wait that is over leaves nothing behind that could wake the task later.
            selvedge::block_on(std::future::poll_fn(|context| {
                keeps.replace(Some(context.waker().clone()));
                std::task::Poll::Ready(())
            }));
            scope_with_a_stubborn_child(&String::from("a local of the task"));
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

fn main_hosts_a_stubborn_child() {
    run(|| scope_with_a_stubborn_child(&String::from("a local of main")));
    println!("run returned");
}

#[test]
fn a_main_whose_scope_can_not_end_aborts_with_a_sentence() {
    let ended = play("main_hosts_a_stubborn_child");
    ended.assert_killed_by(libc::SIGABRT);
    ended.assert_reported(&["selvedge"]);
    assert!(!ended.stdout.contains("returned"), "{ended:#?}");
}

fn task_overflows() {
    fn descend(depth: usize) -> usize {
        let frame = std::hint::black_box([depth; 64]);
        if depth == usize::MAX {
            return 0;
        }
        descend(depth + 1) + frame[0]
    }
    run(|| {
        assert!(remaining_stack().is_some());
        let task = spawn_named("treadle", || descend(0));
        println!("{}", task.join().is_ok());
    });
}

#[test]
fn a_task_that_overflows_its_stack_is_named() {
    let ended = play("task_overflows");
    ended.assert_killed_by(libc::SIGABRT);
    ended.assert_reported(&["treadle", "256 KiB", "stack_size"]);
}
