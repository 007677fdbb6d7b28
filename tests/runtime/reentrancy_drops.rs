//! Destructors that call back into the loop, wherever the runtime drops a user's value.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

use selvedge::task::{all_tasks, current_task};
use selvedge::{Task, sleep, spawn, yield_now};

use crate::reentrancy::calls_back;
use crate::support::{
    A_SECOND, AN_HOUR, Log, OnDrop, Reports, event_loop, finished, in_virtual_loop, shared, stop,
    virtual_loop,
};

#[test]
fn destructors_of_callback_closures_may_call_back() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let local = event_loop.local();
    let value = |event| calls_back(&local, &log, event);
    let (ran, cancelled) = (value("ran"), value("cancelled"));
    let (fired, later) = (value("fired"), value("cancelled later"));
    event_loop.call_soon(move || drop(ran));
    event_loop.call_soon(move || drop(cancelled)).cancel();
    event_loop.call_later(A_SECOND, move || drop(fired));
    event_loop
        .call_later(A_SECOND, move || drop(later))
        .cancel();
    assert_eq!(log.take(), ["cancelled", "cancelled later"]);
    finished(event_loop.run_until_complete(|| sleep(2 * A_SECOND)));
    assert_eq!(log.take(), ["ran", "fired"]);
}

#[test]
fn destructors_of_queued_closures_may_call_a_closing_loop() {
    let (event_loop, n_dropped) = (event_loop(), shared(0));
    for n in 0..10 {
        let (local, dropped) = (event_loop.local(), Rc::clone(&n_dropped));
        let on_drop = OnDrop(move || {
            dropped.set(dropped.get() + 1);
            // The loop may still accept calls; it must drop the accepted ones, too.
            let again = Rc::clone(&dropped);
            let nested = OnDrop(move || again.set(again.get() + 100));
            let _ = local.call_soon(move || drop(nested));
            let _ = local.call_later(A_SECOND, || ());
            let _ = local.create_task(|| ());
        });
        if n % 2 == 0 {
            event_loop.call_soon(move || drop(on_drop));
        } else {
            event_loop.call_later(A_SECOND, move || drop(on_drop));
        }
    }
    event_loop.close().expect("it does not run");
    drop(event_loop);
    assert_eq!(n_dropped.get(), 1010);
}

#[test]
fn destructors_of_promise_values_may_call_back() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let local = event_loop.local();
    let promise = event_loop.create_promise();
    assert!(
        promise
            .set_result(calls_back(&local, &log, "value"))
            .is_ok()
    );
    let refused = promise.set_result(calls_back(&local, &log, "refused value"));
    drop(refused);
    drop(promise);
    assert_eq!(log.take(), ["refused value", "value"]);
}

#[test]
fn the_destructor_of_a_promises_value_may_read_the_promise() {
    let event_loop = virtual_loop();
    let promise = Rc::new(event_loop.create_promise::<Box<dyn Any>>());
    let (weak, seen) = (Rc::downgrade(&promise), shared(false));
    let saw = Rc::clone(&seen);
    let value = OnDrop(move || {
        if let Some(promise) = weak.upgrade() {
            assert!(promise.is_done());
            let _ = (promise.try_take().is_err(), promise.cancel());
        }
        saw.set(true);
    });
    assert!(promise.set_result(Box::new(value)).is_ok());
    drop(finished(promise.try_take()));
    assert!(seen.get());
}

#[test]
fn destructors_of_task_results_and_captures_may_call_back() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let local = event_loop.local();
    let value = |event| calls_back(&local, &log, event);
    let (result, capture, unstarted) = (value("result"), value("capture"), value("unstarted"));
    let (held, unwound) = (event_loop.create_task(move || result), value("unwound"));
    drop(event_loop.create_task(move || drop(capture)));
    event_loop.create_task(move || drop(unstarted)).cancel();
    let parked = event_loop.create_task(move || {
        let _unwound = unwound;
        sleep(AN_HOUR);
    });
    finished(event_loop.run_until_complete(yield_now));
    assert_eq!(log.take(), ["capture", "unstarted"]);
    drop(held);
    assert_eq!(log.take(), ["result"]);
    parked.cancel();
    finished(event_loop.run_until_complete(yield_now));
    assert_eq!(log.take(), ["unwound"]);
}

#[test]
fn destructors_of_done_callbacks_may_call_back() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let local = event_loop.local();
    let promise = event_loop.create_promise::<u32>();
    for event in ["removed", "cleared", "dropped"] {
        let value = calls_back(&local, &log, event);
        let id = promise.add_done_callback(move |_| drop(value));
        match event {
            "removed" => assert!(promise.remove_done_callback(id)),
            "cleared" => assert_eq!(promise.clear_done_callbacks(), 1),
            _ => (),
        }
    }
    assert_eq!(log.take(), ["removed", "cleared"]);
    drop(promise);
    assert_eq!(log.take(), ["dropped"]);
}

#[test]
fn destructors_that_panic_in_callbacks_are_reported() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let reports = Reports::of(&event_loop);
    let bomb = || OnDrop(|| panic!("out of a destructor"));
    let (ran, fired, result) = (bomb(), bomb(), bomb());
    event_loop.call_soon(move || drop(ran));
    event_loop.call_later(A_SECOND, move || drop(fired));
    drop(event_loop.create_task(move || result));
    event_loop.call_soon(log.pusher("the loop goes on"));
    finished(event_loop.run_until_complete(|| sleep(2 * A_SECOND)));
    assert_eq!(log.take(), ["the loop goes on"]);
    assert!(reports.take().len() >= 2);
}

#[test]
fn a_destructor_in_a_task_may_spawn_join_and_wait() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let value = OnDrop(move || {
            sleep(A_SECOND);
            let task: Task<u32> = spawn(|| {
                yield_now();
                7
            });
            inside.push(format!("joined {}", finished(task.join())));
        });
        let slot = Rc::new(RefCell::new(Some(value)));
        drop(slot.borrow_mut().take());
    });
    assert_eq!(log.take(), ["joined 7"]);
}

#[test]
fn tasks_may_cancel_each_other_in_their_destructors() {
    in_virtual_loop(|| {
        let main = current_task().expect("main").id();
        let mut first = None;
        for _ in 0..20 {
            let task = spawn(move || {
                let _on_drop = OnDrop(|| {
                    for task in all_tasks() {
                        let _ = task.id() != main && task.cancel();
                    }
                });
                sleep(AN_HOUR);
            });
            first.get_or_insert(task.task_ref());
        }
        yield_now();
        first.expect("a task").cancel();
        sleep(A_SECOND);
        assert_eq!(all_tasks().len(), 1);
    });
}

#[test]
fn stop_inside_a_destructor_stops_the_loop() {
    let event_loop = event_loop();
    let on_drop = OnDrop(stop);
    event_loop.call_soon(move || drop(on_drop));
    event_loop.run_forever().expect("stopped by the destructor");
}
