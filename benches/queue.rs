//! What an item costs that one task puts into a queue and another gets out of it, by the queue's capacity: ours and
//! the peers', in processes of their own on one core, measured in turn. Go has no channel without a limit.
//!
//! `cargo bench --bench queue`

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
    for (capacity, n_items) in [(1, 500_000), (100, 2_000_000), (0, 500_000)] {
        let work = [capacity, n_items];
        let mut contenders = vec![
            ours::contender("queue", &work),
            peers::rust("tokio", "queue", &work),
            peers::rust("smol", "queue", &work),
        ];
        let title = match capacity {
            0 => "a queue without a limit, ns an item".to_owned(),
            capacity => format!("a queue of {capacity}, ns an item"),
        };
        if capacity > 0 {
            contenders.push(peers::go("queue", &work));
        }
        contest::hold(&title, ROUNDS, contenders);
    }
}
