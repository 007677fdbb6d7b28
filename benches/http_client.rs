//! 100 and 5,000 requests to one server, 100 at a time: CPU and time a request, and peak memory. Our session, reqwest on
//! tokio's current-thread runtime, and aiohttp on uvloop each run in a process on one core, the server on the other core;
//! they are measured in turn.
//!
//! `cargo bench --bench http_client`. It needs two cores, and Python for aiohttp.

#![allow(unsafe_code, missing_docs)]

mod support;

use support::contest::median;
use support::{http, run_with_peers};

const ROUNDS: usize = 9;

fn main() {
    run_with_peers(|| {
        for (n_requests, n_batches) in [(100, 20), (5_000, 1)] {
            measure(n_requests, n_batches);
        }
    });
}

fn measure(n_requests: usize, n_batches: usize) {
    println!("\n{n_requests} requests, medians of {ROUNDS} rounds");
    println!(
        "  {:<12}{:>14}{:>10}{:>14}{:>12}",
        "", "CPU us each", "of ours", "wall us each", "peak MiB"
    );
    let clients = http::measure(n_requests, n_batches, ROUNDS);
    let ours = median(&clients[0].cpu_us);
    for (name, client) in http::NAMES.iter().zip(&clients) {
        let cpu = median(&client.cpu_us);
        println!(
            "  {name:<12}{cpu:>14.2}{:>10.2}{:>14.2}{:>12.1}",
            cpu / ours,
            median(&client.wall_us),
            client.peak_mib,
        );
    }
}
