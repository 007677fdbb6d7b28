//! Fails a test that hangs, and names it: `cargo test` would wait for it for ever.
//!
//! A test binary is guarded if it includes this file. The tests themselves say nothing about the guard.
//!
//! # How it works
//!
//! 1. The loader calls `start` before `main`, because `start` stands in the section `.init_array`. It starts one
//!    thread, the watchdog.
//! 2. Once a second the watchdog lists the threads of the process and counts, for each, the rounds in which that thread
//!    existed. The harness runs each test on a thread of its own, with `--test-threads=1` as well, so the age of a thread is
//!    the duration of its test. Rounds are counted instead of time, because a clock goes on while a debugger or a suspended
//!    machine stops the whole process.
//! 3. The watchdog sends a signal to each thread that is older than the limit. The handler runs on that thread, whether it
//!    sleeps in the kernel or spins in a loop. It stores `std::thread::current().name()`, which the harness has set to the
//!    full path of the test; the kernel's name of a thread ends after 15 bytes.
//! 4. If that name is a path, the thread is a hung test. (The main thread is never asked, other threads of the tests have no
//!    name, and the name of a pool's thread contains a hyphen.) The watchdog prints the path, asks the thread for its return
//!    addresses in the same way, and prints the backtrace. It kills the children of the process, which would keep its
//!    pipes open, and ends the process with the status 124. `cargo test` reports that as a failure of this binary. Any
//!    other thread goes on, and is asked again after another limit.
//!
//! # The limit
//!
//! A test may take 100 seconds, so that a hang ends within two minutes; ten times as long under Valgrind or qemu. The
//! environment variable `SELVEDGE_HANG_SECONDS` sets another limit; 0 switches the guard off. A test that is long by design
//! (the soak, the differential test) counts its steps in [`N_STEPS`], and the limit begins anew with each step. All tests of
//! a binary share that counter, so only a binary of one test uses it.
//!
//! # What it does not disturb
//!
//! - Open files and allocations: all that it opens and allocates, it does before `main`, or once a thread is older than the
//!   limit.
//! - Signals: the watchdog blocks all of them, so none that is meant for a test arrives there. The signal that asks a thread
//!   is a real-time one that no test uses. It gets its handler when the first thread is older than the limit.
//! - Children: a thread exists neither in a forked process nor in another program. A child that plays a scenario
//!   (`child.rs`) has no watchdog either. An alarm ends it after four fifths of the limit, so that the test that started it
//!   fails by its own assertion, with all that the child has printed. The same alarm guards the binaries without a
//!   harness, where each test is such a child.
//!
//! Other systems than Linux have no guard but the alarm of children: std can't list threads, nor interrupt one.

#![allow(unsafe_code)]

#[cfg(target_os = "linux")]
pub mod ages;
#[cfg(target_os = "linux")]
pub mod question;
#[cfg(target_os = "linux")]
mod watchdog;

use std::env;
use std::sync::atomic::AtomicU64;

/// The steps that a long test has made.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
pub static N_STEPS: AtomicU64 = AtomicU64::new(0);

/// The environment variable that names the scenario of a child.
pub const SCENARIO: &str = "SELVEDGE_SCENARIO";

#[cfg(target_os = "linux")]
#[used]
// SAFETY: the section is a list of functions of this type, which the loader calls in turn. The C library is ready by then,
// and `start` calls nothing of std that relies on the preparation of `main`.
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = start;

#[cfg(target_os = "linux")]
extern "C" fn start() {
    let limit_seconds = limit_seconds();
    if limit_seconds > 0 && env::var_os(SCENARIO).is_none() {
        watchdog::start(limit_seconds);
    }
}

/// How long a test of this binary may take. 0 means that there is no limit.
pub fn limit_seconds() -> u32 {
    let given = env::var("SELVEDGE_HANG_SECONDS").ok();
    if let Some(seconds) = given.and_then(|text| text.parse().ok()) {
        return seconds;
    }
    if is_emulated() { 1000 } else { 100 }
}

/// Whether Valgrind or qemu runs this process.
pub fn is_emulated() -> bool {
    ["SELVEDGE_UNDER_VALGRIND", "SELVEDGE_UNDER_QEMU"]
        .iter()
        .any(|name| env::var_os(name).is_some())
}
