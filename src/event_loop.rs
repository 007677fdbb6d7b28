//! The event loop's own types: its builder, its handles, its callbacks, its exception handler.
//!
//! The loop itself is at the root, [`EventLoop`](crate::EventLoop), beside [`run`](crate::run) and
//! [`try_run`](crate::try_run), which make a loop for one function.
//!
//! # After a fork
//!
//! A child process that calls `exec` or `_exit` needs no care. One that goes on must not use its copy of the parent's loop:
//! `spawn_threadsafe`, `run_until_complete`, callbacks and signal handlers of the copy return an error that says so, and
//! where a task of the child would have to wait, the child's copy of the run ends with that error. Drops in the child change
//! nothing for the parent: its descriptors stay registered, and its tasks wait on. The child makes a loop of its own once its
//! copy of the run has ended.

pub use crate::runtime::api::builder::Builder;
pub use crate::runtime::api::callback_handles::{CallbackHandle, TimerHandle};
pub use crate::runtime::api::local_loop::{LocalLoop, current_loop};
pub use crate::runtime::api::loop_handle::LoopHandle;
pub use crate::runtime::core::exception_context::ExceptionContext;
