//! What a task costs from its spawn to its join, its body being empty: one by one, and in batches;
//! ours and the peers', in processes of their own on one core, measured in turn. Stacks come warm
//! from the pool, but for those of a batch that is larger than what the pool keeps.
//!
//! `cargo bench --bench spawn`

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
    for (batch, n_batches) in [(1, 100_000), (100, 2_000), (1_000, 200)] {
        let work = [batch, n_batches];
        let contenders = vec![
            ours::contender("spawn", &work),
            peers::rust("tokio", "spawn", &work),
            peers::rust("monoio", "spawn", &work),
            peers::rust("smol", "spawn", &work),
            peers::go("spawn", &work),
        ];
        contest::hold(
            &format!("spawn + run + join by {batch}, ns a task"),
            ROUNDS,
            contenders,
        );
    }
}
