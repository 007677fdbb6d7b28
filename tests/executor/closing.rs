//! The end of a loop: queued jobs are dropped, running jobs are awaited, for a bounded time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use selvedge::event_loop::current_loop;
use selvedge::{EventLoop, run, spawn, to_thread, yield_now};

use crate::gates::{Drops, Gate};
use crate::support::{AN_HOUR, OnDrop, caught, event_loop, thread_number, wait_until_asleep};

/// Blocks the thread until `n` jobs wait at the gate.
fn wait_at(gate: &Gate, n: usize) {
    while gate.n_waiting() < n {
        thread::yield_now();
    }
}

/// Opens the gate as soon as this thread sleeps.
fn open_when_asleep(gate: &Gate) -> thread::JoinHandle<()> {
    let (number, gate) = (thread_number(), gate.clone());
    thread::spawn(move || {
        wait_until_asleep(number);
        gate.open();
    })
}

#[test]
fn closing_waits_for_a_function_that_runs() {
    let event_loop = event_loop();
    let (gate, is_done) = (Gate::default(), Arc::new(AtomicBool::new(false)));
    let (at_gate, done) = (gate.clone(), is_done.clone());
    let promise = event_loop.run_in_executor(move || {
        at_gate.pass();
        done.store(true, SeqCst);
    });
    wait_at(&gate, 1);
    let opener = open_when_asleep(&gate);
    event_loop.close().unwrap();
    assert!(is_done.load(SeqCst), "the loop was closed before");
    let error = promise.result().unwrap_err();
    assert!(error.is_cancelled());
    assert!(error.message().unwrap().contains("closed"), "{error}");
    opener.join().unwrap();
}

#[test]
fn run_waits_for_functions_that_its_tasks_began() {
    let is_done = Arc::new(AtomicBool::new(false));
    let (gate, done) = (Gate::default(), is_done.clone());
    let opener = run(|| {
        let at_gate = gate.clone();
        spawn(move || {
            to_thread(move || {
                at_gate.pass();
                done.store(true, SeqCst);
            })
        })
        .detach();
        gate.wait_for(1);
        open_when_asleep(&gate)
    });
    assert!(is_done.load(SeqCst));
    opener.join().unwrap();
}

#[test]
fn the_wait_is_bounded_and_then_the_function_is_abandoned() {
    let builder = EventLoop::builder().shutdown_timeout(Duration::from_millis(5));
    let event_loop = builder.build().unwrap();
    let (gate, drops) = (Gate::default(), Drops::default());
    let (at_gate, captured) = (gate.clone(), drops.guard());
    let promise = event_loop.run_in_executor(move || {
        at_gate.pass();
        drop(captured);
    });
    wait_at(&gate, 1);
    // The gate stays closed: only the deadline ends this.
    event_loop.close().unwrap();
    assert!(promise.result().unwrap_err().is_cancelled());
    assert_eq!(drops.n(), 0);
    drop(event_loop);
    gate.open();
    while drops.n() == 0 {
        thread::yield_now();
    }
}

#[test]
fn queued_jobs_are_dropped_first_and_fail() {
    let builder = EventLoop::builder().max_blocking_threads(1);
    let event_loop = builder.build().unwrap();
    let (gate, drops) = (Gate::default(), Drops::default());
    let at_gate = gate.clone();
    let running = event_loop.run_in_executor(move || at_gate.pass());
    wait_at(&gate, 1);
    let queued: Vec<_> = (0..10)
        .map(|n| {
            let captured = drops.guard();
            event_loop.run_in_executor(move || {
                drop(captured);
                n
            })
        })
        .collect();
    let opener = open_when_asleep(&gate);
    event_loop.close().unwrap();
    assert_eq!(drops.n(), 10);
    for promise in queued {
        assert!(promise.result().unwrap_err().is_cancelled());
    }
    assert!(running.is_cancelled());
    opener.join().unwrap();
}

/// Destructors that run at the end find a loop that accepts no more work.
#[test]
fn a_job_from_a_destructor_at_the_end_is_refused() {
    let event_loop = event_loop();
    let local = event_loop.local();
    event_loop.call_soon(move || {
        let _keeps = OnDrop(|| ());
        let late = local.run_in_executor(|| 1);
        assert!(late.is_err(), "{late:?}");
    });
    let local = event_loop.local();
    let on_drop = OnDrop(move || {
        if let Ok(promise) = local.run_in_executor(|| 1) {
            // The loop is still open here: then the job fails like all others.
            promise.add_done_callback(|_| ());
        }
    });
    event_loop.call_later(AN_HOUR, move || drop(on_drop));
    event_loop.close().unwrap();
}

#[test]
fn a_loop_dropped_during_a_panic_waits_for_nothing() {
    let gate = Gate::default();
    let at_gate = gate.clone();
    let payload = caught(move || {
        let event_loop = EventLoop::new().unwrap();
        let _promise = event_loop.run_in_executor({
            let gate = at_gate.clone();
            move || gate.pass()
        });
        wait_at(&at_gate, 1);
        panic!("torn");
    });
    assert_eq!(crate::support::text(&payload), "torn");
    gate.open();
}

#[test]
fn a_loop_closed_inside_another_does_not_block_the_outer() {
    run(|| {
        let gate = Gate::default();
        let inner = EventLoop::new().unwrap();
        let at_gate = gate.clone();
        let promise = inner.run_in_executor(move || at_gate.pass());
        gate.wait_for(1);
        inner.close().unwrap();
        assert!(promise.is_cancelled());
        assert!(current_loop().unwrap().is_running());
        gate.open();
    });
}

/// Panics when it is dropped.
struct PanicsInDrop(std::sync::mpsc::Sender<()>);

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        let _ = self.0.send(());
        panic!("torn");
    }
}

#[test]
fn an_unwanted_result_that_panics_in_drop_tears_nothing() {
    let make = |done: &std::sync::mpsc::Sender<()>| {
        let done = done.clone();
        move || PanicsInDrop(done)
    };
    let (done, is_dropped) = std::sync::mpsc::channel();
    // While the loop runs.
    let event_loop = EventLoop::new().expect("a loop");
    drop(event_loop.run_in_executor(make(&done)));
    let other = event_loop.run_in_executor(|| 5);
    assert_eq!(event_loop.run_until_complete(other).expect("no panic"), 5);
    while is_dropped.try_recv().is_err() {
        event_loop.run_until_complete(yield_now).expect("no panic");
    }
    // While it ends: the result may be dropped on either thread.
    let handle = event_loop.handle();
    drop(event_loop.run_in_executor(make(&done)));
    drop(event_loop);
    assert!(handle.spawn_threadsafe(|| ()).is_err());
    // In the unwind of a cancelled wait.
    let event_loop = EventLoop::new().expect("a loop");
    let makes = make(&done);
    let (made, is_made) = std::sync::mpsc::channel();
    let waits = event_loop.create_task(move || {
        drop(to_thread(move || {
            let value = makes();
            made.send(()).expect("a receiver");
            value
        }));
    });
    event_loop.run_until_complete(yield_now).expect("no panic");
    is_made.recv().expect("the job runs");
    waits.cancel();
    let error = event_loop.run_until_complete(waits).expect_err("cancelled");
    // If the result arrived before the cancel, the task drops the result, whose panic becomes the
    // task's.
    assert!(error.is_cancelled() || error.is_panic(), "{error}");
}
