//! A stack overflow is reported by name and ends in SIGABRT; every other fault behaves as without the library.

#![allow(unsafe_code)]

#[path = "../support/hang_guard.rs"]
mod hang_guard;
#[path = "../support/mod.rs"]
mod support;

mod other_faults;
mod reports;
mod slabs;

use std::hint::black_box;

use selvedge::{Coroutine, Yielder};

use support::child::{self, Ended, run};

const KIB: usize = 1024;

/// The child's entry: plays the child's scenario. Does nothing in the parent.
#[test]
fn play_a_scenario() {
    child::play(
        &[
            other_faults::SCENARIOS,
            reports::SCENARIOS,
            slabs::SCENARIOS,
        ]
        .concat(),
    );
}

fn overflow_on(name: &str, size_bytes: usize, f: impl FnOnce() + 'static) {
    let builder = Coroutine::builder().name(name).stack_size_bytes(size_bytes);
    let mut coroutine = builder
        .build(|_: &Yielder<(), ()>, ()| f())
        .expect("a stack");
    coroutine.resume();
    println!("it came back");
}

fn in_a_coroutine(f: fn()) {
    Coroutine::new(move |_: &Yielder<(), ()>, ()| f()).resume();
    println!("it came back");
}

/// Calls itself endlessly, touching every frame.
fn recurse() {
    #[inline(never)]
    fn descend(depth: usize) -> usize {
        let frame = black_box([depth; 16]);
        if frame[0] == usize::MAX {
            0
        } else {
            descend(depth + 1) + black_box(frame)[depth % 16]
        }
    }
    black_box(descend(0));
}

/// Asserts that stderr has the report of an overflow of `name` on a stack of `size_kib`, and nothing after it.
#[track_caller]
fn assert_overflow_reported(ended: &Ended, name: &str, size_kib: &str) {
    ended.assert_killed_by(libc::SIGABRT);
    let line = ended.stderr.lines().find(|line| line.contains(name));
    let line = line.unwrap_or_else(|| panic!("no line names {name:?} in {ended:#?}"));
    let site = "overflow/";
    assert!(
        line.contains(&format!("{size_kib} KiB")) && line.contains(site),
        "size or site missing in {line:?}"
    );
    ended.assert_reported(&["stack_size"]);
    assert!(!ended.stdout.contains("it came back"), "{ended:#?}");
}
