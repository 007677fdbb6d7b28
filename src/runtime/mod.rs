//! The event loop, in rooms. A room imports from rooms below it in this list, and from its own files:
//!
//! - [`api`]: the public types of a loop: the loop, its builder, its handles;
//! - [`scheduler`]: the loop itself (poll, run, sleep), signals, shutdown;
//! - [`io`]: readiness of descriptors, up to the tasks that wait for it;
//! - [`threads`]: messages of other threads, wakers, the pool for blocking work;
//! - [`task`]: how a task begins, runs, ends and is joined;
//! - [`first`]: waiting for the first of several waits;
//! - [`time`]: timers and alarms;
//! - [`cancel`]: requests to cancel, and scopes;
//! - [`observe`]: reports of exceptions and deadlocks, looking at a task;
//! - [`wait`]: parking, the switch to the loop, the unwind of a cancel;
//! - [`core`]: the definitions that all of these share.

pub(crate) mod api;
pub(crate) mod cancel;
pub(crate) mod core;
pub(crate) mod first;
pub(crate) mod io;
pub(crate) mod observe;
pub(crate) mod scheduler;
pub(crate) mod task;
pub(crate) mod threads;
pub(crate) mod time;
pub(crate) mod wait;
