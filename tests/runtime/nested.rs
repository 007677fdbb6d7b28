//! Tasks whose bodies run coroutines, generators and other stacks, and wait inside them.

use std::cell::RefCell;
use std::rc::Rc;

use selvedge::coroutine::{Status, on_stack, scope};
use selvedge::task::current_task;
use selvedge::{Coroutine, CoroutineState, Generator, Promise, Yielder, sleep, spawn, yield_now};

use crate::support::{A_SECOND, AN_HOUR, Log, finished, in_virtual_loop, sentence};

#[test]
fn a_nested_coroutine_runs_in_the_task_that_resumes_it() {
    in_virtual_loop(|| {
        let id = current_task().expect("a task").id();
        let mut nested = Coroutine::new(|yielder: &Yielder<(), _>, ()| {
            yielder.suspend(current_task().expect("the same task").id());
            current_task().expect("the same task").id()
        });
        assert_eq!(nested.resume().yielded(), Some(id));
        yield_now();
        let other = finished(
            spawn(move || {
                let own = current_task().expect("a task").id();
                (own, nested.resume().complete())
            })
            .join(),
        );
        assert_eq!(other.1, Some(other.0));
        assert_eq!(current_task().expect("a task").id(), id);
    });
}

#[test]
fn a_task_may_wait_inside_a_nested_coroutine_while_others_run() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let other = inside.clone();
        spawn(move || {
            for _ in 0..3 {
                other.push("other");
                yield_now();
            }
        })
        .detach();
        let nested_log = inside.clone();
        let mut nested = Coroutine::new(move |yielder: &Yielder<(), u32>, ()| {
            for n in 0..3 {
                nested_log.push("nested");
                yield_now();
                yielder.suspend(n);
            }
        });
        for n in 0..3 {
            assert_eq!(nested.resume(), CoroutineState::Yielded(n));
        }
        assert_eq!(nested.resume(), CoroutineState::Complete(()));
    });
    assert_eq!(
        log.take(),
        ["nested", "other", "nested", "other", "nested", "other"]
    );
}

#[test]
fn a_generator_may_sleep_and_join_between_its_items() {
    in_virtual_loop(|| {
        let squares = Generator::new(|yielder: &Yielder<(), u64>| {
            for n in 0..5 {
                sleep(A_SECOND);
                yielder.suspend(finished(spawn(move || n * n).join()));
            }
        });
        assert_eq!(squares.collect::<Vec<_>>(), [0, 1, 4, 9, 16]);
    });
}

#[test]
fn two_tasks_wait_inside_their_coroutines_at_once() {
    in_virtual_loop(|| {
        let (ping, pong) = (Promise::new(), Promise::new());
        let (ping_too, pong_too) = (ping.clone(), pong.clone());
        let first = spawn(move || {
            let mut nested = Coroutine::new(move |_: &Yielder<(), ()>, ()| {
                ping.set_result(1).expect("pending");
                finished(pong.wait())
            });
            nested.resume().complete()
        });
        let second = spawn(move || {
            let mut nested = Coroutine::new(move |_: &Yielder<(), ()>, ()| {
                let got = finished(ping_too.wait());
                pong_too.set_result(got + 1).expect("pending");
                got
            });
            nested.resume().complete()
        });
        assert_eq!(finished(first.join()), Some(2));
        assert_eq!(finished(second.join()), Some(1));
    });
}

#[test]
fn a_task_may_wait_on_another_stack() {
    in_virtual_loop(|| {
        let sum = on_stack(1 << 20, || {
            sleep(A_SECOND);
            on_stack(64 * 1024, || {
                yield_now();
                finished(spawn(|| 40).join())
            }) + 2
        });
        assert_eq!(sum, 42);
    });
}

#[test]
fn a_coroutine_whose_body_waits_is_running_to_other_tasks() {
    in_virtual_loop(|| {
        let slot = Rc::new(RefCell::new(None::<Coroutine<(), (), ()>>));
        let nested = Coroutine::new(|_: &Yielder<(), ()>, ()| sleep(A_SECOND));
        *slot.borrow_mut() = Some(nested);
        let resumed = Rc::clone(&slot);
        let resumer = spawn(move || {
            let mut nested = resumed.borrow_mut();
            nested.as_mut().expect("a coroutine").resume();
        });
        yield_now();
        assert!(
            slot.try_borrow().is_err(),
            "the resumer waits with its borrow"
        );
        finished(resumer.join());
        let slot = slot.borrow();
        assert_eq!(slot.as_ref().expect("a coroutine").status(), Status::Done);
    });
}

#[test]
fn a_cancel_unwinds_the_nested_coroutine_before_the_task() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let logs = inside.clone();
        let task = spawn(move || {
            let _outer = logs.guard("task");
            let inner = logs.guard("nested");
            let mut nested = Coroutine::new(move |_: &Yielder<(), ()>, ()| {
                let _inner = inner;
                sleep(AN_HOUR);
            });
            nested.resume();
        });
        yield_now();
        task.cancel_with("enough");
        let error = task.join().expect_err("cancelled");
        assert!(error.is_cancelled());
        assert_eq!(error.message().unwrap(), "enough");
    });
    assert_eq!(log.take(), ["nested", "task"]);
}

#[test]
fn a_suspended_coroutine_of_a_cancelled_task_is_unwound_too() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let logs = inside.clone();
        let task = spawn(move || {
            let guard = logs.guard("nested");
            let mut nested = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
                let _guard = guard;
                yielder.suspend(());
            });
            nested.resume();
            sleep(AN_HOUR);
        });
        yield_now();
        task.cancel();
        assert!(task.join().expect_err("cancelled").is_cancelled());
    });
    assert_eq!(log.take(), ["nested"]);
}

#[test]
fn the_yielder_of_a_driven_coroutine_is_refused_in_another_task() {
    in_virtual_loop(|| {
        let mut outer = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
            // Another task can't borrow the yielder; another stack in the same task can.
            on_stack(64 * 1024, || {
                let said = sentence(|| yielder.suspend(()));
                assert!(said.contains("suspend"), "{said}");
            });
            yield_now();
            yielder.suspend(());
        });
        assert_eq!(outer.resume(), CoroutineState::Yielded(()));
        yield_now();
        assert_eq!(outer.resume(), CoroutineState::Complete(()));
    });
}

#[test]
fn a_task_may_wait_with_a_coroutine_scope_open() {
    in_virtual_loop(|| {
        let mut sum = 0;
        let other = spawn(|| {
            yield_now();
            5
        });
        scope(|s| {
            let mut child = s.coroutine(|yielder: &Yielder<(), ()>, ()| {
                yield_now();
                sum += 1;
                yielder.suspend(());
                sleep(A_SECOND);
                sum += 1;
            });
            child.resume();
            yield_now();
            child.resume();
        });
        assert_eq!(finished(other.join()) + sum, 7);
    });
}

#[test]
fn a_cancel_ends_the_children_of_an_open_coroutine_scope_first() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let logs = inside.clone();
        let task = spawn(move || {
            let borrowed = logs.guard("borrowed");
            scope(|s| {
                let mut child = s.coroutine(|yielder: &Yielder<(), ()>, ()| {
                    let _child = logs.guard("child");
                    let _still_there = &borrowed;
                    yielder.suspend(());
                });
                child.resume();
                sleep(AN_HOUR);
            });
        });
        yield_now();
        task.cancel();
        assert!(task.join().expect_err("cancelled").is_cancelled());
    });
    assert_eq!(log.take(), ["child", "borrowed"]);
}
