//! Gathers three sleepers: the results have the order of the arguments, not the order of waking, and all together take as long as
//! the longest.
//!
//! `cargo run --example tutorial_gather`

use std::time::{Duration, Instant};

use selvedge::{TaskError, gather, sleep, spawn_fallible};

/// Sleeps for `nap_ms`, prints a line and returns the duration.
fn sleeper(nap_ms: u64) -> impl FnOnce() -> u64 {
    move || {
        sleep(Duration::from_millis(nap_ms));
        println!("{nap_ms} ms are over");
        nap_ms
    }
}

fn main() -> Result<(), TaskError> {
    let start = Instant::now();
    selvedge::run(|| {
        let slept_ms = gather([sleeper(60), sleeper(20), sleeper(40)])?;
        println!("gathered: {slept_ms:?}");
        assert_eq!(slept_ms, [60, 20, 40]);

        // A tuple keeps its types.
        let (nap_ms, word) = gather((sleeper(10), || "weft"))?;
        println!("gathered: {nap_ms} and {word:?}");

        // `gather` returns the first failure at once; the other tasks go on.
        let failing = spawn_fallible(|| "weft".parse::<u64>());
        let failure = gather((sleeper(30), failing)).expect_err("weft is not a number");
        println!("gather failed: {failure}");
        sleep(Duration::from_millis(40));
        Ok::<_, TaskError>(())
    })?;
    let took = start.elapsed();
    println!("{took:.1?} in all");
    assert!(took >= Duration::from_millis(60));
    Ok(())
}
