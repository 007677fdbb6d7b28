//! `to_thread`: a function runs on a pool thread, the loop goes on, and values, errors and panics
//! return to the caller.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::thread;

use selvedge::event_loop::current_loop;
use selvedge::{Promise, RunError, run, sleep, spawn, to_thread, try_run, yield_now};

use crate::gates::Gate;
use crate::play;
use crate::support::{
    AN_HOUR, OnDrop, assert_sentence, finished, in_virtual_loop, scaled, shared, soon, virtual_loop,
};

pub const SCENARIOS: &[(&str, fn())] = &[("threads_come_and_go", threads_come_and_go)];

#[test]
fn a_function_runs_on_another_thread_and_returns_its_value() {
    let here = thread::current().id();
    let (there, text) = run(|| to_thread(|| (thread::current().id(), "value".to_owned()))).unwrap();
    assert_ne!(there, here);
    assert_eq!(text, "value");
}

#[test]
fn the_loop_goes_on_while_a_function_blocks() {
    run(|| {
        let gate = Gate::default();
        let opener = gate.clone();
        let n_turns = Rc::new(Cell::new(0));
        let turns = n_turns.clone();
        // Only this task ends the wait of the other task's thread.
        spawn(move || {
            opener.wait_for(1);
            for _ in 0..100 {
                yield_now();
                turns.set(turns.get() + 1);
            }
            opener.open();
        })
        .detach();
        to_thread(move || gate.pass()).unwrap();
        assert_eq!(n_turns.get(), 100);
    });
}

#[test]
fn a_panic_comes_back_as_an_error_with_its_payload() {
    run(|| {
        let error = to_thread(|| -> u32 { panic!("the warp tore") }).unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled());
        assert_eq!(error.message().unwrap(), "the warp tore");
        let odd = to_thread(|| -> u32 { std::panic::panic_any(7_u8) }).unwrap_err();
        assert_eq!(odd.into_panic().unwrap().downcast_ref::<u8>(), Some(&7));
        // The pool stays usable.
        assert_eq!(to_thread(|| 3).unwrap(), 3);
    });
}

#[test]
fn without_a_loop_the_function_runs_in_place() {
    let here = thread::current().id();
    assert_eq!(to_thread(|| thread::current().id()).unwrap(), here);
    let error = to_thread(|| -> u32 { panic!("torn") }).unwrap_err();
    assert!(error.is_panic(), "{error:?}");
}

#[test]
fn in_a_callback_to_thread_is_an_error() {
    in_virtual_loop(|| {
        let promise = Promise::new();
        let told = promise.clone();
        soon(move || {
            let error = to_thread(|| 1).unwrap_err();
            assert!(told.set_result(error.to_string()).is_ok());
        });
        assert_sentence(&promise.wait().unwrap());
    });
}

#[test]
fn while_panicking_to_thread_errs_and_runs_nothing() {
    in_virtual_loop(|| {
        let (said, ran) = (shared(String::new()), Gate::default());
        let (says, runs) = (said.clone(), ran.clone());
        let task = spawn(move || {
            let _on_drop = OnDrop(move || {
                let runs = runs.clone();
                let error = to_thread(move || runs.pass()).unwrap_err();
                says.set(error.to_string());
            });
            panic!("torn");
        });
        let error: Result<(), _> = task.join();
        assert!(error.unwrap_err().is_panic());
        assert_sentence(&said.take());
        assert_eq!(ran.n_waiting(), 0);
    });
}

#[test]
fn hundreds_of_functions_at_once_all_return() {
    let n = scaled(500, 50);
    let sum: usize = run(|| {
        let tasks: Vec<_> = (0..n)
            .map(|n| spawn(move || to_thread(move || n)))
            .collect();
        tasks
            .into_iter()
            .map(|task| task.join().unwrap().unwrap())
            .sum()
    });
    assert_eq!(sum, n * (n - 1) / 2);
}

#[test]
fn a_function_may_use_the_loop_from_its_thread() {
    let answer = run(|| {
        let handle = current_loop().unwrap().handle().unwrap();
        to_thread(move || handle.spawn_threadsafe(|| 40).unwrap().join().unwrap() + 2)
    });
    assert_eq!(answer.unwrap(), 42);
}

/// A job takes real time: a clock that jumped would make other tasks time out too early.
#[test]
fn a_virtual_clock_stands_still_while_a_function_runs() {
    finished(virtual_loop().run_until_complete(|| {
        let (started, starts) = channel();
        let (done, is_done) = channel();
        let slow = spawn(move || {
            to_thread(move || {
                started.send(()).unwrap();
                is_done.recv().unwrap();
            })
        });
        let sleeper = spawn(|| sleep(AN_HOUR));
        let helper = thread::spawn(move || {
            starts.recv().unwrap();
            done.send(()).unwrap();
        });
        slow.join().unwrap().unwrap();
        let elapsed = current_loop().unwrap().elapsed().unwrap();
        assert!(elapsed.is_zero(), "the clock moved by {elapsed:?}");
        sleeper.join().unwrap();
        assert_eq!(current_loop().unwrap().elapsed().unwrap(), AN_HOUR);
        helper.join().unwrap();
    }));
}

#[test]
fn only_a_running_function_prevents_the_deadlock_report() {
    let outcome = try_run(|| {
        to_thread(thread::yield_now).unwrap();
        Promise::<()>::new().wait()
    });
    assert!(matches!(outcome, Err(RunError::Deadlock(_))), "{outcome:?}");
}

/// The number of pool threads in this process.
fn n_pool_threads() -> usize {
    let threads = std::fs::read_dir("/proc/self/task").expect("this process's threads");
    // A thread that has ended meanwhile has no name.
    let names =
        threads.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("comm")).ok());
    names
        .filter(|name| name.starts_with("selvedge-pool"))
        .count()
}

fn threads_come_and_go() {
    run(|| {
        assert_eq!(n_pool_threads(), 0, "before there is work");
        // The thread counts itself: a moment later it might have left.
        assert_eq!(to_thread(n_pool_threads).unwrap(), 1);
        // The thread leaves after an idle time; the test doesn't measure how long.
        while n_pool_threads() > 0 {
            yield_now();
        }
        to_thread(|| ()).unwrap();
    });
    // The loop's end does not wait for idle threads, but they leave.
    while n_pool_threads() > 0 {
        thread::yield_now();
    }
}

#[test]
fn threads_start_for_work_and_leave_when_idle() {
    play("threads_come_and_go").assert_exited(0);
}
