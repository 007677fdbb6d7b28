//! What can go wrong with queues, locks and barriers, as values; and the panic of those operations that
//! have no error to return.

use std::error::Error;
use std::fmt;

use crate::error::WaitError;
use crate::runtime::core::context::TaskContext;
use crate::runtime::wait::here::task_context;

/// Where the running task may park, for operations that have no error to return.
#[track_caller]
pub(super) fn here_or_panic() -> TaskContext {
    task_context().unwrap_or_else(|why| panic!("{}", why.sentence()))
}

/// Why an item was not put into a queue; the item comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PutError<T> {
    /// There is no room now, or it is promised to tasks that wait for it.
    Full(T),
    /// The queue was shut down.
    ShutDown(T),
    /// There is no room now, and it can't be waited for here.
    CantWait(T, WaitError),
}

impl<T> PutError<T> {
    /// The item.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(item) | Self::ShutDown(item) | Self::CantWait(item, _) => item,
        }
    }

    /// Whether there was no room.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Whether the queue was shut down.
    pub fn is_shut_down(&self) -> bool {
        matches!(self, Self::ShutDown(_))
    }
}

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("the queue is full"),
            Self::ShutDown(_) => f.write_str("the queue was shut down"),
            Self::CantWait(_, why) => why.fmt(f),
        }
    }
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("Full(..)"),
            Self::ShutDown(_) => f.write_str("ShutDown(..)"),
            Self::CantWait(_, why) => f.debug_tuple("CantWait").field(why).finish(),
        }
    }
}

impl<T> Error for PutError<T> {}

/// Why there is no item from a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GetError {
    /// There is none now, or all that are there are promised to tasks that wait for them.
    Empty,
    /// The queue was shut down, and nothing is left in it.
    ShutDown,
    /// There is none now, and it can't be waited for here.
    CantWait(WaitError),
}

impl fmt::Display for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the queue is empty"),
            Self::ShutDown => f.write_str("the queue was shut down, and nothing is left in it"),
            Self::CantWait(why) => why.fmt(f),
        }
    }
}

impl Error for GetError {}

/// That `task_done` was called more often than items were put into the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NothingUnfinished;

impl fmt::Display for NothingUnfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "task_done was called more often than items were put into the queue; call it once for each \
             item that was got",
        )
    }
}

impl Error for NothingUnfinished {}

/// That more permits were given to a semaphore than it can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyPermits {
    pub(super) limit: usize,
}

impl fmt::Display for TooManyPermits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "more permits were released than acquired: the semaphore has {} at most; release each once, \
             or use a Semaphore, which grows",
            self.limit
        )
    }
}

impl Error for TooManyPermits {}

/// That a barrier was reset or aborted while a task waited at it, or is broken since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenBarrier;

impl fmt::Display for BrokenBarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the barrier was reset or aborted before all parties had come")
    }
}

impl Error for BrokenBarrier {}
