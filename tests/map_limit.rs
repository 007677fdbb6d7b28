//! Behaviour at the limit of mappings: where guards need no mapping, more coroutines fit than the
//! limit; elsewhere creation fails with a clear error and the process stays usable.
//!
//! A binary of its own, because the limit is the process's.

#[path = "support/hang_guard.rs"]
mod hang_guard;

use std::io;
use std::thread;

use selvedge::{Coroutine, Yielder};

/// Twice this number exceeds the default limit of mappings (65,530).
const N: usize = 40_000;

type Parked = Coroutine<(), usize, ()>;

fn parked(i: usize) -> io::Result<Parked> {
    let mut coroutine =
        Coroutine::builder().build(move |yielder: &Yielder<(), usize>, ()| yielder.suspend(i))?;
    assert_eq!(coroutine.resume().unwrap_yielded(), i);
    Ok(coroutine)
}

#[test]
fn forty_thousand_coroutines_live_or_the_error_names_the_limit() {
    let scaled_down = std::env::var_os("SELVEDGE_UNDER_VALGRIND").is_some();
    let n = if scaled_down { 1_000 } else { N };
    let mut live = Vec::with_capacity(n);
    let refused = (0..n).find_map(|i| match parked(i) {
        Ok(coroutine) => {
            live.push(coroutine);
            None
        }
        Err(error) => Some(error),
    });
    match &refused {
        Some(error) => {
            assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
            let sentence = error.to_string();
            assert!(sentence.contains("vm.max_map_count"), "{sentence}");
            assert!(live.len() > 10_000, "only {} fitted", live.len());
        }
        None => assert!(
            scaled_down || cfg!(not(selvedge_guard = "mprotect")),
            "{n} stacks with mprotect guards can't fit the default limit"
        ),
    }

    // The process is usable: memory can be mapped, a thread started, and the live coroutines go on.
    assert_eq!(
        vec![1_u8; 64 << 20]
            .iter()
            .map(|&n| usize::from(n))
            .sum::<usize>(),
        64 << 20
    );
    let elsewhere = thread::spawn(|| thread::current().id())
        .join()
        .expect("a thread runs");
    assert_ne!(elsewhere, thread::current().id());
    for coroutine in live.iter_mut().step_by(997) {
        coroutine.resume().unwrap_complete();
    }

    // Freed stacks can be mapped again.
    live.truncate(live.len() / 2);
    for i in 0..1_000 {
        live.push(parked(i).expect("half of the stacks are free again"));
    }
}
