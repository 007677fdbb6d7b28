//! `cargo bench --bench numbers`: every number that this library promises, as a ratio to a peer
//! or to itself taken in one run, and exit code 1 if one is missed.
//!
//! Peer and ours are measured in turn, round by round, so that a machine that changes its speed
//! changes it for both; medians are compared. A row that can't be measured is a miss.

#![allow(unsafe_code, missing_docs)]

mod loop_rows;
mod memory;
mod rows;
#[path = "../support/mod.rs"]
mod support;
mod table;

use std::process::ExitCode;

use support::{machine, ours, peers};

fn main() -> ExitCode {
    if memory::is_child() {
        memory::child();
        return ExitCode::SUCCESS;
    }
    if ours::is_contender() {
        return ExitCode::SUCCESS;
    }
    println!("measuring on one core, rounds interleaved; run on a quiet machine");
    peers::build();
    machine::pin_to_core(machine::MEASURED_CORE);
    let mut rows = vec![
        rows::round_trip_against_corosensei(),
        rows::round_trip_against_call(),
        rows::round_trip_against_threads(),
        rows::transfer_among_many(),
        rows::create_run_drop(),
    ];
    rows.extend(loop_rows::yields());
    rows.extend(loop_rows::spawns());
    rows.extend(loop_rows::sleeps());
    rows.extend(loop_rows::echoes());
    rows.extend(memory::million_live());
    let missed = table::print(&rows);
    if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
