//! A scope never returns while a child's frames are alive, even if destructors panic meanwhile.
//!
//! Each scenario lends a flag to a child, whose guard clears the flag when the frame ends. A scope that returns with
//! the flag set is reported.

use std::cell::Cell;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};

use selvedge::coroutine::{Scope, scope};
use selvedge::{CoroutineState, Yielder};

use crate::run;
use crate::support::child::Ended;

pub const SCENARIOS: &[(&str, fn())] = &[
    ("captures_that_abandon", captures_that_abandon),
    ("a_value_that_panics_for_ever", || values_that_panic(5_000)),
    ("a_value_that_panics_thrice", || values_that_panic(3)),
    ("payloads_that_panic", payloads_that_panic),
];

/// Sets the flag while the frame that holds this guard is alive.
struct Alive<'a>(&'a Cell<bool>);

impl<'a> Alive<'a> {
    fn new(flag: &'a Cell<bool>) -> Self {
        flag.set(true);
        Self(flag)
    }
}

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Runs a scope, and prints how the scope ended and whether a frame is alive.
fn lend<'env>(alive: &Cell<bool>, f: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>)) {
    let result = catch_unwind(AssertUnwindSafe(|| scope(f)));
    let how = if result.is_ok() {
        "returned"
    } else {
        "unwound"
    };
    println!(
        "the scope {how}, the frame is {}",
        if alive.get() { "alive" } else { "gone" }
    );
    // The payload's destructor may panic as well.
    mem::forget(result);
}

/// Does not return: the coroutine is abandoned.
fn abandon() {
    scope(|s| {
        let mut unclosable = s.coroutine(|yielder: &Yielder<(), ()>, ()| {
            loop {
                let _ = yielder.suspend_catching(());
            }
        });
        let _: CoroutineState<(), ()> = unclosable.resume();
    });
}

struct Abandons<'a>(&'a Cell<bool>);

impl Drop for Abandons<'_> {
    fn drop(&mut self) {
        let _alive = Alive::new(self.0);
        abandon();
    }
}

fn captures_that_abandon() {
    let alive = Cell::new(false);
    lend(&alive, |s| {
        let abandons = Abandons(&alive);
        mem::forget(s.coroutine(move |_: &Yielder<(), ()>, ()| {
            let _abandons = abandons;
        }));
    });
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a value that panics as it is dropped");
    }
}

fn values_that_panic(n_swallowed: usize) {
    let alive = Cell::new(false);
    lend(&alive, |s| {
        let mut child = s.coroutine(|yielder: &Yielder<(), Option<Bomb>>, ()| {
            let _alive = Alive::new(&alive);
            yielder
                .suspend_catching(None)
                .expect_err("it is not resumed");
            for _ in 0..n_swallowed {
                let _ = yielder.suspend_catching(Some(Bomb));
            }
        });
        let _ = child.resume();
        mem::forget(child);
    });
}

/// A payload that panics when it is dropped.
struct Sour;

impl Drop for Sour {
    fn drop(&mut self) {
        panic!("a payload that panics as it is dropped");
    }
}

struct PanicsWith<F: Fn()>(F);

impl<F: Fn()> Drop for PanicsWith<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn payloads_that_panic() {
    let alive = Cell::new(false);
    lend(&alive, |s| {
        let mut oldest = s.coroutine(|yielder: &Yielder<(), ()>, ()| {
            let _alive = Alive::new(&alive);
            yielder.suspend(());
        });
        oldest.resume().unwrap_yielded();
        mem::forget(oldest);
        for _ in 0..2 {
            let panics = PanicsWith(|| panic_any(Sour));
            mem::forget(s.coroutine(move |_: &Yielder<(), ()>, ()| {
                let _panics = panics;
            }));
        }
    });
}

/// Asserts that the scope aborted the process, because it could not come back.
#[track_caller]
fn assert_aborted(ended: &Ended) {
    ended.assert_killed_by(libc::SIGABRT);
    ended.assert_reported(&["can't be ended"]);
    assert!(!ended.stdout.contains("the scope"), "{ended:#?}");
}

/// Asserts that the scope unwound when its frame was gone.
#[track_caller]
fn assert_unwound(ended: &Ended) {
    ended.assert_exited(0);
    assert!(
        ended
            .stdout
            .contains("the scope unwound, the frame is gone"),
        "{ended:#?}"
    );
}

#[test]
fn captures_that_abandon_their_coroutine_abandon_the_scope_too() {
    assert_aborted(&run("captures_that_abandon"));
}

#[test]
fn a_value_that_panics_in_its_drop_lets_no_scope_return_early() {
    assert_aborted(&run("a_value_that_panics_for_ever"));

    assert_unwound(&run("a_value_that_panics_thrice"));
}

#[test]
fn a_payload_panicking_in_its_drop_lets_no_scope_return_early() {
    assert_unwound(&run("payloads_that_panic"));
}
