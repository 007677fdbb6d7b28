//! Descriptors: from the poller's readiness to the task that waits for it.

mod limit;
mod owner;
mod pause;
pub(crate) mod reactor;
pub(crate) mod readiness;
pub(crate) mod registration;
pub(crate) mod side;
#[cfg(feature = "http")]
mod write_unless_readable;

pub(crate) use pause::pause;
pub(crate) use reactor::Reactor;
pub(crate) use readiness::{When, readiness_methods};
pub(crate) use registration::Registration;
pub(crate) use side::Side;
