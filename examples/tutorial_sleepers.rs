//! Joins three sleepers in the order of their spawns, which is not the order of waking. Together they take as long as the longest,
//! because they sleep at the same time.
//!
//! `cargo run --example tutorial_sleepers`

use std::time::{Duration, Instant};

use selvedge::{TaskError, sleep, spawn_named};

fn main() -> Result<(), TaskError> {
    let naps_ms = [60, 20, 40];
    let start = Instant::now();

    let slept_ms = selvedge::run(|| {
        let sleepers = naps_ms.map(|nap_ms| {
            spawn_named(format!("the sleeper of {nap_ms} ms"), move || {
                sleep(Duration::from_millis(nap_ms));
                println!("{nap_ms} ms are over");
                nap_ms
            })
        });
        let mut slept_ms = Vec::new();
        for sleeper in sleepers {
            let name = sleeper.name();
            slept_ms.push(sleeper.join()?);
            println!("joined {name}");
        }
        Ok::<_, TaskError>(slept_ms)
    })?;

    let took = start.elapsed();
    let one_by_one = Duration::from_millis(naps_ms.iter().sum());
    println!("{took:.1?} in all; one after the other they would take {one_by_one:?}");
    assert_eq!(slept_ms, naps_ms);
    assert!(took >= Duration::from_millis(60));
    Ok(())
}
