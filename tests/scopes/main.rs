//! Structured concurrency and deadlines: scopes of tasks, timeouts, races, cleaning up. One module for each group of
//! promises; everything here goes through the public API.

#![allow(unsafe_code)]

#[path = "../support/hang_guard.rs"]
mod hang_guard;
#[path = "../support/mod.rs"]
mod support;

mod abandoned;
mod borrowing;
mod cancelling;
mod failing;
mod finally;
mod forgotten;
mod misuse;
mod panics;
mod race;
mod scope;
mod select;
mod timeout;
mod timeout_cancel;
mod try_scope;
mod uncancellable;
mod waiting;

use support::child::{self, run as play};

/// The child's entry: plays the child's scenario. Does nothing in the parent.
#[test]
fn play_a_scenario() {
    child::play(&[uncancellable::SCENARIOS].concat());
}
