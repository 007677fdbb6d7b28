//! Models of the protocols in `src/util`, whose files are included as they are.
//!
//! A push is a relaxed atomic operation here, the weakest that a queue could consist of: a queue that
//! synchronises by itself would hide an ordering that the protocol lacks.

#![cfg(test)]

mod event_count_models;
mod gate_models;
mod sleep_flag_models;

#[path = "../../../src/util/event_count.rs"]
mod event_count;
#[path = "../../../src/util/sleep_flag.rs"]
mod sleep_flag;

/// Loom's versions of the primitives that `src/util/mod.rs` takes from the standard library.
mod sync {
    pub(super) use loom::sync::Mutex;
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

    /// Tells loom that this thread can't proceed before another has run.
    pub(super) fn pause(_: u32) {
        loom::thread::yield_now();
    }
}
