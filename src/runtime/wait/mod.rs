//! How the running task waits: what it may wait for, parking, the switch to the loop, and the unwind that ends a wait.

pub(crate) mod park;
