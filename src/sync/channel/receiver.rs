//! [`Receiver`]: the end at which items come out.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::end::{self, Unmet};
use super::error::RecvError;
use super::shared::{PopError, Shared};
use crate::runtime::wait::budget::consume_budget;

/// The end of a channel at which items come out. Clones are further ends, and each item comes out
/// at one of them. When all are gone, what is in the channel is dropped, and senders get errors.
pub struct Receiver<T>(Arc<Shared<T>>);

impl<T> Receiver<T> {
    pub(super) fn new(shared: &Arc<Shared<T>>) -> Self {
        shared.n_receivers.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }

    /// May suspend: takes the next item out, when there is one. It parks a task, and blocks a thread that
    /// has no loop.
    ///
    /// A task that has received a lot without having to wait gives the others a turn first.
    ///
    /// # Errors
    /// That every sender is gone and nothing is left; that the channel is empty and nothing can be waited for
    /// here, in a callback or while the task panics.
    ///
    /// # Cancellation
    /// Takes nothing.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.recv_within(None)
    }

    /// May suspend: as [`recv`](Self::recv), for so long at most, on the loop's clock or the system's.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = selvedge::sync::channel::unbounded::<u32>();
    /// let nothing = receiver.recv_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert!(nothing.is_timed_out());
    /// # drop(sender);
    /// ```
    ///
    /// # Errors
    /// As [`recv`](Self::recv); that the time is over.
    ///
    /// # Cancellation
    /// Takes nothing.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvError> {
        self.recv_within(Some(timeout))
    }

    fn recv_within(&self, timeout: Option<Duration>) -> Result<T, RecvError> {
        // Before an item is out: a cancel that is met here takes nothing.
        consume_budget(1);
        match self.try_recv() {
            Err(RecvError::Empty) => {}
            result => return result,
        }
        let waited = end::wait(
            &self.0.receivers,
            "an item of a channel",
            timeout,
            || match self.0.pop() {
                Err(PopError::Empty) => None,
                result => Some(result),
            },
        );
        match waited {
            Ok(result) => result.map_err(|_| RecvError::Disconnected),
            Err(Unmet::TimedOut) => Err(RecvError::TimedOut),
            Err(Unmet::CantWait(why)) => Err(RecvError::CantWait(why)),
        }
    }

    /// Takes the next item out, if there is one now.
    ///
    /// # Errors
    /// That there is none, now or for ever.
    pub fn try_recv(&self) -> Result<T, RecvError> {
        self.0.pop().map_err(|error| match error {
            PopError::Empty => RecvError::Empty,
            PopError::Disconnected => RecvError::Disconnected,
        })
    }

    /// The items as they come, waiting for each, until every sender is gone; or until nothing can be waited for here.
    ///
    /// Each step may suspend.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self)
    }

    /// The items that are there now.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter(self)
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

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if self.0.n_receivers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.no_more_receivers();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

/// The items of a channel as they come: [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T>(&'a Receiver<T>);

/// The items that are in a channel: [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T>(&'a Receiver<T>);

/// The items of a channel as they come, with the receiver.
#[derive(Debug)]
pub struct IntoIter<T>(Receiver<T>);

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.try_recv().ok()
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter(self)
    }
}
