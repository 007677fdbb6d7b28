//! Events that end a process or happen at its end, observed from outside: each scenario runs in its own child process.

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

/// The child's entry: plays the child's scenario. Does nothing in the parent.
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

/// Prints when it is dropped, through a reference that would dangle if its frame or thread-local were dead.
struct Reads<'a>(&'a str);

impl Drop for Reads<'_> {
    fn drop(&mut self) {
        println!("unwound beside {}", self.0);
    }
}
