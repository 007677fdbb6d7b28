//! Models of the protocols in `src/util`, whose files are included as they are.
//!
//! What is pushed is a relaxed atomic here, the weakest thing that a queue could be made of: a queue
//! that synchronises by itself would hide an ordering that is missing in the protocol.

#![cfg(test)]

mod sleep_flag_models;
mod gate_models;
mod event_count_models;

#[path = "../../../src/util/sleep_flag.rs"]
mod sleep_flag;
#[path = "../../../src/util/event_count.rs"]
mod event_count;

/// What `src/util/mod.rs` takes from the standard library.
mod sync {
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
    pub(super) use loom::sync::{Mutex, MutexGuard};

    /// Tells loom that nothing changes here before another thread has run.
    pub(super) fn pause(_: u32) {
        loom::thread::yield_now();
    }
}
