//! The cost of a task with an empty body that is gathered with many others, against as many tasks that are spawned and then
//! joined one by one, and against one task at a time. Each case runs in a process of its own on one core, with warm stacks
//! from the pool; the cases are measured in turn.
//!
//! `cargo bench --bench gather`

#![allow(unsafe_code, missing_docs)]

mod support;

use support::{contest, ours, run};

const ROUNDS: usize = 15;
/// Tasks in a round.
const N: usize = 200_000;

fn main() {
    run(|| {
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
    });
}
