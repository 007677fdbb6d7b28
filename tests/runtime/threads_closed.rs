//! `LoopHandle` and the end of its loop: pushed closures run or are dropped once, later ones are handed back.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use selvedge::EventLoop;
use selvedge::event_loop::LoopHandle;

use crate::support::{event_loop, finished, scaled, soon_threadsafe};

#[test]
fn a_closed_loop_hands_the_closure_back() {
    let event_loop = event_loop();
    let handle = event_loop.handle();
    event_loop.close().expect("it does not run");
    let value = String::from("still mine");
    let error = handle
        .call_soon_threadsafe(move || drop(value.clone() + &value))
        .expect_err("it is closed");
    assert_eq!(error.to_string(), "event loop is closed");
    let closure = error.into_inner();
    closure();
    let error = handle
        .spawn_threadsafe(|| 41 + 1)
        .expect_err("it is closed");
    assert_eq!(error.into_inner()(), 42);
    assert!(handle.stop().is_err());
}

#[test]
fn a_dropped_loop_hands_the_closure_back_on_another_thread_too() {
    let handle = event_loop().handle();
    let pusher = thread::spawn(move || {
        let error = handle
            .call_soon_threadsafe(|| ())
            .map_err(|error| error.to_string());
        error.expect_err("it is closed")
    });
    assert_eq!(pusher.join().expect("no panic"), "event loop is closed");
}

#[test]
fn pushed_closures_that_never_ran_are_dropped_with_the_loop() {
    let event_loop = event_loop();
    let handle = event_loop.handle();
    let token = Arc::new(());
    for _ in 0..10 {
        let token = token.clone();
        soon_threadsafe(&handle, move || drop(token));
    }
    assert_eq!(Arc::strong_count(&token), 11);
    drop(event_loop);
    assert_eq!(Arc::strong_count(&token), 1);
    drop(handle);
}

#[test]
fn each_closure_pushed_during_the_close_is_dropped_once() {
    for _ in 0..scaled(200, 20) {
        let event_loop = event_loop();
        let handle = event_loop.handle();
        let token = Arc::new(());
        let start = Arc::new(Barrier::new(2));
        let (there, pushed) = (start.clone(), token.clone());
        let pusher = thread::spawn(move || {
            there.wait();
            let mut n_refused = 0;
            for _ in 0..100 {
                let token = pushed.clone();
                n_refused += usize::from(handle.call_soon_threadsafe(move || drop(token)).is_err());
            }
            n_refused
        });
        start.wait();
        event_loop.close().expect("it does not run");
        assert!(pusher.join().expect("no panic") <= 100);
        drop(event_loop);
        assert_eq!(Arc::strong_count(&token), 1);
    }
}

#[test]
fn handles_are_cloned_and_dropped_anywhere() {
    let event_loop = event_loop();
    let handle = event_loop.handle();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let handle = handle.clone();
            thread::spawn(move || (0..100).for_each(|_| drop(handle.clone())))
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
    drop(handle);
    assert_eq!(finished(event_loop.run_until_complete(|| 5)), 5);
}

/// Runs `job` on the only thread of a loop's pool, and closes the loop. A queued job and a timer own a sender of the
/// job's receivers each. Returns what the job returns, if the loop has closed because the job has ended.
fn end_of_a_job<T: Send + 'static>(
    job: impl FnOnce(&LoopHandle, [mpsc::Receiver<()>; 2]) -> T + Send + 'static,
) -> Option<T> {
    let patient = EventLoop::builder().shutdown_timeout(Duration::from_secs(20));
    let event_loop = patient.max_blocking_threads(1).build();
    let event_loop = event_loop.expect("there are descriptors");
    let handle = event_loop.handle();
    let in_vain = Rc::new(Cell::new(false));
    let is_in_vain = Rc::clone(&in_vain);
    event_loop.set_exception_handler(move |context| {
        let has_waited = context.message().contains("although work still runs");
        in_vain.set(in_vain.get() || has_waited);
    });
    let (of_queued, queued_dropped) = mpsc::channel::<()>();
    let (of_timer, timer_dropped) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    let (result, results) = mpsc::channel();
    let running = event_loop.run_in_executor(move || {
        begun.send(()).expect("the test waits");
        let value = job(&handle, [queued_dropped, timer_dropped]);
        drop(result.send(value));
    });
    has_begun.recv().expect("the job begins");
    let queued = event_loop.run_in_executor(move || drop(of_queued));
    event_loop.call_later(Duration::from_secs(3600), move || drop(of_timer));
    event_loop.close().expect("it does not run");
    drop((running, queued));
    results.try_recv().ok().filter(|_| !is_in_vain.get())
}

#[test]
fn a_job_of_a_closing_loop_is_refused_a_remote_task() {
    let is_refused = end_of_a_job(|handle, [queued, _timer]| {
        let dropped = queued.recv();
        dropped.expect_err("the job that owns the sender is dropped");
        // The loop runs no task any more, and waits for this job.
        let spawned = handle.spawn_threadsafe(|| ());
        spawned.map_or(true, |task| task.join().is_err())
    });
    assert_eq!(is_refused, Some(true), "the close has waited in vain");
}

#[test]
fn a_closing_loop_drops_callbacks_before_it_waits_for_jobs() {
    let is_dropped = end_of_a_job(|_, [_queued, timer]| timer.recv().is_err());
    assert_eq!(is_dropped, Some(true), "the close has waited in vain");
}
