//! The CPU of sleeps of up to a second, all at once, each in a task of its own: ours with cold stacks, ours with warm stacks, and
//! the peers'.
//!
//! `cargo bench --bench timer`. It needs 5 GB for the million.

#![allow(unsafe_code, missing_docs)]

mod support;

use support::{contest, ours, peers, run_with_peers};

const ROUNDS: usize = 7;

fn main() {
    run_with_peers(|| {
        for n in [100_000, 1_000_000] {
            measure(n);
        }
    });
}

fn measure(n: usize) {
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
