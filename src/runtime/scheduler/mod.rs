//! The loop itself, the loop that is current on this thread, signals, and the shutdown of a loop.

pub(crate) mod current;
pub(crate) mod idle_stacks;
pub(crate) mod shutdown;
pub(crate) mod signals;
pub(crate) mod turn;

pub(crate) use current::within;
pub(crate) use signals::{ELSEWHERE, INTERRUPTED, Kept, Listening, Signals};
pub(crate) use turn::{FORKED, Halt, Loop, Settings};
