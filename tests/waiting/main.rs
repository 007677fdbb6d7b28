//! Waiting for many, with a timeout, or shielded: `gather`, `wait`, `wait_for`, `as_completed`, `shield`, one module
//! for each group of promises. Everything here goes through the public API.

#![allow(unsafe_code)]

#[path = "../support/hang_guard.rs"]
mod hang_guard;
#[path = "../support/mod.rs"]
mod support;

mod as_completed;
mod first;
mod gather;
mod gather_cancel;
mod gather_errors;
mod io_errors;
mod misuse;
mod model;
mod readiness;
mod shield;
mod standing;
mod wait;
mod wait_for;

/// The time of the current loop's clock since its start.
fn elapsed() -> std::time::Duration {
    let event_loop = selvedge::event_loop::current_loop().expect("a loop runs here");
    event_loop.elapsed().expect("an open loop")
}
