//! Why the caller can't wait.

use crate::util::fmt::impl_error;

/// Why a call can't wait where it is made. Its text says what to do instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitError {
    /// No event loop runs on this thread.
    NoLoop,
    /// The loop runs a callback, not a task.
    NoTask,
    /// The thread is panicking.
    Panicking,
}

impl WaitError {
    /// The text, for a panic.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::NoLoop => {
                "selvedge: no event loop runs on this thread, to wait in or to spawn tasks on; call \
                 this from a task, inside of `selvedge::run`"
            }
            Self::NoTask => {
                "selvedge: a callback can't wait, because it runs on the loop itself; spawn a task \
                 that waits instead"
            }
            Self::Panicking => {
                "selvedge: a task can't wait while its thread is panicking; do it before the \
                 panic, or without waiting"
            }
        }
    }
}

impl_error!(for WaitError, |this, f| f.write_str(this.sentence()));
