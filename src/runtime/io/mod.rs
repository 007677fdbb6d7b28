//! Descriptors: from the poller's readiness to the task that waits for it.

pub(crate) mod reactor;
pub(crate) mod registration;
pub(crate) mod side;
