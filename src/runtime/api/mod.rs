//! The loop's types for users: the loop, its builder, its handles.

pub(crate) mod builder;
pub(crate) mod callback_handles;
pub(crate) mod event_loop;
pub(crate) mod local_loop;
pub(crate) mod loop_handle;
pub(crate) mod remote_task;
pub(crate) mod services;

pub(crate) use local_loop::current_loop;
