//! The event loop: tasks on coroutines, a scheduler, timers, descriptors, other threads.
//!
//! Reading order: [`task`] is a task's control block, [`spawn`] how one begins and ends; [`park`]
//! and [`wait_list`] how one waits, [`group`] how for many; [`scheduler`] is the loop; [`timer`], [`reactor`], [`injector`]
//! are what wakes it; [`event_loop`] and [`handle`] what users hold.

pub(crate) mod builder;
pub(crate) mod cancel;
pub(crate) mod core;
pub(crate) mod event_loop;
pub(crate) mod handles;
pub(crate) mod io;
pub(crate) mod local;
pub(crate) mod observe;
pub(crate) mod remote;
pub(crate) mod remote_task;
pub(crate) mod scheduler;
pub(crate) mod services;
pub(crate) mod task;
pub(crate) mod threads;
pub(crate) mod time;
pub(crate) mod wait;
