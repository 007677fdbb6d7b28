//! Descriptors: from the poller's readiness to the task that waits for it.

mod owner;
pub(crate) mod reactor;
pub(crate) mod registration;
pub(crate) mod side;

pub(crate) use reactor::Reactor;
pub(crate) use registration::{Registration, pause};
pub(crate) use side::Side;
