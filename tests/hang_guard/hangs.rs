//! A hang in a child process: the child fails, and its output names the test that hung.
//!
//! Each test here has two roles. In the parent it runs itself again as a child with a limit of one second. In the child it
//! hangs.

use std::env;
use std::hint::{black_box, spin_loop};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use selvedge::event_loop::current_loop;
use selvedge::{Promise, run};

use crate::support::child;

/// The variable that tells a child to hang.
const HANGS: &str = "SELVEDGE_HANGS";

/// In the child, calls `hang`. In the parent, asserts that the guard ends a child that runs the calling test, and names the
/// test and the function in which it hangs.
fn assert_guarded(hang: fn(), function: &str, more_arguments: &[&str]) {
    if env::var_os(HANGS).is_some() {
        hang();
        unreachable!("it hangs");
    }
    let thread = thread::current();
    let test = thread.name().expect("the harness names this thread");
    let mut command = child::this_program(&[test, "--exact"]);
    command
        .args(more_arguments)
        .env(HANGS, "")
        .env("SELVEDGE_HANG_SECONDS", "1");
    let ended = child::finish(&mut command);
    ended.assert_exited(124);
    ended.assert_reported(&[&format!("Test {test} hangs: "), function]);
    assert_eq!(ended.stderr.matches(" hangs: ").count(), 1, "{ended:#?}");
}

/// An optimised function whose last act is a call would have no frame in the backtrace.
fn keep_frame() {
    black_box(());
}

/// The handle is the reason why the loop reports no deadlock: a callback could still come through it.
#[inline(never)]
fn lost_wake_up() {
    run(|| {
        let _handle = current_loop().expect("a loop runs here").handle();
        let _ = Promise::<()>::new().wait();
    });
    keep_frame();
}

#[test]
fn a_task_parked_for_ever_fails_its_test() {
    assert_guarded(lost_wake_up, "lost_wake_up", &[]);
}

#[inline(never)]
fn waits_for_a_thread() {
    let (_sender, receiver) = mpsc::channel::<()>();
    let _ = receiver.recv();
}

#[test]
fn a_thread_that_waits_for_ever_fails_its_test() {
    assert_guarded(waits_for_a_thread, "waits_for_a_thread", &[]);
}

#[test]
fn a_hung_test_is_named_where_tests_run_one_by_one() {
    let one_by_one = &["--test-threads=1", "--nocapture"];
    assert_guarded(waits_for_a_thread, "waits_for_a_thread", one_by_one);
}

#[inline(never)]
fn busy_loop() {
    loop {
        spin_loop();
    }
}

#[test]
fn a_test_that_spins_for_ever_fails() {
    assert_guarded(busy_loop, "busy_loop", &[]);
}

#[test]
fn a_task_that_spins_for_ever_fails_its_test() {
    assert_guarded(|| run(busy_loop), "busy_loop", &[]);
}

/// The process that it starts holds the pipes on which the parent waits for the end of the output.
#[inline(never)]
fn starts_a_process_that_stays() {
    let mut sleep = Command::new("sleep");
    sleep.arg("1000000").stdin(Stdio::null());
    sleep.status().expect("it starts");
}

#[test]
fn the_children_of_a_hung_test_are_killed() {
    assert_guarded(
        starts_a_process_that_stays,
        "starts_a_process_that_stays",
        &[],
    );
}
