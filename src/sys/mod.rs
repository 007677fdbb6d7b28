//! What this library asks of the operating system, and the only place that says `libc`.
//!
//! Each platform owes:
//! - [`memory`]: reserve and release address space, make guards, give pages back, tell which
//!   pages are resident;
//! - [`signal`]: a handler for memory faults that reports an overflow and hands every other
//!   fault to whoever was there before;
//! - [`valgrind`]: where a stack begins and ends, for whoever runs this under Valgrind;
//! - [`thread`]: the bounds of the running thread's own stack.
//!
//! Nothing here knows of stacks as objects or of coroutines; next floor: `crate::stack`.

pub(crate) mod guard;
pub(crate) mod memory;
pub(crate) mod signal;
pub(crate) mod thread;
pub(crate) mod valgrind;
