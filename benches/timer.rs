//! The CPU that sleeps of up to a second take, all at once, each in a task of its own: ours with
//! stacks that are touched for the first time, ours with warm ones, and the peers'.
//!
//! `cargo bench --bench timer`. It needs 5 GB for the million.

#![allow(unsafe_code, missing_docs)]

mod support;

use support::{contest, machine, ours, peers};

const ROUNDS: usize = 7;

fn main() {
    if ours::is_contender() {
        return;
    }
    peers::build();
    machine::pin_to_core(machine::MEASURED_CORE);
    for n in [100_000, 1_000_000] {
        let mut tokio = peers::rust("tokio", "sleep", &[n]);
        let mut go = peers::go("sleep", &[n]);
        tokio.round();
        go.round();
        let mut samples = vec![Vec::new(); 4];
        for _ in 0..ROUNDS {
            // A process's first round has cold stacks.
            let mut ours = ours::contender("sleep", &[n]);
            let cold = ours.round();
            let figures = [ours.round(), cold, tokio.round(), go.round()];
            for (samples, figure) in samples.iter_mut().zip(figures) {
                samples.push(figure);
            }
        }
        let names = ["selvedge, warm stacks", "selvedge, cold", "tokio", "Go"];
        contest::print(&format!("{n} sleeps, CPU ns each"), &names, &samples);
    }
}
