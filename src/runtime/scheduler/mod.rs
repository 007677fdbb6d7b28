//! The turn of the loop: what runs next, what is current, signals, and the end of a loop.

pub(crate) mod current;
pub(crate) mod shutdown;
pub(crate) mod signals;
pub(crate) mod turn;
