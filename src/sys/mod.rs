//! The interface to the operating system; the only module that names `libc`.
//!
//! Each platform must supply:
//! - [`memory`]: reserving and releasing address space, returning pages to the system, residency of pages;
//! - [`guard`]: pages that fault when touched;
//! - [`prefetch`](mod@prefetch): a hint that a cache line will be needed, or nothing;
//!   [`prefetch_distances`]: how far ahead each part uses it;
//! - [`poller`]: which of many descriptors are ready, sleeping until one is, waking from another thread;
//! - [`signal`]: a handler for memory faults that reports an overflow and forwards every other fault to the
//!   previous handler;
//! - [`signal_watch`]: recording signals for event loops, and waking the loops;
//! - [`file`]: the kind of a descriptor, transfers of files, reads from the page cache;
//! - `io_ring`: operations on files that the kernel queues (Linux, with the feature `io-uring`);
//! - [`socket`]: transfers that never wait;
//! - [`fork`]: whether this is still the same process;
//! - [`valgrind`]: the bounds of stacks, for runs under Valgrind;
//! - [`thread`]: the bounds of the running thread's own stack, and whether it is the main thread;
//! - [`wait_fd`]: blocking the thread until one descriptor is ready.
//!
//! Nothing here knows of stacks as objects or of coroutines. Next floor: `crate::stack`.

use std::io;

mod cached;
#[cfg(feature = "runtime")]
pub(crate) mod file;
#[cfg(feature = "runtime")]
pub(crate) mod fork;
pub(crate) mod guard;
#[cfg(all(
    feature = "io-uring",
    target_os = "linux",
    not(selvedge_poller = "kqueue")
))]
pub(crate) mod io_ring;
pub(crate) mod memory;
#[cfg(feature = "runtime")]
pub(crate) mod poller;
pub(crate) mod prefetch;
pub(crate) mod prefetch_distances;
pub(crate) mod signal;
#[cfg(feature = "runtime")]
mod signal_note;
#[cfg(feature = "runtime")]
pub(crate) mod signal_watch;
#[cfg(feature = "runtime")]
pub(crate) mod socket;
pub(crate) mod thread;
pub(crate) mod valgrind;
#[cfg(feature = "runtime")]
pub(crate) mod wait_fd;

/// Checks the result of a system call that reports an error by -1.
fn check<T: PartialEq + From<i8>>(result: T) -> io::Result<T> {
    match result == T::from(-1) {
        true => Err(io::Error::last_os_error()),
        false => Ok(result),
    }
}

/// Checks the result of a system call that returns a count, or -1 for an error.
#[cfg(feature = "runtime")]
fn count(result: impl TryInto<usize>) -> io::Result<usize> {
    result.try_into().map_err(|_| io::Error::last_os_error())
}
