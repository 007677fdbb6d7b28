//! What ends a process, or happens at its end, seen from outside: each scenario runs in a child of its own.

#![allow(unsafe_code)]

#[path = "../support/child.rs"]
mod child;
mod exits;
#[path = "../support/hang_guard.rs"]
mod hang_guard;
mod limits;
mod loans;
mod scopes;
mod thread_ends;

use std::any::Any;

use child::Ended;

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

fn run(scenario: &str) -> Ended {
    let arguments = [
        "play_a_scenario",
        "--exact",
        "--nocapture",
        "--test-threads=1",
    ];
    child::finish(&mut child::command(scenario, &arguments))
}

/// The text of a panic.
fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .expect("a panic with a text")
}

/// Says so when it is dropped, by way of a reference that a dead frame or thread-local would leave dangling.
struct Reads<'a>(&'a str);

impl Drop for Reads<'_> {
    fn drop(&mut self) {
        println!("unwound beside {}", self.0);
    }
}
