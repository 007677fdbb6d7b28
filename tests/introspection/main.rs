//! `Task::stack`: the place where a task waits, and that inspecting the task changes nothing.

#![allow(unsafe_code)]

#[path = "../support/hang_guard.rs"]
mod hang_guard;
#[path = "../support/mod.rs"]
mod support;

mod backtraces;
mod chains;
mod limits;
mod parked;
mod printed;
mod states;

use support::child;

/// The child's entry: plays the child's scenario. Does nothing in the parent.
#[test]
fn play_a_scenario() {
    child::play(printed::SCENARIOS);
}
