//! Coroutines of a task that are abandoned while the loop, a timer or other tasks refer to frames on them, and the
//! children of an abandoned host.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use selvedge::task::{catch_cancelled, finally};
use selvedge::{Coroutine, Yielder, race, scope, sleep, spawn, timeout, yield_now};

use crate::support::{A_SECOND, AN_HOUR, Log, Reports, finished, virtual_loop};
use crate::uncancellable::abandons_itself;

/// Calls a function in a coroutine on the task's stack, which the function abandons; prints a line if the resumer goes
/// on.
fn in_an_abandoned_coroutine(f: impl FnOnce(&dyn Fn()) + 'static) {
    let mut outer = Coroutine::new(move |_: &Yielder<(), ()>, ()| {
        let mut inner = Coroutine::new(move |_: &Yielder<(), ()>, ()| {
            selvedge::coroutine::on_stack(64 * 1024, || f(&|| abandons_itself("static")));
        });
        let _ = catch_unwind(AssertUnwindSafe(|| inner.resume()));
        println!("the inner coroutine's resumer goes on");
    });
    let _ = catch_unwind(AssertUnwindSafe(|| outer.resume()));
}

/// The loop, a timer or a waker refers to a frame of the task on the abandoned coroutine. If the task went on, and its
/// stack got another owner later, they would use frames that no longer exist.
#[test]
fn abandoning_a_coroutine_with_task_frames_abandons_the_task() {
    let wakers: Rc<RefCell<Vec<std::task::Waker>>> = Rc::default();
    let keeps = Rc::clone(&wakers);
    type Body = Box<dyn FnOnce(&dyn Fn())>;
    let bodies: Vec<(&str, Body)> = vec![
        (
            "timeout",
            Box::new(|abandon| timeout(A_SECOND, abandon).expect("in time")),
        ),
        (
            "scope",
            Box::new(|abandon| {
                drop(scope(|s| {
                    s.spawn(|| sleep(2 * A_SECOND));
                    yield_now();
                    abandon();
                }));
            }),
        ),
        (
            "race",
            Box::new(|abandon| drop(race([|| sleep(A_SECOND)]).map(|()| abandon()))),
        ),
        ("finally", Box::new(|abandon| finally(|| (), abandon))),
        (
            "block_on",
            Box::new(move |abandon| {
                selvedge::block_on(std::future::poll_fn(|context| {
                    keeps.borrow_mut().push(context.waker().clone());
                    abandon();
                    std::task::Poll::Ready(())
                }));
            }),
        ),
    ];
    let event_loop = virtual_loop();
    Reports::of(&event_loop);
    for (name, body) in bodies {
        let wakers = Rc::clone(&wakers);
        finished(event_loop.run_until_complete(move || {
            let task = spawn(move || {
                in_an_abandoned_coroutine(body);
                "it goes on"
            });
            match (name, task.join()) {
                // By then no frame of the race is open.
                ("race", result) => assert_eq!(finished(result), "it goes on"),
                (_, result) => {
                    let error = result.expect_err("abandoned");
                    assert!(
                        error.message().unwrap().contains("abandoned"),
                        "{name}: {error}"
                    );
                }
            }
            // These would get the stacks of the abandoned ones.
            let others: Vec<_> = (0..20).map(|_| spawn(|| sleep(5 * A_SECOND))).collect();
            for waker in wakers.take() {
                waker.wake();
            }
            sleep(3 * A_SECOND);
            for other in others {
                finished(other.join());
            }
        }));
    }
}

/// A scope's children are cancelled when their host is abandoned, since no task can use their results.
#[test]
fn the_children_of_an_abandoned_host_are_cancelled() {
    let log = Log::default();
    let event_loop = virtual_loop();
    Reports::of(&event_loop);
    let inside = log.clone();
    finished(event_loop.run_until_complete(move || {
        let logs = inside.clone();
        let host = spawn(move || {
            let local = String::from("a local of the host");
            let _ = scope(|s| {
                s.spawn(|| {
                    let _ = catch_cancelled(|| sleep(AN_HOUR));
                    logs.push(format!("child sees {local}"));
                });
                yield_now();
                abandons_itself("static");
            });
        });
        assert!(host.join().is_err());
        sleep(A_SECOND);
        assert_eq!(selvedge::task::all_tasks().len(), 1);
    }));
    assert_eq!(log.take(), ["child sees a local of the host"]);
}
