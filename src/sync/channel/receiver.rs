//! [`Receiver`]: the end at which items come out.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::end::{self, Unmet};
use super::end_methods::end_methods;
use super::error::RecvError;
use super::shared::Shared;
use crate::runtime::wait::budget::consume_budget;

/// The end of a channel at which items come out. Clones are further ends, and each item comes out
/// at one of them. When all are gone, what is in the channel is dropped, and senders get errors.
pub struct Receiver<T>(Arc<Shared<T>>);

impl<T> Receiver<T> {
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
        let attempt = || match self.try_recv() {
            Err(RecvError::Empty) => None,
            result => Some(result),
        };
        if let Some(result) = attempt() {
            return result;
        }
        let waited = end::wait(&self.0.receivers, "an item of a channel", timeout, attempt);
        waited.unwrap_or_else(|unmet| {
            Err(match unmet {
                Unmet::TimedOut => RecvError::TimedOut,
                Unmet::CantWait(why) => RecvError::CantWait(why),
            })
        })
    }

    /// Takes the next item out, if there is one now.
    ///
    /// # Errors
    /// That there is none, now or for ever.
    pub fn try_recv(&self) -> Result<T, RecvError> {
        self.0.pop()
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
}

end_methods!(Receiver, n_receivers, no_more_receivers);

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
