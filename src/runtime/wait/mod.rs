//! How the running task waits: what it may wait for, parking, the switch to the loop, and the unwind that ends a wait.

pub(crate) mod budget;
pub(crate) mod here;
pub(crate) mod park;
pub(crate) mod switch;
pub(crate) mod unwind;
pub(crate) mod waiting;
