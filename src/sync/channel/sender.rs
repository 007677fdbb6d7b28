//! [`Sender`]: the end at which items go in.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::end::{self, Unmet};
use super::end_methods::end_methods;
use super::error::SendError;
use super::shared::Shared;
use crate::runtime::wait::budget::consume_budget;

/// The end of a channel at which items go in. Clones are further ends; when all are gone, receivers
/// get what is left, and then an error.
pub struct Sender<T>(Arc<Shared<T>>);

impl<T> Sender<T> {
    /// May suspend: sends an item, when there is room. It parks a task, and blocks a thread that has no loop.
    ///
    /// A task that has sent a lot without having to wait gives the others a turn first.
    ///
    /// # Errors
    /// The item: that every receiver is gone, before or meanwhile; that the channel is full and nothing can be
    /// waited for here, in a callback or while the task panics.
    ///
    /// # Cancellation
    /// The item is dropped, and not sent.
    pub fn send(&self, item: T) -> Result<(), SendError<T>> {
        self.send_within(item, None)
    }

    /// May suspend: as [`send`](Self::send), for so long at most, on the loop's clock or the system's.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = selvedge::sync::channel::bounded(1);
    /// sender.send(1).unwrap();
    /// let refused = sender.send_timeout(2, Duration::from_millis(1)).unwrap_err();
    /// assert!(refused.is_timed_out());
    /// # drop(receiver);
    /// ```
    ///
    /// # Errors
    /// The item, as [`send`](Self::send); that the time is over.
    ///
    /// # Cancellation
    /// As [`send`](Self::send).
    pub fn send_timeout(&self, item: T, timeout: Duration) -> Result<(), SendError<T>> {
        self.send_within(item, Some(timeout))
    }

    fn send_within(&self, item: T, timeout: Option<Duration>) -> Result<(), SendError<T>> {
        // Before the item is anywhere: a cancel that is met here has sent nothing.
        consume_budget(1);
        let item = match self.0.push(item) {
            Err(SendError::Full(item)) => item,
            result => return result,
        };
        let mut item = Some(item);
        let attempt = || match self.0.push(item.take()?) {
            Err(SendError::Full(refused)) => {
                item = Some(refused);
                None
            }
            result => Some(result),
        };
        let waited = end::wait(&self.0.senders, "room in a channel", timeout, attempt);
        match (waited, item) {
            (Ok(result), _) => result,
            (Err(Unmet::TimedOut), Some(item)) => Err(SendError::TimedOut(item)),
            (Err(Unmet::CantWait(why)), Some(item)) => Err(SendError::CantWait(item, why)),
            (Err(_), None) => unreachable!("an item that was pushed ends the wait"),
        }
    }

    /// Sends an item, if there is room now.
    ///
    /// # Errors
    /// The item: that the channel is full; that every receiver is gone.
    pub fn try_send(&self, item: T) -> Result<(), SendError<T>> {
        self.0.push(item)
    }
}

end_methods!(Sender, n_senders, no_more_senders);
