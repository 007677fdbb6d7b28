//! A scope without failures: it runs its children, waits for all of them, and drops their results.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use selvedge::task::{Scope, ScopedTask, current_task};
use selvedge::{Task, run, scope, sleep, spawn, yield_now};

use crate::support::{A_SECOND, Log, finished, in_virtual_loop};

#[test]
fn the_closures_value_is_returned_when_every_child_is_done() {
    in_virtual_loop(|| {
        let n_done = Cell::new(0);
        let value = scope(|s| {
            for n in 1..=3 {
                let n_done = &n_done;
                s.spawn(move || {
                    sleep(n * A_SECOND);
                    n_done.set(n_done.get() + 1);
                })
                .detach();
            }
            n_done.get()
        });
        assert_eq!((value.expect("no child failed"), n_done.get()), (0, 3));
    });
}

#[test]
fn children_run_at_the_same_time_and_begin_in_their_order() {
    in_virtual_loop(|| {
        let order = RefCell::new(Vec::new());
        let start = selvedge::event_loop::current_loop()
            .expect("a loop")
            .elapsed();
        scope(|s| {
            for n in 0..5 {
                let order = &order;
                s.spawn(move || {
                    order.borrow_mut().push(n);
                    sleep(A_SECOND);
                });
            }
            assert!(
                order.borrow().is_empty(),
                "children start in the next iteration"
            );
        })
        .expect("no child failed");
        let end = selvedge::event_loop::current_loop()
            .expect("a loop")
            .elapsed();
        assert_eq!(end.expect("open") - start.expect("open"), A_SECOND);
        assert_eq!(*order.borrow(), [0, 1, 2, 3, 4]);
    });
}

#[test]
fn join_returns_what_a_child_returns_borrowed_or_not() {
    let text = String::from("warp and weft");
    let longest = run(|| {
        scope(|s| {
            let words: Vec<_> = text
                .split(' ')
                .map(|word| s.spawn(move || (word, word.len())))
                .collect();
            let words = words.into_iter().map(|task| finished(task.join()));
            words.max_by_key(|(_, len)| *len).map(|(word, _)| word)
        })
    });
    assert_eq!(longest.expect("no child failed"), Some("weft"));
}

#[test]
fn children_need_not_be_send_and_may_borrow_mutably() {
    let mut counts = [Rc::new(Cell::new(0)), Rc::new(Cell::new(0))];
    run(|| {
        scope(|s| {
            for (n, count) in counts.iter_mut().enumerate() {
                s.spawn(move || {
                    yield_now();
                    *count = Rc::new(Cell::new(n + 1));
                });
            }
        })
    })
    .expect("no child failed");
    assert_eq!(counts.map(|count| count.get()), [1, 2]);
}

/// Counts the nodes of a tree, each in a task that its parent spawns.
fn count<'scope>(s: &'scope Scope<'scope, '_>, n_nodes: &'scope Cell<u32>, depth: u32) {
    n_nodes.set(n_nodes.get() + 1);
    for _ in 0..depth {
        s.spawn(move || {
            yield_now();
            count(s, n_nodes, depth - 1);
        });
    }
}

#[test]
fn children_may_spawn_more_and_the_scope_waits_for_all() {
    let n_nodes = Cell::new(0);
    run(|| scope(|s| count(s, &n_nodes, 4))).expect("no child failed");
    assert_eq!(n_nodes.get(), 1 + 4 + 4 * 3 + 4 * 3 * 2 + 4 * 3 * 2);
}

#[test]
fn scopes_nest_and_the_inner_one_ends_first() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            let outer_local = String::from("outer");
            scope(|outer| {
                outer.spawn(|| {
                    sleep(3 * A_SECOND);
                    log.push(format!("{outer_local} child"));
                });
                let inner_local = String::from("inner");
                scope(|inner| {
                    inner.spawn(|| {
                        outer.spawn(|| {
                            sleep(A_SECOND);
                            log.push("spawned from inside");
                        });
                        sleep(2 * A_SECOND);
                        log.push(format!("{inner_local} child"));
                    });
                })
                .expect("no child failed");
                log.push("inner has ended");
            })
            .expect("no child failed");
            log.push("outer has ended");
        }
    });
    let expected = [
        "spawned from inside",
        "inner child",
        "inner has ended",
        "outer child",
        "outer has ended",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn captures_and_results_are_dropped_before_the_scope_returns() {
    let log = Log::default();
    run(|| {
        scope(|s| {
            let (capture, result) = (log.guard("capture"), log.guard("result"));
            let task = s.spawn(move || {
                yield_now();
                drop(capture);
                result
            });
            std::mem::forget(task);
            let result = log.guard("detached result");
            s.spawn(move || result).detach();
            let held = log.guard("never taken");
            std::mem::forget(Rc::new(s.spawn(move || held)));
        })
        .expect("no child failed");
        log.push("returned");
    });
    // A detached task drops its own result; the results left in the slots are dropped newest first.
    let expected = [
        "detached result",
        "capture",
        "never taken",
        "result",
        "returned",
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn a_finished_tasks_result_is_dropped_with_its_handle() {
    let log = Log::default();
    run(|| {
        scope(|s| {
            let result = log.guard("result");
            let task = s.spawn(move || result);
            yield_now();
            assert!(task.is_done() && log.take().is_empty());
            drop(task);
            assert_eq!(log.take(), ["result"]);
        })
    })
    .expect("no child failed");
}

#[test]
fn a_destructor_of_a_result_may_spawn_in_the_scope() {
    struct Spawns<'scope, 'env>(&'scope Scope<'scope, 'env>, &'env Log);
    impl Drop for Spawns<'_, '_> {
        fn drop(&mut self) {
            let log = self.1;
            let one_more = log.guard("captured by the last");
            self.0.spawn(move || {
                yield_now();
                log.push("the last");
                drop(one_more);
            });
        }
    }
    let log = Log::default();
    run(|| {
        scope(|s| {
            let log = &log;
            std::mem::forget(s.spawn(move || Spawns(s, log)));
        })
        .expect("no child failed");
        log.push("returned");
    });
    assert_eq!(log.take(), ["the last", "captured by the last", "returned"]);
}

#[test]
fn a_destructor_of_a_result_may_wait() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            struct Sleeps(Log);
            impl Drop for Sleeps {
                fn drop(&mut self) {
                    sleep(A_SECOND);
                    self.0.push("slept");
                }
            }
            scope(|s| std::mem::forget(s.spawn(|| Sleeps(log.clone())))).expect("no child failed");
            log.push("returned");
        }
    });
    assert_eq!(log.take(), ["slept", "returned"]);
}

#[test]
fn a_scope_without_children_returns_at_once() {
    in_virtual_loop(|| assert_eq!(scope(|_| 5).expect("no child failed"), 5));
}

#[test]
fn a_handle_gives_its_task() {
    in_virtual_loop(|| {
        let outlives = scope(|s| {
            let named = s.spawn_named("heddle", || current_task().expect("a task").name());
            assert_eq!(named.name(), "heddle");
            assert!(!named.is_done() && named.exception().is_err());
            let view = named.task_ref();
            assert_eq!((view.id(), view.name()), (named.id(), named.name()));
            assert!(format!("{named:?} {s:?}").contains("heddle"));
            assert_eq!(finished(named.join()), "heddle");
            let small = Task::builder().stack_size_bytes(32 * 1024).name("small");
            let small = small.spawn_scoped(s, selvedge::coroutine::remaining_stack_bytes);
            let left = finished(small.expect("a stack").join()).expect("a stack of ours");
            assert!(left < 128 * 1024, "it is much less than the default");
            view
        })
        .expect("no child failed");
        assert!(outlives.is_done() && !outlives.cancel());
    });
}

#[test]
fn a_handle_may_be_joined_by_a_sibling() {
    in_virtual_loop(|| {
        let sum = scope(|s| {
            let first = s.spawn(|| {
                sleep(A_SECOND);
                40
            });
            let second = s.spawn(|| finished(first.join()) + 2);
            finished(second.join())
        });
        assert_eq!(sum.expect("no child failed"), 42);
    });
}

#[test]
fn handles_may_change_places() {
    run(|| {
        scope(|s| {
            let mut first: ScopedTask<'_, u32> = s.spawn(|| 1);
            let mut second = s.spawn(|| 2);
            std::mem::swap(&mut first, &mut second);
            assert_eq!((finished(first.join()), finished(second.join())), (2, 1));
        })
    })
    .expect("no child failed");
}

#[test]
fn a_scope_works_on_any_stack_of_its_task() {
    in_virtual_loop(|| {
        let sum = Cell::new(0);
        let add = |n: u32| {
            scope(|s| {
                s.spawn(|| {
                    sleep(A_SECOND);
                    sum.set(sum.get() + n);
                });
            })
            .expect("no child failed");
        };
        selvedge::coroutine::on_stack(64 * 1024, || add(1));
        let mut generator = selvedge::Generator::new(|yielder: &selvedge::Yielder<(), u32>| {
            let local = Cell::new(0);
            scope(|s| {
                s.spawn(|| {
                    sleep(A_SECOND);
                    local.set(10);
                });
            })
            .expect("no child failed");
            yielder.suspend(local.get());
        });
        assert_eq!(generator.next(), Some(10));
        assert_eq!(sum.get(), 1);
    });
}

/// A server's scope lives as long as the server; results of its children must not pile up. They are dropped when the
/// tasks end.
#[test]
fn finished_children_do_not_pile_up() {
    let n_alive = Rc::new(Cell::new(0_i32));
    struct Counted(Rc<Cell<i32>>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }
    run(|| {
        scope(|s| {
            for _ in 0..2_000 {
                n_alive.set(n_alive.get() + 1);
                let counted = Counted(Rc::clone(&n_alive));
                s.spawn(move || counted).detach();
                yield_now();
                assert!(n_alive.get() < 4);
            }
        })
    })
    .expect("no child failed");
    assert_eq!(n_alive.get(), 0);
}

#[test]
fn an_ordinary_task_may_be_spawned_in_a_scope_and_outlive_it() {
    in_virtual_loop(|| {
        let task = scope(|s| {
            let inner = s.spawn(|| {
                spawn(|| {
                    sleep(A_SECOND);
                    7
                })
            });
            finished(inner.join())
        });
        let task = task.expect("no child failed");
        assert!(!task.is_done());
        assert_eq!(finished(task.join()), 7);
    });
}
