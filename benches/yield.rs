//! The cost of a `yield_now` among 2, 1,000 and 100,000 tasks. Our tasks and the peers' are in processes of their own on one core
//! and are measured in turn.
//!
//! `cargo bench --bench yield`

#![allow(unsafe_code, missing_docs)]

mod support;

use support::{contest, ours, peers, run_with_peers};

const ROUNDS: usize = 9;

fn main() {
    run_with_peers(|| {
        for n_tasks in [1, 2, 1_000, 100_000] {
            let work = [n_tasks, 2_000_000 / n_tasks];
            let contenders = vec![
                ours::contender("yield", &work),
                // A task wakes itself.
                peers::rust("tokio", "yield", &work),
                peers::rust("tokio", "yield_now", &work),
                // Tasks wake each other: monoio runs a task that wakes itself again at once.
                peers::rust("monoio", "yield", &work),
                peers::rust("smol", "yield", &work),
                peers::go("yield", &work),
            ];
            contest::measure_and_print(&format!("yield among {n_tasks}, ns"), ROUNDS, contenders);
        }
    });
}
