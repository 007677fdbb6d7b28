//! `get_stack`: where a task stands, and that looking at it changes nothing.

#![allow(unsafe_code)]

#[allow(dead_code)]
#[path = "../support/child.rs"]
mod child;
#[path = "../support/hang_guard.rs"]
mod hang_guard;

mod chains;
mod limits;
mod parked;
mod printed;
mod states;
mod support;

/// The child's entry. In the parent there is no scenario, and nothing to do.
#[test]
fn play_a_scenario() {
    child::play(printed::SCENARIOS);
}
