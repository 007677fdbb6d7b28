//! `run_in_executor`: a job on a pool thread, represented by a promise.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use selvedge::event_loop::current_loop;
use selvedge::{EventLoop, Promise, RunError, run, spawn, try_run, yield_now};

use crate::gates::{Drops, Gate};
use crate::support::{Log, Reports, event_loop, finished, sentence, shared};

/// Starts a job of the running loop.
fn job<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Promise<T> {
    current_loop().unwrap().run_in_executor(f).unwrap()
}

#[test]
fn the_promise_has_the_value() {
    let here = thread::current().id();
    run(|| {
        let promise = job(|| (thread::current().id(), 5));
        assert!(!promise.is_done(), "it is kept by the loop");
        let (there, value) = promise.wait().unwrap();
        assert_ne!(there, here);
        assert_eq!(value, 5);
    });
}

#[test]
fn run_in_executor_works_before_the_loop_runs() {
    let event_loop = event_loop();
    let promise = event_loop.run_in_executor(|| "early");
    assert_eq!(event_loop.run_until_complete(promise).unwrap(), "early");
}

#[test]
fn the_promise_has_the_panic() {
    run(|| {
        let error = job(|| -> u32 { panic!("the weft tore") })
            .wait()
            .unwrap_err();
        assert!(error.is_panic());
        assert_eq!(error.message().unwrap(), "the weft tore");
    });
}

#[test]
fn an_unretrieved_panic_is_reported() {
    let event_loop = event_loop();
    let reports = Reports::of(&event_loop);
    finished(event_loop.run_until_complete(|| {
        let promise = job(|| -> u32 { panic!("unheard") });
        while !promise.is_done() {
            yield_now();
        }
    }));
    let report = reports.only();
    assert!(report.exception.unwrap().is_panic(), "{}", report.text);
}

#[test]
fn done_callbacks_run_on_the_loop() {
    let here = thread::current().id();
    run(|| {
        let (log, there) = (Log::default(), shared(None));
        let (logs, theirs) = (log.clone(), there.clone());
        let promise = job(|| 1);
        let done = Promise::new();
        let told = done.clone();
        promise.add_done_callback(move |promise| {
            logs.push(format!("{:?}", promise.result().unwrap()));
            theirs.set(Some(thread::current().id()));
            told.set_result(()).unwrap();
        });
        assert_eq!(
            promise.clear_done_callbacks(),
            1,
            "the library has none of its own there"
        );
        let told = done.clone();
        promise.add_done_callback(move |_| told.set_result(()).unwrap());
        done.wait().unwrap();
        assert_eq!((log.take().len(), there.get()), (0, None));
        assert_eq!(thread::current().id(), here);
    });
}

/// Another task sets the promise: the job's value is dropped, and so is a job that has not started.
#[test]
fn the_first_to_set_the_promise_wins() {
    let event_loop = EventLoop::builder()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    finished(event_loop.run_until_complete(|| {
        let (gate, drops) = (Gate::default(), Drops::default());
        let (at_gate, dropped) = (gate.clone(), drops.guard());
        let running = job(move || {
            at_gate.pass();
            Some(dropped)
        });
        gate.wait_for(1);
        let (at_gate, captured) = (gate.clone(), drops.guard());
        let queued = job(move || {
            let _captured = captured;
            at_gate.pass();
            7
        });
        queued.set_result(8).unwrap();
        assert_eq!(drops.n(), 1, "the queued job was dropped with what it had");
        assert!(running.set_result(None).is_ok());
        gate.open();
        assert_eq!(queued.wait().unwrap(), 8);
        assert!(running.take().unwrap().is_none());
        while drops.n() < 2 {
            yield_now();
        }
        assert_eq!(gate.n_waiting(), 1);
    }));
}

#[test]
fn only_a_pending_job_prevents_the_deadlock_report() {
    let (gate, helper_gate) = (Gate::default(), Gate::default());
    let (at_gate, helper) = (gate.clone(), helper_gate.clone());
    let opener = thread::spawn(move || {
        helper_gate.pass();
        gate.open();
    });
    let outcome = try_run(move || {
        let promise = job(move || at_gate.pass());
        // The loop has nothing else to wait for.
        helper.open();
        promise.wait().unwrap();
        let never = Gate::default();
        let theirs = never.clone();
        let cancelled = job(move || theirs.pass());
        never.wait_for(1);
        cancelled.cancel();
        let opened = spawn(move || never.open());
        opened.join().unwrap();
        Promise::<()>::new().wait()
    });
    assert!(matches!(outcome, Err(RunError::Deadlock(_))), "{outcome:?}");
    opener.join().unwrap();
}

#[test]
fn a_closed_loop_takes_no_job() {
    let event_loop = event_loop();
    let local = event_loop.local();
    event_loop.close().unwrap();
    let text = sentence(|| event_loop.run_in_executor(|| 1));
    assert!(text.contains("closed"), "{text}");
    let error = local.run_in_executor(|| 1).unwrap_err();
    assert!(error.to_string().contains("event loop is closed"));
    let again = catch_unwind(AssertUnwindSafe(|| event_loop.close()));
    again.expect("closing again does nothing").unwrap();
}
