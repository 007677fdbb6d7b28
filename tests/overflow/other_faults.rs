//! Faults that are no stack overflows of coroutines, each compared with a process that never made a coroutine.

use std::ffi::c_int;
use std::hint::black_box;
use std::ptr;
use std::thread;

use selvedge::{Coroutine, Yielder};

use crate::support::child::Ended;
use crate::{KIB, assert_overflow_reported, in_a_coroutine, overflow_on, recurse, run};

pub const SCENARIOS: &[(&str, fn())] = &[
    ("null_without", null_dereference),
    ("null_with", || with_coroutines(null_dereference)),
    ("null_inside", || in_a_coroutine(null_dereference)),
    ("raised_without", raise_twice),
    ("raised_with", || with_coroutines(raise_twice)),
    ("raised_inside", || in_a_coroutine(raise_twice)),
    ("own_overflow_without", own_overflow),
    ("own_overflow_with", || with_coroutines(own_overflow)),
    ("user_handler", user_handler),
    ("user_handler_inside", user_handler_inside),
    ("user_handler_overflow", user_handler_overflow),
];

/// Makes coroutines, suspended and finished, and keeps them during `f`.
fn with_coroutines(f: fn()) {
    let mut coroutines: Vec<_> = (0..10)
        .map(|_| Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(())))
        .collect();
    for coroutine in &mut coroutines {
        coroutine.resume();
    }
    coroutines[0].resume();
    f();
}

fn null_dereference() {
    // SAFETY: none; the fault is the purpose of this child. C reads the address, since Rust checks it in debug builds.
    black_box(unsafe { libc::strlen(black_box(ptr::null())) });
    println!("it came back");
}

fn raise_twice() {
    for _ in 0..2 {
        // SAFETY: signals oneself.
        unsafe { libc::raise(libc::SIGSEGV) };
        eprintln!("survived the signal");
    }
}

fn own_overflow() {
    let thread = thread::Builder::new()
        .name("own".to_owned())
        .spawn(recurse)
        .expect("a thread");
    thread.join().expect("no return");
}

/// Asserts that `with` and `inside` end as `without` does and print the same, except for the thread's number in
/// brackets.
#[track_caller]
fn assert_as_without_coroutines(without: &Ended, with: &Ended, signal: i32) {
    let said = |ended: &Ended| {
        ended
            .stderr
            .chars()
            .filter(|c| !c.is_ascii_digit())
            .collect::<String>()
    };
    without.assert_killed_by(signal);
    with.assert_killed_by(signal);
    assert_eq!(said(with), said(without));
    assert!(!with.stderr.contains("stack_size"), "{with:#?}");
}

#[test]
fn a_null_dereference_dies_by_sigsegv_as_without_coroutines() {
    let without = run("null_without");
    assert_as_without_coroutines(&without, &run("null_with"), libc::SIGSEGV);
    assert_as_without_coroutines(&without, &run("null_inside"), libc::SIGSEGV);
}

#[test]
fn a_raised_sigsegv_is_handled_as_without_coroutines() {
    let without = run("raised_without");
    assert_as_without_coroutines(&without, &run("raised_with"), libc::SIGSEGV);
    assert_as_without_coroutines(&without, &run("raised_inside"), libc::SIGSEGV);
}

#[test]
fn rust_still_reports_an_overflow_of_the_threads_own_stack() {
    let without = run("own_overflow_without");
    without.assert_reported(&["own", "has overflowed its stack"]);
    assert_as_without_coroutines(&without, &run("own_overflow_with"), libc::SIGABRT);
}

/// Installs a SIGSEGV handler that prints a line and exits with 42.
fn install_user_handler() {
    extern "C" fn handle(_: c_int) {
        const SAID: &str = "the user's handler\n";
        // SAFETY: both calls are async-signal-safe, and the bytes are static.
        unsafe {
            libc::write(libc::STDERR_FILENO, SAID.as_ptr().cast(), SAID.len());
            libc::_exit(42);
        }
    }
    // SAFETY: zeroed is a valid sigaction, and the handler calls only what signals may.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handle as extern "C" fn(c_int) as usize;
        action.sa_flags = libc::SA_ONSTACK;
        assert_eq!(libc::sigaction(libc::SIGSEGV, &action, ptr::null_mut()), 0);
    }
}

fn user_handler() {
    install_user_handler();
    with_coroutines(null_dereference);
}

fn user_handler_inside() {
    install_user_handler();
    in_a_coroutine(null_dereference);
}

fn user_handler_overflow() {
    install_user_handler();
    overflow_on("loom", 64 * KIB, recurse);
}

#[test]
fn a_handler_installed_earlier_still_gets_other_faults() {
    for scenario in ["user_handler", "user_handler_inside"] {
        let ended = run(scenario);
        ended.assert_exited(42);
        assert_eq!(ended.stderr, "the user's handler\n");
    }
}

#[test]
fn an_overflow_is_reported_before_any_other_handler() {
    let ended = run("user_handler_overflow");
    assert_overflow_reported(&ended, "loom", "64");
    assert!(!ended.stderr.contains("the user's handler"), "{ended:#?}");
}
