//! Files, pollable descriptors and standard input, one module for each group of promises. Everything here goes through
//! the public API.

#![allow(unsafe_code)]

#[path = "../support/hang_guard.rs"]
mod hang_guard;
#[path = "../support/mod.rs"]
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
#[cfg(all(
    feature = "io-uring",
    target_os = "linux",
    not(selvedge_poller = "kqueue")
))]
mod ring;
mod sharing;
mod std_conversions;
mod stdin;
mod streams;
mod temporary;

use support::child::{self, run as play};

/// The child's entry: plays the child's scenario. Does nothing in the parent.
#[test]
fn play_a_scenario() {
    let scenarios = [
        errors::SCENARIOS,
        full_disk::SCENARIOS,
        pollable::SCENARIOS,
        #[cfg(all(
            feature = "io-uring",
            target_os = "linux",
            not(selvedge_poller = "kqueue")
        ))]
        ring::SCENARIOS,
        stdin::SCENARIOS,
    ];
    child::play(&scenarios.concat());
}
