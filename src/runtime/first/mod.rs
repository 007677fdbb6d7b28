//! Waiting for the first of several waits, without a task for each.
//!
//! A [`Wait`] is a wait that has not begun: it names what is waited for, and holds nothing of it. [`first`] links one
//! [`Arm`] for each wait in its own frame, parks the task, and unlinks all arms when the first wait is done. So a wait may
//! be moved at any time, and what a loser was handed goes to the next task in line before the winner's output is made.

mod arm;
mod listed;
mod slice;
mod wait;

pub use arm::{Arm, End, Here};
pub(crate) use listed::{Listed, Source};
pub(crate) use slice::Slice;
pub use wait::{Wait, Waits, first};
pub(crate) use wait::{describe_next, first_without_turn};

pub(crate) mod sealed {
    pub trait Sealed {}
}
