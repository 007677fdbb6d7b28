//! The errors of sending and receiving.

use crate::error::WaitError;
use crate::error::predicates::predicates;
use crate::util::fmt::{impl_error, impl_fmt};

/// Why an item was not sent, with the item.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError<T> {
    /// The channel is full, and `try_send` does not wait.
    Full(T),
    /// The channel stayed full for the whole timeout of `send_timeout`.
    TimedOut(T),
    /// Every receiver is gone.
    Disconnected(T),
    /// The channel is full, and the caller can't wait.
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

    predicates! { |error| error;
        /// Whether the channel was full.
        fn is_full => Self::Full(_),

        /// Whether the timeout has passed.
        fn is_timed_out => Self::TimedOut(_),

        /// Whether every receiver is gone.
        fn is_disconnected => Self::Disconnected(_),
    }
}

impl_error!([T] for SendError<T>, |this, f| match this {
    Self::Full(_) => f.write_str("the channel is full"),
    Self::TimedOut(_) => f.write_str("the channel stayed full until the timeout had passed"),
    Self::Disconnected(_) => f.write_str("every receiver of the channel is gone"),
    Self::CantWait(_, why) => why.fmt(f),
});

impl_fmt!([T] Debug for SendError<T>, |this, f| match this {
    Self::Full(_) => f.write_str("Full(..)"),
    Self::TimedOut(_) => f.write_str("TimedOut(..)"),
    Self::Disconnected(_) => f.write_str("Disconnected(..)"),
    Self::CantWait(_, why) => f.debug_tuple("CantWait").field(why).finish(),
});

/// Why no item was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvError {
    /// The channel is empty, and `try_recv` does not wait.
    Empty,
    /// The channel stayed empty for the whole timeout of `recv_timeout`.
    TimedOut,
    /// Every sender is gone, and the channel is empty.
    Disconnected,
    /// The channel is empty, and the caller can't wait.
    CantWait(WaitError),
}

impl RecvError {
    predicates! { |error| error;
        /// Whether the channel was empty.
        fn is_empty => Self::Empty,

        /// Whether the timeout has passed.
        fn is_timed_out => Self::TimedOut,

        /// Whether every sender is gone and every sent item was received.
        fn is_disconnected => Self::Disconnected,
    }
}

impl_error!(for RecvError, |this, f| match this {
    Self::Empty => f.write_str("the channel is empty"),
    Self::TimedOut => f.write_str("the channel stayed empty until the timeout had passed"),
    Self::Disconnected => {
        f.write_str("every sender of the channel is gone, and no item is left in it")
    }
    Self::CantWait(why) => why.fmt(f),
});
