//! The latency of a round trip, two switches: ours, corosensei's, generator's, and that of two threads on one core and on two.
//!
//! `cargo bench --bench latency` prints the medians and the 99th percentiles, and writes `benches/plots/latency.svg`. A sample of a
//! coroutine is the mean of 64 round trips, because the clock is slower than one; a sample of threads is one round trip.

#![allow(unsafe_code, missing_docs)]

#[path = "support/plot.rs"]
mod plot;
#[allow(dead_code, reason = "the pipes are another benchmark's")]
#[path = "peers/threads.rs"]
mod threads;

use std::hint::black_box;
use std::time::Instant;

use generator::Gn;
use plot::Latency;
use selvedge::{Coroutine, Yielder};
use threads::{Parking, Placement};

const N_SAMPLES: usize = 20_000;
const N_TRIPS: usize = 64;

fn main() {
    let mut latencies = Vec::new();
    // Binds this thread to the core on which the coroutines are measured as well.
    for placement in Placement::all() {
        let mut parking = Parking::new(&placement);
        let name = format!("threads, {}", placement.name);
        latencies.push(measured(&name, 1, || parking.round_trips(1)));
    }
    let mut theirs = Gn::new_scoped(|mut scope| -> usize {
        let mut value: usize = scope.get_yield().expect("a value is sent");
        loop {
            value = scope.yield_(value).expect("a value is sent");
        }
    });
    latencies.push(measured("generator", N_TRIPS, || {
        black_box(theirs.send(black_box(1)));
    }));
    let mut theirs = corosensei::Coroutine::new(
        |yielder: &corosensei::Yielder<usize, usize>, mut value: usize| -> usize {
            loop {
                value = yielder.suspend(value);
            }
        },
    );
    latencies.push(measured("corosensei", N_TRIPS, || {
        black_box(theirs.resume(black_box(1)));
    }));
    let mut ours = Coroutine::new(
        |yielder: &Yielder<usize, usize>, mut value: usize| -> usize {
            loop {
                value = yielder.suspend(value);
            }
        },
    );
    latencies.push(measured("selvedge", N_TRIPS, || {
        black_box(ours.send(black_box(1)));
    }));
    latencies.reverse();
    println!("{:<24}{:>12}{:>12}", "a round trip, ns", "p50", "p99");
    for latency in &latencies {
        println!(
            "{:<24}{:>12.2}{:>12.2}",
            latency.name, latency.p50_ns, latency.p99_ns
        );
    }
    plot::latency("latency.svg", &latencies);
}

fn measured(name: &str, n_trips: usize, mut round_trip: impl FnMut()) -> Latency {
    let mut samples: Vec<f64> = (0..N_SAMPLES)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..n_trips {
                round_trip();
            }
            start.elapsed().as_nanos() as f64 / n_trips as f64
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    Latency {
        name: name.to_owned(),
        p50_ns: samples[N_SAMPLES / 2],
        p99_ns: samples[N_SAMPLES * 99 / 100],
    }
}
