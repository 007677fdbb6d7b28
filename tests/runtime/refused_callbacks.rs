//! Callbacks scheduled on a closing or closed loop by destructors that schedule again and again.

use selvedge::event_loop::LocalLoop;
use selvedge::{EventLoop, Promise, Task};

use crate::support::{Log, OnDrop, caught, event_loop, finished, text, virtual_loop};

/// On drop, schedules a callback that holds another value of this type.
struct Again(LocalLoop);

impl Drop for Again {
    fn drop(&mut self) {
        let again = Self(self.0.clone());
        let _ = self.0.call_soon(move || drop(again));
    }
}

#[test]
fn a_callback_rescheduled_in_its_drop_does_not_block_the_close() {
    let event_loop = virtual_loop();
    let again = Again(event_loop.local());
    event_loop.call_soon(move || drop(again));
    let log = Log::default();
    event_loop.call_soon(log.pusher("called"));
    finished(event_loop.run_until_complete(|| ()));
    drop(event_loop);
    assert_eq!(log.take(), ["called"]);
}

#[test]
fn a_closed_loop_refuses_callbacks_scheduled_in_destructors() {
    let event_loop = event_loop();
    let local = event_loop.local();
    event_loop.close().expect("it does not run");
    drop(Again(local.clone()));
    drop(event_loop);
    drop(Again(local));
}

/// On drop, adds a done callback that holds another value of this type.
struct AddsAgain(Promise<()>);

impl Drop for AddsAgain {
    fn drop(&mut self) {
        let again = Self(self.0.clone());
        self.0.add_done_callback(move |_| drop(again));
    }
}

fn closed_with_a_promise() -> (EventLoop, Promise<()>) {
    let event_loop = event_loop();
    let promise = event_loop.create_promise();
    promise.set_result(()).expect("pending");
    event_loop.close().expect("it does not run");
    (event_loop, promise)
}

#[test]
fn done_callbacks_added_after_the_close_are_dropped_in_turn() {
    let (event_loop, promise) = closed_with_a_promise();
    drop(AddsAgain(promise.clone()));
    drop(event_loop);
    drop(AddsAgain(promise));
}

#[test]
fn a_done_callback_added_after_the_close_is_dropped_at_once() {
    let (event_loop, promise) = closed_with_a_promise();
    let log = Log::default();
    let guard = log.guard("the promise's");
    promise.add_done_callback(move |_| drop(guard));
    assert_eq!(log.take(), ["the promise's"]);
    drop(event_loop);

    let event_loop = virtual_loop();
    let task: Task<()> = event_loop.create_task(|| ());
    event_loop.close().expect("it does not run");
    let guard = log.guard("the task's");
    task.add_done_callback(move |_| drop(guard));
    assert_eq!(log.take(), ["the task's"]);
}

#[test]
fn a_refused_callbacks_drop_panics_in_the_call_after_all_drops() {
    let event_loop = event_loop();
    let (local, log) = (event_loop.local(), Log::default());
    drop(event_loop);
    let (theirs, logs) = (local.clone(), log.clone());
    let outer = OnDrop(move || {
        let guard = logs.guard("offered meanwhile");
        let _ = theirs.call_soon(move || drop(guard));
        logs.push("torn");
        panic!("torn");
    });
    let offer = || local.call_soon(move || drop(outer)).is_err();
    assert_eq!(text(&caught(offer)), "torn");
    assert_eq!(log.take(), ["torn", "offered meanwhile"]);
}
