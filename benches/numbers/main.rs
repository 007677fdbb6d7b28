//! `cargo bench --bench numbers`: every number that this library promises, as a ratio to a peer
//! or to itself taken in one run, and exit code 1 if one is missed.
//!
//! Peer and ours are measured in turn, round by round, so that a machine that changes its speed
//! changes it for both; medians are compared. A row that can't be measured is a miss.

#![allow(unsafe_code, missing_docs)]

mod machine;
mod memory;
mod rows;
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    if memory::is_child() {
        memory::child();
        return ExitCode::SUCCESS;
    }
    println!("measuring on one core, rounds interleaved; run on a quiet machine");
    machine::pin_to_core(0);
    let mut rows = vec![
        rows::round_trip_against_corosensei(),
        rows::round_trip_against_call(),
        rows::round_trip_against_threads(),
        rows::transfer_among_many(),
        rows::create_run_drop(),
    ];
    rows.push(memory::million_live());
    let missed = table::print(&rows);
    if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
