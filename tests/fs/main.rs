//! Files, pollable descriptors and standard input, one module a group of promises. Everything here goes through the
//! public API.

#![allow(unsafe_code)]

// Not all that other tests need of them is needed here.
#[allow(dead_code)]
#[path = "../support/child.rs"]
mod child;
#[path = "../support/hang_guard.rs"]
mod hang_guard;
#[allow(dead_code)]
#[path = "../runtime/support.rs"]
mod support;

mod cancelling;
mod contexts;
mod differential;
mod directories;
mod errors;
mod full_disk;
mod never_stalls;
mod paths;
mod pollable;
mod sharing;
mod std_conversions;
mod stdin;
mod streams;
mod temporary;

use child::Ended;

/// The child's entry. In the parent there is no scenario, and nothing to do.
#[test]
fn play_a_scenario() {
    child::play(&[errors::SCENARIOS, full_disk::SCENARIOS, stdin::SCENARIOS].concat());
}

const ARGUMENTS: &[&str] = &[
    "play_a_scenario",
    "--exact",
    "--nocapture",
    "--test-threads=1",
];

fn play(scenario: &str) -> Ended {
    child::finish(&mut child::command(scenario, ARGUMENTS))
}
