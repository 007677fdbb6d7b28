//! [`Sender`]: the end at which items go in.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::end::{self, Unmet};
use super::error::SendError;
use super::shared::{PushError, Shared};
use crate::runtime::wait::budget::consume_budget;

/// The end of a channel at which items go in. Clones are further ends; when all are gone, receivers
/// get what is left, and then an error.
pub struct Sender<T>(Arc<Shared<T>>);

impl<T> Sender<T> {
    pub(super) fn new(shared: &Arc<Shared<T>>) -> Self {
        shared.n_senders.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }

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
            Err(PushError::Full(item)) => item,
            result => return result.map_err(refused),
        };
        let mut item = Some(item);
        let waited = end::wait(&self.0.senders, "room in a channel", timeout, || match self
            .0
            .push(item.take()?)
        {
            Err(PushError::Full(back)) => {
                item = Some(back);
                None
            }
            result => Some(result.map_err(refused)),
        });
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
        self.0.push(item).map_err(refused)
    }

    /// How many items are in the channel.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no item is in the channel.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// Whether no more items fit into the channel now.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.capacity()
            .is_some_and(|capacity| self.len() >= capacity)
    }

    /// How many items the channel holds at most; `None` for any number.
    #[must_use]
    pub fn capacity(&self) -> Option<usize> {
        self.0.capacity()
    }
}

fn refused<T>(error: PushError<T>) -> SendError<T> {
    match error {
        PushError::Full(item) => SendError::Full(item),
        PushError::Disconnected(item) => SendError::Disconnected(item),
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.0.n_senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.no_more_senders();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}
