//! What ends a process, or happens at its end, seen from outside: each scenario runs in a child of its own.

#![allow(unsafe_code)]

#[path = "../support/hang_guard.rs"]
mod hang_guard;
#[path = "../support/mod.rs"]
mod support;

mod exits;
mod limits;
mod loans;
mod scopes;
mod thread_ends;

use support::child::{self, run};

/// The child's entry. In the parent there is no scenario, and nothing to do.
#[test]
fn play_a_scenario() {
    child::play(
        &[
            exits::SCENARIOS,
            limits::SCENARIOS,
            loans::SCENARIOS,
            scopes::SCENARIOS,
            thread_ends::SCENARIOS,
        ]
        .concat(),
    );
}

/// Says so when it is dropped, by way of a reference that a dead frame or thread-local would leave dangling.
struct Reads<'a>(&'a str);

impl Drop for Reads<'_> {
    fn drop(&mut self) {
        println!("unwound beside {}", self.0);
    }
}
