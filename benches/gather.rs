//! What a task costs that is gathered with many others, its body being empty: against as many that are spawned and then
//! joined one by one, and against one that is spawned and joined at a time. Each in a process of its own on one core,
//! measured in turn; stacks come warm from the pool.
//!
//! `cargo bench --bench gather`

#![allow(unsafe_code, missing_docs)]

mod support;

use support::{contest, machine, ours};

const ROUNDS: usize = 15;
/// How many tasks there are in a round.
const N: usize = 200_000;

fn main() {
    if ours::is_contender() {
        return;
    }
    machine::pin_to_core(machine::MEASURED_CORE);
    for batch in [10, 1_000, 10_000] {
        let mut contenders = [
            ours::contender("gather", &[batch, N / batch]),
            ours::contender("spawn", &[batch, N / batch]),
            ours::contender("spawn", &[1, N]),
        ];
        let samples = contest::rounds(ROUNDS, &mut contenders);
        let names = ["gather", "spawned, then joined one by one", "one at a time"];
        contest::print(&format!("gather of {batch}, ns a task"), &names, &samples);
    }
}
