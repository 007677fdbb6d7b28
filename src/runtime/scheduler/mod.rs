//! The turn of the loop: what runs next, what is current, signals, and the end of a loop.

pub(crate) mod current;
pub(crate) mod shutdown;
pub(crate) mod signals;
pub(crate) mod turn;

pub(crate) use current::within;
pub(crate) use signals::{Listening, Signals};
pub(crate) use turn::{FORKED, Halt, Loop, Settings};
