//! The event loop's own types: its builder, its handles, its callbacks, its exception handler.
//!
//! The loop itself is at the root, [`EventLoop`](crate::EventLoop), beside [`run`](crate::run) and
//! [`try_run`](crate::try_run), which make a loop for one function.

pub use crate::runtime::api::builder::Builder;
pub use crate::runtime::api::callback_handles::{CallbackHandle, TimerHandle};
pub use crate::runtime::api::local_loop::{LocalLoop, current_loop};
pub use crate::runtime::api::loop_handle::LoopHandle;
pub use crate::runtime::core::exception_context::ExceptionContext;
