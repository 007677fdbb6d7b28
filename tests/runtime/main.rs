//! The event loop, its tasks, promises, callbacks and timers, one module for each group of promises. Everything here
//! goes through the public API.

#![allow(unsafe_code)]

#[path = "../support/hang_guard.rs"]
mod hang_guard;
#[path = "../support/mod.rs"]
mod support;
#[macro_use]
#[path = "../support/traits.rs"]
mod traits;

mod abandoned;
mod abandoned_coroutines;
mod after_exit;
mod callbacks;
mod cancel;
mod cancel_catch;
mod cancel_cycles;
mod cancel_model;
mod cancel_reach;
mod cancel_reference;
mod cancel_swallow;
mod closing;
mod deadlock;
mod debug;
mod done_callbacks;
mod fairness;
mod foreign_stacks;
mod fork;
mod futures;
mod handlers;
mod idle_stacks;
mod iterations;
mod large_values;
mod loops;
mod many_tasks;
mod misuse;
mod model;
mod model_reference;
mod nested;
mod panicking;
mod promise;
mod promise_callbacks;
mod promise_values;
mod reentrancy;
mod reentrancy_drops;
mod reentrant_user_code;
mod refused_callbacks;
mod remote;
mod run;
mod shutdown;
mod shutdown_children;
mod sockets;
mod spawning;
mod task_results;
mod tasks;
mod teardown;
mod threads;
mod threads_closed;
mod timers;
mod turns;
mod types;
mod unread;
mod user_code;

use support::child::{self, run as play};

/// The child's entry: plays the child's scenario. Does nothing in the parent.
#[test]
fn play_a_scenario() {
    child::play(
        &[
            abandoned::SCENARIOS,
            foreign_stacks::SCENARIOS,
            fork::SCENARIOS,
            handlers::SCENARIOS,
            large_values::SCENARIOS,
            after_exit::SCENARIOS,
            panicking::SCENARIOS,
            shutdown_children::SCENARIOS,
            teardown::SCENARIOS,
            &user_code::SCENARIOS.concat(),
        ]
        .concat(),
    );
}
