//! An echo server, 64 bytes a request, one request outstanding on each connection: the server's CPU
//! for a request, requests a second and their latency. Ours, a raw epoll loop and tokio, each in a
//! process on one core, under load from the other core, measured in turn.
//!
//! `cargo bench --bench echo`. It needs two cores and 4,000 open files.

#![allow(unsafe_code, missing_docs)]

mod support;

use support::contest::median;
use support::{echo, ours, peers};

const STARTS: usize = 4;
const ROUNDS: usize = 12;

fn main() {
    if ours::is_contender() {
        return;
    }
    peers::build();
    for n_connections in [50, 1_000] {
        println!("\n{n_connections} connections, medians of {ROUNDS} rounds");
        println!(
            "  {:<12}{:>12}{:>10}{:>14}{:>10}{:>10}",
            "", "CPU us each", "of epoll", "requests/s", "p50 us", "p99 us"
        );
        let samples = echo::measure(n_connections, STARTS, ROUNDS / STARTS);
        let middle = |rounds: &[echo::Round], figure: fn(&echo::Round) -> f64| {
            median(&rounds.iter().map(figure).collect::<Vec<_>>())
        };
        let epoll = middle(&samples[1], |round| round.cpu_us);
        for (name, rounds) in echo::NAMES.iter().zip(&samples) {
            let cpu = middle(rounds, |round| round.cpu_us);
            println!(
                "  {name:<12}{cpu:>12.3}{:>10.3}{:>14.0}{:>10.1}{:>10.1}",
                cpu / epoll,
                middle(rounds, |round| round.report.per_second()),
                middle(rounds, |round| round.report.latency_us(500)),
                middle(rounds, |round| round.report.latency_us(990)),
            );
        }
    }
}
