//! A hundred and five thousand requests to one server, a hundred at a time: CPU and time a request, and memory. Our
//! session, reqwest on tokio's current-thread runtime, and aiohttp on uvloop, each in a process on one core, the server
//! on the other core, measured in turn.
//!
//! `cargo bench --bench http_client`. It needs two cores, and Python for aiohttp.

#![allow(unsafe_code, missing_docs)]

mod support;

use support::contest::median;
use support::{http, ours, peers};

const ROUNDS: usize = 9;

fn main() {
    if ours::is_contender() {
        return;
    }
    peers::build();
    for (n_requests, n_batches) in [(100, 20), (5_000, 1)] {
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
}
