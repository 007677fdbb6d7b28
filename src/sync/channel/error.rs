//! Why nothing was sent or received.

use std::error::Error;
use std::fmt;

use crate::error::WaitError;

/// Why an item was not sent; the item comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError<T> {
    /// The channel is full, and `try_send` does not wait.
    Full(T),
    /// The channel was full for as long as `send_timeout` was to wait.
    TimedOut(T),
    /// Every receiver is gone.
    Disconnected(T),
    /// The channel is full, and nothing can be waited for here.
    CantWait(T, WaitError),
}

impl<T> SendError<T> {
    /// The item.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(item)
            | Self::TimedOut(item)
            | Self::Disconnected(item)
            | Self::CantWait(item, _) => item,
        }
    }

    /// Whether the channel was full.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Whether the time was over.
    pub fn is_timed_out(&self) -> bool {
        matches!(self, Self::TimedOut(_))
    }

    /// Whether nobody can receive any more.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected(_))
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("the channel is full"),
            Self::TimedOut(_) => f.write_str("the channel was full until the time was over"),
            Self::Disconnected(_) => f.write_str("every receiver of the channel is gone"),
            Self::CantWait(_, why) => why.fmt(f),
        }
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("Full(..)"),
            Self::TimedOut(_) => f.write_str("TimedOut(..)"),
            Self::Disconnected(_) => f.write_str("Disconnected(..)"),
            Self::CantWait(_, why) => f.debug_tuple("CantWait").field(why).finish(),
        }
    }
}

impl<T> Error for SendError<T> {}

/// Why nothing was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvError {
    /// The channel is empty, and `try_recv` does not wait.
    Empty,
    /// The channel was empty for as long as `recv_timeout` was to wait.
    TimedOut,
    /// Every sender is gone, and the channel is empty.
    Disconnected,
    /// The channel is empty, and nothing can be waited for here.
    CantWait(WaitError),
}

impl RecvError {
    /// Whether the channel was empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Whether the time was over.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        matches!(self, Self::TimedOut)
    }

    /// Whether nobody can send any more, and all that was sent has been received.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected)
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the channel is empty"),
            Self::TimedOut => f.write_str("the channel was empty until the time was over"),
            Self::Disconnected => {
                f.write_str("every sender of the channel is gone, and nothing is left in it")
            }
            Self::CantWait(why) => why.fmt(f),
        }
    }
}

impl Error for RecvError {}
