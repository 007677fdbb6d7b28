//! The loop's types for users: the loop, its builder, its handles.

pub(crate) mod builder;
pub(crate) mod callback_handles;
pub(crate) mod event_loop;
#[cfg(feature = "io-uring")]
mod io_uring;
pub(crate) mod local_loop;
pub(crate) mod loop_handle;
pub(crate) mod remote_task;
pub(crate) mod services;

pub(crate) use callback_handles::{CallbackHandle, TimerHandle};
pub(crate) use event_loop::EventLoop;
pub(crate) use local_loop::{LocalLoop, current_loop};
pub(crate) use loop_handle::LoopHandle;
