//! Sockets, one module for each group of promises. Everything here goes through the public API.
//!
//! The modules whose names begin with `loop_` are about sockets in tasks; in the others there is no
//! event loop, and the same calls block the thread.

#![allow(unsafe_code)]

#[path = "../support/hang_guard.rs"]
mod hang_guard;
#[path = "../support/mod.rs"]
mod support;

mod addresses;
mod connecting;
mod datagrams;
mod limits;
mod loop_cancelling;
mod loop_connecting;
mod loop_fairness;
mod loop_limits;
mod loop_linger;
mod loop_misuse;
mod loop_ready;
mod loop_sharing;
mod loop_shutdown;
mod loop_support;
mod loop_vectored;
mod loop_waiting;
mod sockets;
mod std_conversions;
mod stream_reader;
mod streams;
mod timeouts;
mod types;
mod unix;

use support::child;

/// The child's entry: plays the child's scenario. Does nothing in the parent.
#[test]
fn play_a_scenario() {
    child::play(&[limits::SCENARIOS, loop_limits::SCENARIOS].concat());
}
