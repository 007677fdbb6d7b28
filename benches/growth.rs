//! The cost of an operation among ten to a million tasks: yields, spawns, sleeps, and items that a queue hands to waiting tasks.
//!
//! `cargo bench --bench growth` prints the figures, writes `benches/plots/growth.svg`, and exits with 1 if an operation among many
//! tasks costs more than its limit times what it costs among ten. What the machine takes to touch as many stacks (`support/floor.rs`) is
//! added to the cost among ten: among a million tasks every line comes from memory, for any library whose tasks have stacks.

#![allow(unsafe_code, missing_docs)]

#[path = "support/plot.rs"]
mod plot;
#[path = "support/mod.rs"]
mod support;

use std::process::ExitCode;

use plot::Line;
use support::contest::median;
use support::{floor, machine, ours};

const SIZES: [usize; 6] = [10, 100, 1_000, 10_000, 100_000, 1_000_000];
const ROUNDS: usize = 5;

/// An operation, and what it may cost among many tasks in terms of its cost among ten and the floor.
struct Operation {
    name: &'static str,
    limit: f64,
    /// The contender's name, and its numbers for a number of tasks.
    contender: &'static str,
    numbers: fn(usize) -> Vec<usize>,
}

const OPERATIONS: [Operation; 4] = [
    Operation {
        name: "yield",
        limit: 4.0,
        contender: "yield",
        numbers: |n| vec![n, (2_000_000 / n).max(2)],
    },
    Operation {
        name: "spawn + run + join",
        limit: 2.0,
        contender: "spawn",
        numbers: |n| vec![n, (200_000 / n).max(1)],
    },
    Operation {
        name: "sleep (CPU)",
        limit: 2.0,
        contender: "sleep",
        numbers: |n| vec![n],
    },
    Operation {
        name: "item handed to a waiting task",
        limit: 2.0,
        contender: "hand",
        numbers: |n| vec![n, (500_000 / n).max(1)],
    },
];

fn main() -> ExitCode {
    if ours::is_contender() {
        return ExitCode::SUCCESS;
    }
    machine::pin_to_core(machine::MEASURED_CORE);
    let floors: Vec<f64> = SIZES.map(touches).to_vec();
    let mut lines = vec![Line::new(
        "two lines of each stack touched",
        &SIZES,
        &floors,
    )];
    println!(
        "{:<32}{}",
        "ns an operation, among",
        SIZES.map(|n| format!("{n:>11}")).concat()
    );
    println!(
        "{:<32}{}",
        "a floor: two lines of a stack",
        figures(&floors)
    );
    let mut n_missed = 0;
    for operation in &OPERATIONS {
        let costs = SIZES.map(|n| cost(operation, n));
        println!("{:<32}{}", operation.name, figures(&costs));
        let growth = |(cost, floor): (&f64, &f64)| cost / (costs[0] + floor);
        let worst = costs.iter().zip(&floors).map(growth).fold(0.0, f64::max);
        let is_kept = worst <= operation.limit;
        let verdict = if is_kept { "ok" } else { "MISSED" };
        println!(
            "    at most {worst:.2} of among ten plus the floor, limit {}  {verdict}",
            operation.limit
        );
        n_missed += usize::from(!is_kept);
        lines.push(Line::new(operation.name, &SIZES, &costs));
    }
    plot::growth("growth.svg", &lines);
    match n_missed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn figures(costs: &[f64]) -> String {
    costs.iter().map(|cost| format!("{cost:>11.1}")).collect()
}

/// The median of some rounds; the first one, with cold stacks, does not count.
fn cost(operation: &Operation, n_tasks: usize) -> f64 {
    let mut contender = ours::contender(operation.contender, &(operation.numbers)(n_tasks));
    contender.round();
    let rounds: Vec<f64> = (0..ROUNDS).map(|_| contender.round()).collect();
    median(&rounds)
}

fn touches(n_stacks: usize) -> f64 {
    let mut visits = floor::visits(n_stacks);
    let rounds: Vec<f64> = (0..ROUNDS).map(|_| visits()).collect();
    median(&rounds)
}
