//! User code that runs while a loop closes: it may call, close, spawn and wait, and gets results or errors, never a
//! dangling loop.

use std::cell::RefCell;
use std::panic::catch_unwind;
use std::rc::Rc;
use std::time::Duration;

use selvedge::event_loop::{LocalLoop, current_loop};
use selvedge::task::{catch_cancelled, current_task};
use selvedge::{EventLoop, Task, TaskError, run, sleep, spawn, try_run, yield_now};

use crate::support::{
    A_SECOND, AN_HOUR, Log, OnDrop, Reports, event_loop, finished, shared, soon, soon_threadsafe,
    stop, virtual_loop,
};

/// A loop that user code may close from anywhere; leaked, as a program's only loop often is.
fn everlasting_loop() -> &'static EventLoop {
    Box::leak(Box::new(virtual_loop()))
}

#[test]
fn a_loop_with_tasks_and_callbacks_in_its_queue_closes() {
    let event_loop = event_loop();
    event_loop.create_task(|| sleep(AN_HOUR)).detach();
    event_loop.call_soon(|| ());
    drop(event_loop);
}

#[test]
fn a_loop_stopped_in_the_middle_of_its_queue_closes() {
    let (event_loop, log) = (event_loop(), Log::default());
    let inside = log.clone();
    finished(event_loop.run_until_complete(move || {
        for _ in 0..10 {
            soon(|| ());
        }
        let guard = inside.guard("captures dropped");
        spawn(move || {
            let _guard = guard;
            sleep(AN_HOUR);
        })
        .detach();
        soon(|| ());
        stop();
    }));
    for n in 0..100 {
        event_loop.call_soon(|| ());
        if n % 3 == 0 {
            event_loop.create_task(|| sleep(AN_HOUR)).detach();
        }
    }
    drop(event_loop);
    assert_eq!(log.take(), ["captures dropped"]);
}

#[test]
fn a_handler_cannot_close_or_run_a_closing_loop() {
    let event_loop = everlasting_loop();
    for _ in 0..3 {
        event_loop.create_task(|| sleep(AN_HOUR)).detach();
    }
    finished(event_loop.run_until_complete(yield_now));
    let n_calls = shared(0);
    let calls = Rc::clone(&n_calls);
    event_loop.set_exception_handler(move |_| {
        calls.set(calls.get() + 1);
        // A second close may return early, but must not close again.
        let _ = event_loop.close();
        assert!(event_loop.run_until_complete(|| 1).is_err());
        assert!(event_loop.run_forever().is_err());
        selvedge::stack::trim_pool();
    });
    event_loop.close().expect("it does not run");
    assert_eq!(n_calls.get(), 3, "each pending task is reported once");
    assert!(event_loop.is_closed());
}

#[test]
fn a_callbacks_destructor_cannot_close_a_closing_loop() {
    let event_loop = everlasting_loop();
    event_loop.set_exception_handler(|_| ());
    let log = Log::default();
    let guard = log.guard("task unwound");
    event_loop
        .create_task(move || {
            let _guard = guard;
            sleep(AN_HOUR);
        })
        .detach();
    let (closes, inside) = (log.guard("callback dropped"), log.clone());
    let on_drop = OnDrop(move || {
        let _ = event_loop.close();
        let _ = event_loop.run_until_complete(|| 1);
        selvedge::stack::trim_pool();
        inside.push("closed again");
    });
    event_loop.call_soon(move || drop((on_drop, closes)));
    event_loop.close().expect("it does not run");
    let mut events = log.take();
    events.sort();
    assert_eq!(events, ["callback dropped", "closed again", "task unwound"]);
}

thread_local! {
    static KEPT: RefCell<Vec<Task<()>>> = const { RefCell::new(Vec::new()) };
}

/// Spawns through the free function when it is dropped, and keeps the handle.
fn spawns_when_dropped() -> OnDrop<impl FnMut() + Send> {
    OnDrop(|| {
        let spawned = catch_unwind(|| spawn(|| panic!("a task of a closed loop ran")));
        KEPT.with_borrow_mut(|kept| kept.extend(spawned));
    })
}

#[test]
fn tasks_spawned_by_destructors_of_a_closed_loop_never_run() {
    let event_loop = event_loop();
    let (message, callback, timer) = (
        spawns_when_dropped(),
        spawns_when_dropped(),
        spawns_when_dropped(),
    );
    let handle = event_loop.handle();
    soon_threadsafe(&handle, move || drop(message));
    event_loop.call_soon(move || drop(callback));
    event_loop.call_later(AN_HOUR, move || drop(timer));
    let handler = spawns_when_dropped();
    event_loop.set_exception_handler(move |_| {
        let _handler = &handler;
    });
    drop(event_loop);
    let _reused: Vec<Vec<u8>> = (0..64).map(|n| vec![0x41; 64 * n]).collect();
    for task in KEPT.take() {
        assert!(task.is_done() && !task.cancel());
        assert!(task.join().is_err());
    }
}

/// Asserts that no task is current on the loop's own stack, so that a destructor can't wait.
fn assert_no_task_here() {
    assert!(
        current_task().is_none(),
        "a task that is not running is current"
    );
    assert!(catch_unwind(yield_now).is_err());
    assert!(catch_unwind(|| sleep(Duration::ZERO)).is_err());
}

#[test]
fn the_destructor_of_an_unfired_timer_cannot_wait() {
    let n_dropped = shared(0);
    let dropped = Rc::clone(&n_dropped);
    run(|| {
        spawn(|| sleep(AN_HOUR)).detach();
        yield_now();
        let on_drop = OnDrop(move || {
            assert_no_task_here();
            dropped.set(dropped.get() + 1);
        });
        let local = current_loop().expect("a loop");
        local
            .call_later(AN_HOUR, move || drop(on_drop))
            .expect("open");
    });
    assert_eq!(n_dropped.get(), 1);
}

#[test]
fn a_callback_dropped_behind_a_forced_unwind_cannot_wait() {
    let builder = EventLoop::builder().virtual_clock(true);
    let event_loop = builder
        .shutdown_timeout(10 * A_SECOND)
        .build()
        .expect("a loop");
    let _reports = Reports::of(&event_loop);
    let n_dropped = shared(0);
    let (local, dropped): (LocalLoop, _) = (event_loop.local(), Rc::clone(&n_dropped));
    // Cleans up for longer than a shutdown may take, and queues a callback behind itself.
    event_loop
        .create_task(move || {
            let _ = catch_cancelled(|| sleep(AN_HOUR));
            let _ = catch_cancelled(|| sleep(15 * A_SECOND));
            let on_drop = OnDrop(move || {
                assert_no_task_here();
                dropped.set(dropped.get() + 1);
            });
            let _ = local.call_soon(move || drop(on_drop));
            sleep(AN_HOUR);
        })
        .detach();
    finished(event_loop.run_until_complete(yield_now));
    event_loop.call_soon(|| ());
    drop(event_loop);
    assert!(n_dropped.get() <= 1);
}

#[test]
fn captures_that_wait_in_their_drop_do_not_prevent_the_cancel() {
    let log = Log::default();
    let inside = log.clone();
    crate::support::in_virtual_loop(move || {
        let on_drop = OnDrop(move || {
            let _ = catch_unwind(yield_now);
            inside.push("waited");
        });
        let task = spawn(move || drop(on_drop));
        task.cancel_with("enough");
        let error = task.join().expect_err("cancelled");
        assert!(error.is_cancelled(), "{error}");
        let bare = OnDrop(yield_now);
        let task = spawn(move || drop(bare));
        task.cancel();
        let error = task.join().expect_err("cancelled");
        assert!(error.is_cancelled(), "{error}");
    });
    assert_eq!(log.take(), ["waited"]);
}

/// A loop whose shutdown gives tasks no time.
fn impatient_loop() -> EventLoop {
    let builder = EventLoop::builder().shutdown_timeout(Duration::ZERO);
    builder.build().expect("a loop")
}

#[test]
fn every_suspension_of_a_forced_unwind_unwinds_yields_too() {
    let (event_loop, log) = (impatient_loop(), Log::default());
    let inside = log.clone();
    event_loop
        .create_task(move || {
            let _guard = inside.guard("unwound");
            for _ in 0..3 {
                let _ = catch_unwind(|| sleep(AN_HOUR));
            }
            yield_now();
            inside.push("went on after a yield");
        })
        .detach();
    finished(event_loop.run_until_complete(yield_now));
    drop(event_loop);
    assert_eq!(log.take(), ["unwound"]);
}

#[test]
fn a_main_that_swallows_a_few_unwinds_ends_without_an_abort() {
    let builder = EventLoop::builder().shutdown_timeout(Duration::ZERO);
    let outcome = builder.try_run(|| {
        for _ in 0..3 {
            let _ = catch_unwind(|| selvedge::Promise::<()>::new().wait());
        }
        yield_now();
    });
    assert!(outcome.is_err(), "{outcome:?}");
}

#[test]
fn a_loop_dropped_in_a_panic_abandons_a_task_that_catches_all() {
    let event_loop = event_loop();
    event_loop
        .create_task(|| {
            loop {
                let _ = catch_unwind(|| sleep(A_SECOND));
            }
        })
        .detach();
    finished(event_loop.run_until_complete(yield_now));
    let payload = crate::support::caught(move || {
        let _event_loop = event_loop;
        panic!("out of the owner");
    });
    assert_eq!(crate::support::text(&payload), "out of the owner");
}

#[test]
fn destructors_that_queue_callbacks_do_not_block_the_close() {
    /// A closed loop drops refused closures inside the call, so the recursion must be bounded.
    struct Requeues(LocalLoop, u32);
    impl Drop for Requeues {
        fn drop(&mut self) {
            if self.1 > 0 {
                let again = Self(self.0.clone(), self.1 - 1);
                let _ = self.0.call_soon(move || drop(again));
            }
        }
    }
    let event_loop = event_loop();
    let requeues = Requeues(event_loop.local(), 500);
    event_loop.call_soon(move || drop(requeues));
    drop(event_loop);
}

#[test]
fn a_handler_that_spawns_failing_tasks_does_not_block_the_close() {
    fn spawn_a_bomb() {
        let bomb = OnDrop(|| panic!("out of a destructor"));
        spawn(move || drop(bomb)).detach();
    }
    let builder = EventLoop::builder().shutdown_timeout(Duration::from_millis(10));
    let event_loop = builder.build().expect("a loop");
    event_loop.set_exception_handler(|_| {
        // Without a running loop the refused closure's destructor would panic in a panic.
        if current_loop().is_some() {
            spawn_a_bomb();
        }
    });
    finished(event_loop.run_until_complete(|| {
        spawn_a_bomb();
        yield_now();
    }));
    drop(event_loop);
}

#[test]
fn a_task_abandoned_in_another_loops_close_keeps_its_own_loop() {
    /// Its destructor opens a scope that can't end, so the task around it is abandoned.
    struct AbandonsItsTask;
    impl Drop for AbandonsItsTask {
        fn drop(&mut self) {
            selvedge::coroutine::scope(|s| {
                let mut child = s.coroutine(|yielder: &selvedge::Yielder<(), ()>, ()| {
                    loop {
                        let suspend = std::panic::AssertUnwindSafe(|| yielder.suspend(()));
                        let _ = catch_unwind(suspend);
                    }
                });
                child.resume();
            });
        }
    }
    let outcome = try_run(|| {
        let abandoned: Result<(), TaskError> = spawn(|| {
            let other = EventLoop::new().expect("a loop");
            let abandons = AbandonsItsTask;
            other.call_later(AN_HOUR, move || drop(abandons));
            other.create_task(|| sleep(AN_HOUR)).detach();
            drop(other);
        })
        .join();
        assert!(abandoned.is_err());
        sleep(Duration::from_millis(1));
        finished(spawn(|| 5).join())
    });
    assert_eq!(outcome.expect("the first loop goes on"), 5);
}

#[test]
fn a_result_waiting_in_its_drop_does_not_prevent_the_cancel() {
    crate::support::in_virtual_loop(|| {
        let task = spawn(|| {
            current_task().expect("a task").cancel_with("enough");
            OnDrop(yield_now)
        });
        let error = task.join().map(drop).expect_err("cancelled");
        assert!(error.is_cancelled(), "{error}");
    });
}

#[test]
fn a_destructor_with_a_thousand_waits_in_an_unwind_ends() {
    let (event_loop, log) = (impatient_loop(), Log::default());
    let inside = log.clone();
    event_loop
        .create_task(move || {
            let _on_drop = OnDrop(|| {
                for _ in 0..2000 {
                    yield_now();
                }
                inside.push("the destructor ended");
            });
            sleep(AN_HOUR);
        })
        .detach();
    finished(event_loop.run_until_complete(yield_now));
    drop(event_loop);
    assert_eq!(log.take(), ["the destructor ended"]);
    assert!(!std::thread::panicking());
    assert_eq!(run(|| finished(spawn(|| 4).join())), 4);
}
