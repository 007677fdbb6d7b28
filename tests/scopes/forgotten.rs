//! Whatever happens to handles, no child outlives the scope, and none of its values is used later.

use std::cell::{Cell, RefCell};
use std::mem::{ManuallyDrop, forget};
use std::rc::Rc;

use selvedge::task::{Scope, ScopedTask, TaskRef};
use selvedge::{run, scope, sleep, yield_now};

use crate::support::{A_SECOND, Log, OnDrop, finished, in_virtual_loop};

#[test]
fn a_forgotten_handle_leaves_the_child_to_the_scope() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            let local = String::from("alive");
            scope(|s| {
                forget(s.spawn(|| {
                    sleep(A_SECOND);
                    log.push(format!("child sees {local}"));
                }));
            })
            .expect("no child failed");
            log.push("returned");
        }
    });
    assert_eq!(log.take(), ["child sees alive", "returned"]);
}

#[test]
fn handles_in_a_leaked_cycle_hold_nothing() {
    type Counts<'scope> = OnDrop<Box<dyn FnMut() + 'scope>>;
    struct Ring<'scope> {
        next: RefCell<Option<Rc<Ring<'scope>>>>,
        task: RefCell<Option<ScopedTask<'scope, Counts<'scope>>>>,
    }
    let n_dropped = Cell::new(0);
    run(|| {
        scope(|s| {
            let n_dropped = &n_dropped;
            let ring = Rc::new(Ring {
                next: RefCell::default(),
                task: RefCell::default(),
            });
            let inside = Rc::clone(&ring);
            let task = s.spawn(move || {
                let _keeps = &inside;
                let count: Box<dyn FnMut()> = Box::new(move || n_dropped.set(n_dropped.get() + 1));
                OnDrop(count)
            });
            ring.task.replace(Some(task));
            ring.next.replace(Some(Rc::clone(&ring)));
        })
        .expect("no child failed");
        assert_eq!(n_dropped.get(), 1);
    });
}

#[test]
fn a_child_may_keep_its_own_handle() {
    let log = Log::default();
    run(|| {
        scope(|s| {
            let own: Rc<RefCell<Option<ScopedTask<'_, _>>>> = Rc::default();
            let inside = Rc::clone(&own);
            let result = log.guard("result");
            let task = s.spawn(move || {
                yield_now();
                let error = inside.take().expect("itself").join().expect_err("a circle");
                assert!(!error.is_cancelled());
                result
            });
            own.replace(Some(task));
        })
        .expect("no child failed");
        log.push("returned");
    });
    assert_eq!(log.take(), ["result", "returned"]);
}

#[test]
fn a_destructor_of_a_result_may_join_another_handle() {
    struct Joins<'scope>(Option<ScopedTask<'scope, u32>>);
    impl Drop for Joins<'_> {
        fn drop(&mut self) {
            if let Some(task) = self.0.take() {
                drop(task.join());
            }
        }
    }
    run(|| {
        scope(|s| {
            let first = s.spawn(|| 1);
            forget(s.spawn(move || Joins(Some(first))));
            let late = s.spawn(|| 2);
            let holds = Joins(Some(late));
            forget(s.spawn(move || holds));
        })
        .expect("no child failed");
    });
}

#[test]
fn views_outlive_the_scope_and_do_nothing_then() {
    in_virtual_loop(|| {
        let views: RefCell<Vec<TaskRef>> = RefCell::default();
        let seen = Rc::new(Cell::new(0));
        scope(|s| {
            for n in 0..3 {
                let task = s.spawn(move || sleep(n * A_SECOND));
                let seen = Rc::clone(&seen);
                let view = task.task_ref();
                view.add_done_callback(move |view| {
                    seen.set(seen.get() + usize::from(view.is_done()))
                });
                views.borrow_mut().push(view);
            }
        })
        .expect("no child failed");
        for view in views.borrow().iter() {
            assert!(view.is_done() && !view.cancel() && view.cancelling() == 0);
        }
        yield_now();
        assert_eq!(seen.get(), 3);
    });
}

#[test]
fn a_handle_may_move_into_a_sibling_and_be_forgotten() {
    let log = Log::default();
    run(|| {
        scope(|s| {
            let value = log.guard("value");
            let first = s.spawn(move || value);
            s.spawn(move || {
                yield_now();
                let _never_dropped = ManuallyDrop::new(first);
            });
        })
        .expect("no child failed");
        log.push("returned");
    });
    assert_eq!(log.take(), ["value", "returned"]);
}

#[test]
fn the_scope_may_be_captured_by_tasks_that_outlive_the_body() {
    fn later<'scope>(s: &'scope Scope<'scope, '_>, left: u32, log: &'scope Log) {
        log.push(format!("{left}"));
        if left > 0 {
            s.spawn(move || {
                sleep(A_SECOND);
                later(s, left - 1, log);
            });
        }
    }
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || scope(|s| later(s, 4, &log)).expect("no child failed")
    });
    assert_eq!(log.take(), ["4", "3", "2", "1", "0"]);
}

#[test]
fn thousands_of_children_may_end_in_any_order() {
    let n_done = Cell::new(0);
    let n = crate::support::many_stacks(3_000) as u32;
    selvedge::EventLoop::builder().virtual_clock(true).run(|| {
        scope(|s| {
            let mut kept = Vec::new();
            for k in 0..n {
                let n_done = &n_done;
                let task = s.spawn(move || {
                    sleep(A_SECOND * (k.wrapping_mul(2_654_435_761) % 17));
                    n_done.set(n_done.get() + 1);
                    k
                });
                match k % 3 {
                    0 => task.detach(),
                    1 => forget(task),
                    _ => kept.push((k, task)),
                }
            }
            for (k, task) in kept {
                assert_eq!(finished(task.join()), k);
            }
        })
        .expect("no child failed");
    });
    assert_eq!(n_done.get(), n);
}
