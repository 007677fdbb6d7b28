//! Structured concurrency and deadlines: scopes of tasks, timeouts, races, cleaning up. One module a group of promises;
//! everything here goes through the public API.

#![allow(unsafe_code)]

#[path = "../support/child.rs"]
mod child;
#[path = "../support/hang_guard.rs"]
mod hang_guard;
#[path = "../runtime/support.rs"]
#[allow(dead_code)]
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
mod uncancellable;
mod waiting;

use child::Ended;

/// The child's entry. In the parent there is no scenario, and nothing to do.
#[test]
fn play_a_scenario() {
    child::play(&[uncancellable::SCENARIOS].concat());
}

fn play(scenario: &str) -> Ended {
    let arguments = [
        "play_a_scenario",
        "--exact",
        "--nocapture",
        "--test-threads=1",
    ];
    child::finish(&mut child::command(scenario, &arguments))
}
