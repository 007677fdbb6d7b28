//! Small parts that know neither the operating system nor coroutines.
//!
//! - [`byte_buffer`]: bytes that are appended at the end and consumed at the front;
//! - [`descriptor`]: trait implementations that types with a descriptor share;
//! - [`deadlines`]: deadlines in order, for a million timers;
//! - [`event_count`]: threads and tasks wait for items that other threads provide;
//! - [`fmt`]: short implementations of `Debug`, `Display` and `Error`;
//! - [`free_list`]: reuse of small allocations;
//! - [`io_error`]: errors of `std::io` that several modules return;
//! - [`iteration_queue`]: the run queue's container;
//! - [`list`]: an intrusive list;
//! - [`lock`]: locking a mutex that may be poisoned;
//! - [`sleep_flag`]: waking a sleeping loop from other threads, and closing its queue;
//! - [`slots`]: a table whose values are named by keys that are never used again.

pub(crate) mod byte_buffer;
pub(crate) mod deadlines;
pub(crate) mod descriptor;
pub(crate) mod event_count;
pub(crate) mod fmt;
pub(crate) mod free_list;
pub(crate) mod io_error;
pub(crate) mod iteration_queue;
pub(crate) mod list;
pub(crate) mod lock;
pub(crate) mod sleep_flag;
pub(crate) mod slots;

/// The primitives of the protocols between threads. Their files name this module `super::sync`, so that
/// `tests/loom` can include them beside a `sync` module that comes from loom.
mod sync {
    pub(super) use std::sync::Mutex;
    pub(super) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

    use std::time::Duration;

    /// Pauses before a retry: spins first, then yields, then sleeps. A thread of higher priority may have
    /// to sleep for the other to run at all.
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
