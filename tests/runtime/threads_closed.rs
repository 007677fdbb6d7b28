//! `LoopHandle` and the end of its loop: pushed closures run or are dropped once, later ones are handed back.

use std::sync::{Arc, Barrier};
use std::thread;

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
