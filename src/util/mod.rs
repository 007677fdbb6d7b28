//! Small things that know neither the operating system nor coroutines.
//!
//! - [`deadlines`]: what is due next, for a million timers;
//! - [`doorbell`]: waking a sleeping loop from other threads, and closing what they push into;
//! - [`list`]: an intrusive list of nodes that live in other people's frames;
//! - [`recycle`]: small allocations that come and go by the hundred;
//! - [`laps`]: a queue that is run lap by lap;
//! - [`waiting_room`]: waiting for what other threads make available.

pub(crate) mod deadlines;
pub(crate) mod doorbell;
pub(crate) mod laps;
pub(crate) mod list;
pub(crate) mod recycle;
pub(crate) mod waiting_room;

/// What the protocols between threads are made of. They name it by `super::sync`, so that
/// `tests/loom` can include their files beside a module of this name that comes from loom.
mod sync {
    pub(super) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
    pub(super) use std::sync::{Mutex, MutexGuard};

    use std::time::Duration;

    /// Lets others run, the longer the more often one has asked before. A thread of a higher
    /// priority may have to sleep for the other to run at all.
    pub(super) fn pause(n_pauses: u32) {
        match n_pauses {
            0..32 => std::hint::spin_loop(),
            32..64 => std::thread::yield_now(),
            _ => std::thread::sleep(Duration::from_micros(50)),
        }
    }
}

#[cfg(test)]
mod tests;
