//! The cost of a task with an empty body, from its spawn to its join: one by one, and in batches. Our tasks and the peers' are in
//! processes of their own on one core and are measured in turn. Stacks are warm, except those of a batch that is larger than
//! the pool's watermark.
//!
//! `cargo bench --bench spawn`

#![allow(unsafe_code, missing_docs)]

mod support;

use support::{contest, ours, peers, run_with_peers};

const ROUNDS: usize = 9;

fn main() {
    run_with_peers(|| {
        for (batch, n_batches) in [(1, 100_000), (100, 2_000), (1_000, 200)] {
            let work = [batch, n_batches];
            let contenders = vec![
                ours::contender("spawn", &work),
                peers::rust("tokio", "spawn", &work),
                peers::rust("monoio", "spawn", &work),
                peers::rust("smol", "spawn", &work),
                peers::go("spawn", &work),
            ];
            let title = format!("spawn + run + join by {batch}, ns a task");
            contest::measure_and_print(&title, ROUNDS, contenders);
        }
    });
}
