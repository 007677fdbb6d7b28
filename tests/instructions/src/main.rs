//! Counts the instructions of single operations by Valgrind's callgrind, and exits with 1 if one takes more than its budget.
//!
//! `selvedge-instructions` counts all operations, `selvedge-instructions NAME...` some. Each operation runs in two processes, one
//! with twice as many repetitions as the other; the difference of their counts is the cost of the repetitions alone. The kernel's
//! instructions are not counted.
//!
//! A change that is worth more instructions raises the budget in `operations.rs`, in a commit that says why; one that saves some
//! lowers it.

mod operations;

use std::env;
use std::process::{Command, ExitCode};

use operations::{OPERATIONS, Operation};

/// How much an operation may exceed its budget: another version of the compiler or of the C library changes the count a little.
const SLACK: f64 = 1.02;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [flag, name, n] = &arguments[..]
        && flag == "--run"
    {
        let operation = OPERATIONS.iter().find(|operation| operation.name == name);
        let n = n.parse().expect("a number of repetitions");
        (operation.expect("the name of an operation").run)(n);
        return ExitCode::SUCCESS;
    }
    let is_chosen = |operation: &&Operation| {
        arguments.is_empty() || arguments.iter().any(|name| name == operation.name)
    };
    println!("{:<34}{:>14}{:>10}", "operation", "instructions", "budget");
    let (mut n_counted, mut n_over) = (0, 0);
    for operation in OPERATIONS.iter().filter(is_chosen) {
        let (budget, each) = (operation.budget, instructions_each(operation));
        let is_over = each > budget * SLACK;
        let verdict = match each {
            _ if is_over => "  OVER",
            each if each < budget / SLACK => "  under: lower the budget",
            _ => "",
        };
        println!("{:<34}{each:>14.1}{budget:>10}{verdict}", operation.name);
        n_counted += 1;
        n_over += usize::from(is_over);
    }
    if n_counted == 0 {
        eprintln!("no operation has such a name");
        return ExitCode::FAILURE;
    }
    println!(
        "{} of {n_counted} operations keep their budgets",
        n_counted - n_over
    );
    match n_over {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn instructions_each(operation: &Operation) -> f64 {
    let n = operation.n;
    let (once, twice) = (count(operation.name, n), count(operation.name, 2 * n));
    assert!(
        twice > once,
        "{}: {once} instructions, then {twice}",
        operation.name
    );
    (twice - once) as f64 / n as f64
}

/// The instructions of a process that repeats an operation `n` times.
fn count(name: &str, n: usize) -> u64 {
    let program = env::current_exe().expect("this program's path");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    let output = valgrind
        .arg(program)
        .args(["--run", name, &n.to_string()])
        .output();
    let output = output.unwrap_or_else(|error| panic!("valgrind can't be started: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{name}, {n} times: {}\n{told}",
        output.status
    );
    let collected = told
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, number) = collected.unwrap_or_else(|| panic!("valgrind has not counted:\n{told}"));
    number.trim().parse().expect("a count")
}
