//! Models of the protocols in `src/util`, whose files are included as they are.
//!
//! What is pushed is a relaxed atomic here, the weakest thing that a queue could be made of: a queue
//! that synchronises by itself would hide an ordering that is missing in the protocol.

#![cfg(test)]

mod doorbell_models;
mod gate_models;
mod waiting_room_models;

#[path = "../../../src/util/doorbell.rs"]
mod doorbell;
#[path = "../../../src/util/waiting_room.rs"]
mod waiting_room;

/// What `src/util/mod.rs` takes from the standard library.
mod sync {
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
    pub(super) use loom::sync::{Mutex, MutexGuard};

    /// Tells loom that nothing changes here before another thread has run.
    pub(super) fn pause(_: u32) {
        loom::thread::yield_now();
    }
}
