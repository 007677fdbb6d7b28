//! The errors of queues, semaphores and barriers.

use crate::error::WaitError;
use crate::error::predicates::predicates;
use crate::util::fmt::{impl_error, impl_fmt};

/// Why an item was not put into a queue, with the item.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PutError<T> {
    /// There is no room, or only room that is promised to waiting tasks.
    Full(T),
    /// The queue is shut down.
    ShutDown(T),
    /// There is no room, and the caller can't wait.
    CantWait(T, WaitError),
}

impl<T> PutError<T> {
    /// The item.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(item) | Self::ShutDown(item) | Self::CantWait(item, _) => item,
        }
    }

    predicates! { |error| error;
        /// Whether there was no room.
        fn is_full => Self::Full(_),

        /// Whether the queue is shut down.
        fn is_shut_down => Self::ShutDown(_),
    }
}

impl_error!([T] for PutError<T>, |this, f| match this {
    Self::Full(_) => f.write_str("the queue is full"),
    Self::ShutDown(_) => f.write_str("the queue is shut down"),
    Self::CantWait(_, why) => why.fmt(f),
});

impl_fmt!([T] Debug for PutError<T>, |this, f| match this {
    Self::Full(_) => f.write_str("Full(..)"),
    Self::ShutDown(_) => f.write_str("ShutDown(..)"),
    Self::CantWait(_, why) => f.debug_tuple("CantWait").field(why).finish(),
});

/// Why no item was taken out of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GetError {
    /// There is no item, or only items that are promised to waiting tasks.
    Empty,
    /// The queue is shut down, and no item is left in it.
    ShutDown,
    /// There is no item, and the caller can't wait.
    CantWait(WaitError),
}

impl_error!(for GetError, |this, f| match this {
    Self::Empty => f.write_str("the queue is empty"),
    Self::ShutDown => f.write_str("the queue is shut down, and no item is left in it"),
    Self::CantWait(why) => why.fmt(f),
});

/// `task_done` was called more often than items were put into the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NothingUnfinished;

impl_error!(
    for NothingUnfinished,
    "task_done was called more often than items were put into the queue; call it once for each item that was taken out"
);

/// More permits were released to a bounded semaphore than it can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyPermits {
    pub(super) limit: usize,
}

impl_error!(for TooManyPermits, |this, f| write!(
    f,
    "more permits were released than acquired: the semaphore has {} at most; release each once, or use a \
     Semaphore, which grows",
    this.limit
));

/// A barrier was reset or aborted while the task waited at it, or is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenBarrier;

impl_error!(for BrokenBarrier, "the barrier was reset or aborted before all parties had arrived");
