//! What it costs to give the other tasks a turn, among 2, 1,000 and 100,000 of them: ours and the
//! peers', in processes of their own on one core, measured in turn.
//!
//! `cargo bench --bench yield`

#![allow(unsafe_code, missing_docs)]

mod support;

use support::{contest, machine, ours, peers};

const ROUNDS: usize = 9;

fn main() {
    if ours::is_contender() {
        return;
    }
    peers::build();
    machine::pin_to_core(machine::MEASURED_CORE);
    for n_tasks in [1, 2, 1_000, 100_000] {
        let work = [n_tasks, 2_000_000 / n_tasks];
        let contenders = vec![
            ours::contender("yield", &work),
            // It wakes itself.
            peers::rust("tokio", "yield", &work),
            peers::rust("tokio", "yield_now", &work),
            // Its tasks wake each other: one that wakes itself would run again at once.
            peers::rust("monoio", "yield", &work),
            peers::rust("smol", "yield", &work),
            peers::go("yield", &work),
        ];
        contest::hold(&format!("yield among {n_tasks}, ns"), ROUNDS, contenders);
    }
}
