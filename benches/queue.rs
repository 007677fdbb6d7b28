//! The cost of an item that one task puts into a queue and another gets out of it, by the queue's capacity. Our queue and the
//! peers' are in processes of their own on one core and are measured in turn. Go has no channel without a limit.
//!
//! `cargo bench --bench queue`

#![allow(unsafe_code, missing_docs)]

mod support;

use support::{contest, ours, peers, run_with_peers};

const ROUNDS: usize = 9;

fn main() {
    run_with_peers(|| {
        for (capacity, n_items) in [(1, 500_000), (100, 2_000_000), (0, 500_000)] {
            measure(capacity, n_items);
        }
    });
}

/// Capacity 0 is no limit.
fn measure(capacity: usize, n_items: usize) {
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
    contest::measure_and_print(&title, ROUNDS, contenders);
}
