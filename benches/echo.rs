//! An echo server with requests of 64 bytes, one outstanding on each connection: the server's CPU for a request, requests a
//! second, and latency. Our server, a raw epoll loop and tokio each run in a process on one core, under load from the other
//! core; they are measured in turn.
//!
//! `cargo bench --bench echo`. It needs two cores and 4,000 open files.

#![allow(unsafe_code, missing_docs)]

mod support;

use support::contest::median;
use support::{echo, run_with_peers};

const STARTS: usize = 4;
const ROUNDS: usize = 12;

fn main() {
    run_with_peers(|| {
        for n_connections in [50, 1_000] {
            measure(n_connections);
        }
    });
}

fn measure(n_connections: usize) {
    println!("\n{n_connections} connections, medians of {ROUNDS} rounds");
    println!(
        "  {:<12}{:>12}{:>10}{:>14}{:>10}{:>10}",
        "", "CPU us each", "of epoll", "requests/s", "p50 us", "p99 us"
    );
    let samples = echo::measure(n_connections, 1024, STARTS, ROUNDS / STARTS);
    let median_of = |rounds: &[echo::Round], figure: fn(&echo::Round) -> f64| {
        median(&rounds.iter().map(figure).collect::<Vec<_>>())
    };
    let epoll = median_of(&samples[1], |round| round.cpu_us);
    for (name, rounds) in echo::NAMES.iter().zip(&samples) {
        let cpu = median_of(rounds, |round| round.cpu_us);
        println!(
            "  {name:<12}{cpu:>12.3}{:>10.3}{:>14.0}{:>10.1}{:>10.1}",
            cpu / epoll,
            median_of(rounds, |round| round.report.per_second()),
            median_of(rounds, |round| round.report.latency_us(500)),
            median_of(rounds, |round| round.report.latency_us(990)),
        );
    }
}
