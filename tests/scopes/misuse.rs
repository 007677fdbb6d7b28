//! Scopes where they can't work: without a task, while the thread panics, in coroutines that could be moved away.

use std::cell::RefCell;
use std::rc::Rc;

use selvedge::task::spawn_eager;
use selvedge::{
    Coroutine, CoroutineState, EventLoop, Promise, Task, Yielder, gather, race, run, scope, sleep,
    spawn, timeout, yield_now,
};

use crate::support::{
    A_SECOND, AN_HOUR, Log, assert_sentence, caught, finished, in_virtual_loop, sentence, soon,
};

/// Opens a scope here, in which nothing may run, and returns the sentence of its error.
fn refused(log: &Log) -> String {
    let local = String::from("borrowed");
    let error = scope(|s| {
        let capture = log.guard("capture");
        let task = s.spawn(|| {
            drop(capture);
            log.push(format!("ran with {local}"));
        });
        assert!(task.is_done());
        assert!(task.join().is_err());
        log.push("body");
    })
    .expect_err("nothing can wait here");
    assert_eq!(error.errors().len(), 1);
    log.push("returned");
    error.to_string()
}

const REFUSED: [&str; 3] = ["capture", "body", "returned"];

#[test]
fn spawning_outside_a_loop_is_an_error_of_the_scope() {
    let log = Log::default();
    assert_sentence(&refused(&log));
    assert_eq!(log.take(), REFUSED);
    assert_eq!(scope(|_| 5).expect("no task was asked for"), 5);
}

#[test]
fn spawning_in_a_callback_is_an_error() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            let told = Promise::new();
            let tells = told.clone();
            soon(move || drop(tells.set_result(refused(&log))));
            assert_sentence(&finished(told.wait()));
        }
    });
    assert_eq!(log.take(), REFUSED);
}

#[test]
fn spawning_while_the_thread_panics_is_an_error() {
    struct OnPanic(Log);
    impl Drop for OnPanic {
        fn drop(&mut self) {
            assert!(std::thread::panicking());
            assert_sentence(&refused(&self.0));
        }
    }
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            caught(|| {
                let _on_panic = OnPanic(log);
                panic!("torn");
            });
            yield_now();
        }
    });
    assert_eq!(log.take(), REFUSED);
}

#[test]
fn spawning_in_a_task_of_a_closing_loop_is_an_error() {
    struct OnDrop(Log);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            assert_sentence(&refused(&self.0));
        }
    }
    let log = Log::default();
    let event_loop = EventLoop::new().expect("a loop");
    let inside = log.clone();
    event_loop
        .create_task(move || {
            let _on_drop = OnDrop(inside);
            sleep(AN_HOUR);
        })
        .detach();
    event_loop.call_soon(crate::support::stop);
    event_loop.run_forever().expect("it can run");
    // The loop is dropped inside another one: no task runs.
    run(move || drop(event_loop));
    assert_eq!(log.take(), REFUSED);
}

/// The error of a coroutine that suspends while a frame is open that must not be left.
fn suspends_in(open: impl FnOnce(&dyn Fn()) + 'static) -> String {
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let told = RefCell::new(String::new());
        open(&|| *told.borrow_mut() = sentence(|| yielder.suspend(())));
        yielder.suspend(());
        told.take()
    });
    assert_eq!(coroutine.resume(), CoroutineState::Yielded(()));
    match coroutine.resume() {
        CoroutineState::Complete(told) => told,
        CoroutineState::Yielded(()) => panic!("it suspended"),
    }
}

#[test]
fn a_yielder_cannot_suspend_out_of_a_scope_timeout_or_race() {
    in_virtual_loop(|| {
        for told in [
            suspends_in(|suspend| scope(|_| suspend()).expect("no child failed")),
            suspends_in(|suspend| timeout(A_SECOND, suspend).expect("in time")),
            suspends_in(|suspend| {
                scope(|s| finished(s.spawn(suspend).join())).expect("no child failed");
            }),
            suspends_in(|suspend| finished(race([suspend]))),
        ] {
            assert_sentence(&told);
        }
    });
}

#[test]
fn a_child_cannot_wait_for_its_host() {
    in_virtual_loop(|| {
        let host: Rc<RefCell<Option<Task<()>>>> = Rc::default();
        let inside = Rc::clone(&host);
        let told = Promise::new();
        let tells = told.clone();
        let task = spawn(move || {
            scope(|s| {
                s.spawn(|| {
                    scope(|s| {
                        s.spawn(|| {
                            let host = inside.take().expect("the host");
                            let error = host.join().expect_err("a cycle");
                            drop(tells.set_result(error.to_string()));
                        });
                    })
                });
            })
            .expect("no child failed");
        });
        let view = task.task_ref();
        host.replace(Some(task));
        assert_sentence(&finished(told.wait()));
        yield_now();
        yield_now();
        assert!(view.is_done());
    });
}

#[test]
fn a_scope_in_an_eager_task_is_like_any_other() {
    in_virtual_loop(|| {
        let task = spawn_eager(|| {
            let local = String::from("borrowed");
            scope(|s| {
                let task = s.spawn(|| {
                    sleep(A_SECOND);
                    local.len()
                });
                finished(task.join())
            })
        });
        assert_eq!(finished(task.join()).expect("no child failed"), 8);
    });
}

#[test]
fn a_scope_that_cannot_end_is_reported_with_its_wait() {
    let result = selvedge::try_run(|| {
        let local = String::from("borrowed");
        scope(|s| {
            for _ in 0..2 {
                s.spawn(|| {
                    let _: Result<(), _> = Promise::new().wait();
                    println!("{local}");
                });
            }
        })
        .is_ok()
    });
    let told = result.expect_err("nothing can happen").to_string();
    assert!(told.contains("the 2 tasks of its scope"), "{told}");
}

#[test]
fn a_cycle_is_found_beside_a_scope_with_waiting_children() {
    in_virtual_loop(|| {
        let whole = Rc::new(RefCell::new(None::<Task<bool>>));
        let theirs = Rc::clone(&whole);
        let last = spawn(move || {
            sleep(A_SECOND);
            let whole = theirs.borrow_mut().take().expect("given");
            assert_sentence(&whole.join().expect_err("a cycle").message().unwrap());
        });
        let siblings = spawn(|| {
            scope(|s| {
                let mut before = s.spawn(|| sleep(AN_HOUR));
                for _ in 0..10 {
                    before = s.spawn(move || drop(before.join()));
                }
            })
            .is_ok()
        });
        let between = spawn(move || last.join().is_ok());
        let view = between.task_ref();
        *whole.borrow_mut() = Some(spawn(move || gather((siblings, between)).is_ok()));
        sleep(2 * A_SECOND);
        assert!(view.is_done(), "they wait for each other");
    });
}
