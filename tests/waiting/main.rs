//! Waiting for many, for so long, or shielded: `gather`, `wait`, `wait_for`, `as_completed`, `shield`, one module a group
//! of promises. Everything here goes through the public API.

#![allow(unsafe_code)]

mod as_completed;
mod gather;
mod gather_cancel;
mod gather_errors;
#[path = "../support/hang_guard.rs"]
mod hang_guard;
mod misuse;
mod model;
mod shield;
#[path = "../runtime/support.rs"]
#[allow(dead_code)]
mod support;
mod wait;
mod wait_for;

/// How much time has passed on the clock of the loop that runs here.
fn elapsed() -> std::time::Duration {
    let event_loop = selvedge::current_loop().expect("a loop runs here");
    event_loop.elapsed().expect("an open loop")
}
