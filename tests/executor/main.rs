//! Blocking work on a loop's pool, and signals, one module a group of promises. Everything here goes through the
//! public API.

#![allow(unsafe_code)]

// Not all that other tests need of it is needed here.
#[allow(dead_code)]
#[path = "../support/child.rs"]
mod child;
#[path = "../support/hang_guard.rs"]
mod hang_guard;
#[allow(dead_code)]
#[path = "../runtime/support.rs"]
mod support;

mod cancelling;
mod closing;
mod executor;
mod gates;
mod limits;
mod listeners;
mod raising;
mod signals;
mod to_thread;

use child::Ended;

/// The child's entry. In the parent there is no scenario, and nothing to do.
#[test]
fn play_a_scenario() {
    child::play(
        &[
            listeners::SCENARIOS,
            signals::SCENARIOS,
            to_thread::SCENARIOS,
        ]
        .concat(),
    );
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
