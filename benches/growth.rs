//! The cost of an operation among ten to a million tasks: yields, spawns, sleeps, and items that a queue hands to waiting tasks.
//!
//! `cargo bench --bench growth` prints the figures, writes `benches/plots/growth.svg`, and exits with 1 if an operation among many
//! tasks costs more than its limit times what it costs among ten. What the machine takes to touch the cache lines that the operation
//! has to touch on as many stacks (`support/floor.rs`) is added to the cost among ten: among a million tasks every line comes from
//! memory, for any library whose tasks have stacks.

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
    /// The cache lines of a task that the operation has to touch; 0 for an operation that touches no other task.
    n_lines: usize,
    /// The contender's name, and its numbers for a number of tasks.
    contender: &'static str,
    numbers: fn(usize) -> Vec<usize>,
}

const OPERATIONS: [Operation; 4] = [
    Operation {
        name: "yield",
        limit: 4.0,
        // The saved registers, and the cancel flag.
        n_lines: 2,
        contender: "yield",
        numbers: |n| vec![n, (2_000_000 / n).max(2)],
    },
    Operation {
        name: "spawn + run + join",
        limit: 2.0,
        // The stack's record, the header, two lines of the control block, two of frames, and the packet of the result.
        n_lines: 7,
        contender: "spawn",
        numbers: |n| vec![n, (200_000 / n).max(1)],
    },
    Operation {
        name: "timer set and cancelled",
        limit: 2.0,
        n_lines: 0,
        contender: "timer",
        numbers: |n| vec![n, 200_000],
    },
    Operation {
        name: "item handed to a waiting task",
        limit: 2.0,
        // The node of the wait, two lines of the control block, the header, and the saved registers.
        n_lines: 5,
        contender: "hand",
        numbers: |n| vec![n, (500_000 / n).max(1)],
    },
];

fn main() -> ExitCode {
    if ours::is_contender() {
        return ExitCode::SUCCESS;
    }
    machine::pin_to_core(machine::MEASURED_CORE);
    let two_lines = SIZES.map(|n| touches(n, 2));
    let mut lines = vec![Line::new(
        "two lines of each stack touched",
        &SIZES,
        &two_lines,
    )];
    println!(
        "{:<32}{}",
        "ns an operation, among",
        SIZES.map(|n| format!("{n:>11}")).concat()
    );
    let mut n_missed = 0;
    for operation in &OPERATIONS {
        let costs = SIZES.map(|n| cost(operation, n));
        println!("{:<32}{}", operation.name, figures(&costs));
        let floors = SIZES.map(|n| touches(n, operation.n_lines));
        println!(
            "{:<32}{}",
            format!("    {} lines touched", operation.n_lines),
            figures(&floors)
        );
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

fn touches(n_stacks: usize, n_lines: usize) -> f64 {
    if n_lines == 0 {
        return 0.0;
    }
    let mut visits = floor::visits(n_stacks, n_lines);
    let rounds: Vec<f64> = (0..ROUNDS).map(|_| visits()).collect();
    median(&rounds)
}
