//! What this library asks of the operating system, and the only place that says `libc`.
//!
//! Each platform owes:
//! - [`memory`]: reserve and release address space, make guards, give pages back, tell which
//!   pages are resident;
//! - [`prefetch`](mod@prefetch): a hint that a cache line will be needed, or nothing;
//! - [`poller`]: which of many descriptors are ready, sleeping until one is, and being woken from
//!   another thread;
//! - [`signal`]: a handler for memory faults that reports an overflow and hands every other
//!   fault to whoever was there before;
//! - [`file`]: what a descriptor is, transfers of files, and reads of what memory holds;
//! - [`signal_watch`]: noting signals for event loops, and waking them;
//! - [`socket`]: transfers that never wait;
//! - [`fork`]: whether this is still the same process;
//! - [`valgrind`]: where a stack begins and ends, for whoever runs this under Valgrind;
//! - [`thread`]: the bounds of the running thread's own stack, and whether it is the main thread;
//! - [`wait_fd`]: blocking the thread until one descriptor is ready.
//!
//! Nothing here knows of stacks as objects or of coroutines; next floor: `crate::stack`.

#[cfg(feature = "runtime")]
pub(crate) mod file;
#[cfg(feature = "runtime")]
pub(crate) mod fork;
pub(crate) mod guard;
pub(crate) mod memory;
#[cfg(feature = "runtime")]
pub(crate) mod poller;
pub(crate) mod prefetch;
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
