//! `cargo bench --bench numbers` measures every number that this library promises, as a ratio to a peer or to ours in another
//! situation, and exits with 1 if a number misses its limit. Arguments choose groups of rows: `-- yield spawn`. `RESULTS.md` has
//! the output of a run.
//!
//! Ours and the peer are measured in turn, round by round, so that a change of the machine's speed affects both; the figure is
//! the median of the rounds' ratios. A group with a row that misses its limit is run five times, and the median of the five
//! figures decides. A row that can't be measured is a miss.

#![allow(unsafe_code, missing_docs)]

mod idle;
mod loop_rows;
mod memory;
mod rows;
#[path = "../support/mod.rs"]
mod support;
mod table;

use std::process::ExitCode;

use support::{machine, ours, peers};
use table::Row;

/// A name on the command line, and the rows that it measures.
type Group = (&'static str, fn() -> Vec<Row>);

const GROUPS: &[Group] = &[
    ("switch", rows::switches),
    ("yield", loop_rows::yields),
    ("spawn", loop_rows::spawns),
    ("gather", loop_rows::gathers),
    ("sleep", loop_rows::sleeps),
    ("queue", loop_rows::queues),
    ("select", loop_rows::selects),
    ("pop", loop_rows::pops),
    ("echo", loop_rows::echoes),
    ("http", loop_rows::requests),
    ("memory", memory::million_live),
    ("idle", idle::rows),
];

/// The groups that the arguments name, or all groups if they name none.
fn chosen_groups() -> impl Iterator<Item = Group> {
    let names: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let known: Vec<_> = GROUPS.iter().map(|(name, _)| *name).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
        panic!(
            "no group of numbers is called {name}; there are {}",
            known.join(", ")
        );
    }
    GROUPS
        .iter()
        .copied()
        .filter(move |(name, _)| names.is_empty() || names.iter().any(|chosen| chosen == name))
}

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
    let rows = chosen_groups()
        .flat_map(|(_, measure)| table::measured(measure))
        .collect::<Vec<_>>();
    let missed = table::print(&rows);
    if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
