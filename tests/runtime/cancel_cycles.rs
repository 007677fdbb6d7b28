//! A cancel of tasks that wait for each other in a cycle, which closes at the end of a scope.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use selvedge::error::Elapsed;
use selvedge::task::{TaskRef, current_task, finally};
use selvedge::{Task, scope, sleep, spawn, timeout, yield_now};

use crate::support::{A_SECOND, AN_HOUR, in_virtual_loop};

/// Spawns a parent and an outsider that wait for each other, with a child of the parent's between them. Each wait is legal
/// when it begins; the cycle closes when the parent reaches the end of its scope. The parent opens its scope in a function.
fn cycle(around: impl FnOnce(&dyn Fn(Duration)) + 'static) -> [TaskRef; 2] {
    let slot: Rc<RefCell<Option<Task<()>>>> = Rc::default();
    let lent = Rc::clone(&slot);
    let parent = spawn(move || {
        around(&|lasts| {
            let result = scope(|s| {
                s.spawn(|| drop(lent.take().expect("spawned").join()));
                (0..5).for_each(|_| yield_now());
                sleep(lasts);
            });
            drop(result);
        });
    });
    let view = parent.task_ref();
    let outsider = spawn(move || {
        (0..3).for_each(|_| yield_now());
        drop(parent.join());
    });
    let other_view = outsider.task_ref();
    *slot.borrow_mut() = Some(outsider);
    sleep(A_SECOND);
    assert!(
        !view.is_done() && !other_view.is_done(),
        "they wait for each other"
    );
    [view, other_view]
}

#[test]
fn a_cancel_ends_tasks_that_wait_in_a_cycle() {
    in_virtual_loop(|| {
        let [view, other_view] = cycle(|open| open(Duration::ZERO));
        assert!(view.cancel());
        assert_eq!(view.cancelling(), 1);
        (0..10).for_each(|_| yield_now());
        assert!(view.is_cancelled() && other_view.is_done());
    });
}

/// Each task waits in a scope for a child that joins the next task, the last one for a child that joins the first task.
#[test]
fn a_cancel_ends_scopes_that_wait_in_a_cycle() {
    in_virtual_loop(|| {
        for n in 2..6 {
            let slots: Vec<Rc<RefCell<Option<Task<()>>>>> = (0..n).map(|_| Rc::default()).collect();
            let begin = |own: usize| {
                let next = Rc::clone(&slots[(own + 1) % n]);
                let task = spawn(move || {
                    let result = scope(|s| {
                        s.spawn(|| drop(next.take().expect("spawned").join()));
                        sleep(A_SECOND);
                    });
                    drop(result);
                });
                let view = task.task_ref();
                *slots[own].borrow_mut() = Some(task);
                view
            };
            let views: Vec<TaskRef> = (0..n).map(begin).collect();
            sleep(2 * A_SECOND);
            let is_done = TaskRef::is_done;
            assert!(!views.iter().any(is_done), "they wait for each other");
            assert!(views[1].cancel());
            (0..10 * n).for_each(|_| yield_now());
            assert!(views.iter().all(is_done) && views[1].is_cancelled());
        }
    });
}

#[test]
fn a_timeout_ends_tasks_that_wait_in_a_cycle() {
    in_virtual_loop(|| {
        // In a cleanup or not; while the scope's body waits, or after it.
        let elapses = |open: &dyn Fn(Duration), lasts| {
            assert_eq!(timeout(2 * A_SECOND, || open(lasts)), Err(Elapsed));
            assert_eq!(current_task().expect("a task").cancelling(), 0);
            sleep(A_SECOND);
        };
        for lasts in [Duration::ZERO, AN_HOUR] {
            for views in [
                cycle(move |open| elapses(open, lasts)),
                cycle(move |open| finally(|| (), || elapses(open, lasts))),
            ] {
                sleep(5 * A_SECOND);
                assert!(views.iter().all(TaskRef::is_done));
                assert!(!views[0].is_cancelled());
            }
        }
    });
}
