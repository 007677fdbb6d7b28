//! How the running task waits: whether it may, parking, the switch to the loop, the unwind of a cancel, lists of waiters.

pub(crate) mod budget;
pub(crate) mod delivery;
pub(crate) mod forward;
pub(crate) mod park;
pub(crate) mod switch;
pub(crate) mod task_context;
pub(crate) mod waiting;

pub(crate) use budget::{consume_budget, consume_io_budget, io_end, is_io_ending};
pub(crate) use delivery::abandon_if_stuck;
pub(crate) use forward::WaitGraphWalk;
pub(crate) use switch::YIELD;
pub(crate) use task_context::{here_or_panic, task_context};
