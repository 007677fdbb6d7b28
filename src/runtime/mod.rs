//! The event loop: tasks on coroutines, a scheduler, timers, descriptors, other threads.
//!
//! Reading order: [`task`] is a task's control block, [`spawn`] how one begins and ends; [`park`]
//! and [`wait_list`] how one waits, [`group`] how for many; [`scheduler`] is the loop; [`timer`], [`reactor`], [`injector`]
//! are what wakes it; [`event_loop`] and [`handle`] what users hold.

pub(crate) mod api;
pub(crate) mod cancel;
pub(crate) mod core;
pub(crate) mod io;
pub(crate) mod observe;
pub(crate) mod scheduler;
pub(crate) mod task;
pub(crate) mod threads;
pub(crate) mod time;
pub(crate) mod wait;
