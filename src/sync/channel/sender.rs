//! [`Sender`]: the end that sends.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::end::{self, WaitFailure};
use super::end_methods::end_methods;
use super::error::SendError;
use super::shared::Shared;
use crate::runtime::wait::consume_budget;

/// The sending end of a channel. Clones are further ends. When all are dropped, receivers get the items that are
/// left, and then an error.
pub struct Sender<T>(Arc<Shared<T>>);

impl<T> Sender<T> {
    /// May suspend: sends an item as soon as there is room. Parks a task, and blocks a thread without a loop.
    ///
    /// A task that has sent many items without waiting yields first.
    ///
    /// # Errors
    /// The item comes back in the error if every receiver is gone, before the call or during it, or if the channel is
    /// full and the caller can't wait: in a callback, or while the thread panics.
    ///
    /// # Cancellation
    /// The item is dropped, not sent.
    pub fn send(&self, item: T) -> Result<(), SendError<T>> {
        self.send_within(item, None)
    }

    /// May suspend: like [`send`](Self::send), with a timeout on the loop's clock, or the system's without a loop.
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
    /// As [`send`](Self::send); and if the timeout passes.
    ///
    /// # Cancellation
    /// As [`send`](Self::send).
    pub fn send_timeout(&self, item: T, timeout: Duration) -> Result<(), SendError<T>> {
        self.send_within(item, Some(timeout))
    }

    fn send_within(&self, item: T, timeout: Option<Duration>) -> Result<(), SendError<T>> {
        // First: a cancel that is delivered here has sent nothing.
        consume_budget(1);
        match self.try_send(item) {
            Err(SendError::Full(item)) => self.send_after_wait(item, timeout),
            result => result,
        }
    }

    /// A function of its own, so that its copies of the item are not on the stack of each task that sends.
    #[cold]
    #[inline(never)]
    fn send_after_wait(&self, item: T, timeout: Option<Duration>) -> Result<(), SendError<T>> {
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
            (Ok(result), _) => result.inspect(|()| self.0.pushed()),
            (Err(WaitFailure::TimedOut), Some(item)) => Err(SendError::TimedOut(item)),
            (Err(WaitFailure::CantWait(why)), Some(item)) => Err(SendError::CantWait(item, why)),
            (Err(_), None) => unreachable!("an item that was pushed ends the wait"),
        }
    }

    /// Sends an item if there is room. Never suspends.
    ///
    /// # Errors
    /// The item comes back in the error if the channel is full or every receiver is gone.
    pub fn try_send(&self, item: T) -> Result<(), SendError<T>> {
        self.0.push(item).inspect(|()| self.0.pushed())
    }
}

end_methods!(Sender, n_senders, no_more_senders);
