//! Blocking work on a loop's pool, and signals, one module for each group of promises. Everything here goes through the
//! public API.

#![allow(unsafe_code)]

#[path = "../support/hang_guard.rs"]
mod hang_guard;
#[path = "../support/mod.rs"]
mod support;

mod cancelling;
mod closing;
mod executor;
mod gates;
mod lanes;
mod limits;
mod listeners;
mod raising;
mod signals;
mod to_thread;

use support::child::{self, run as play};

/// The child's entry: plays the child's scenario. Does nothing in the parent.
#[test]
fn play_a_scenario() {
    child::play(
        &[
            limits::SCENARIOS,
            listeners::SCENARIOS,
            signals::SCENARIOS,
            to_thread::SCENARIOS,
        ]
        .concat(),
    );
}
