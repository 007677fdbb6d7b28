//! [`Receiver`]: the end that receives.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::end::{self, WaitFailure};
use super::end_methods::end_methods;
use super::error::RecvError;
use super::shared::Shared;
use super::when_received::WhenReceived;
use crate::runtime::first::Wait;
use crate::runtime::wait::consume_budget;

/// The receiving end of a channel. Clones are further ends, and one of them gets each item. When all are dropped, the
/// items in the channel are dropped, and senders get errors.
pub struct Receiver<T>(Arc<Shared<T>>);

impl<T> Receiver<T> {
    /// May suspend: receives the next item as soon as there is one. Parks a task, and blocks a thread without a
    /// loop.
    ///
    /// A task that has received many items without waiting yields first.
    ///
    /// # Errors
    /// If every sender is gone and no item is left, or if the channel is empty and the caller can't wait: in a
    /// callback, or while the thread panics.
    ///
    /// # Cancellation
    /// Takes nothing.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.recv_within(None)
    }

    /// May suspend: like [`recv`](Self::recv), with a timeout on the loop's clock, or the system's without a loop.
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
    /// As [`recv`](Self::recv); and if the timeout passes.
    ///
    /// # Cancellation
    /// Takes nothing.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvError> {
        self.recv_within(Some(timeout))
    }

    fn recv_within(&self, timeout: Option<Duration>) -> Result<T, RecvError> {
        // First: a cancel that is delivered here has taken nothing.
        consume_budget(1);
        let attempt = || match self.try_recv() {
            Err(RecvError::Empty) => None,
            result => Some(result),
        };
        if let Some(result) = attempt() {
            return result;
        }
        let waited = end::wait(&self.0.receivers, "an item of a channel", timeout, attempt);
        match waited {
            Ok(result) => result,
            Err(WaitFailure::TimedOut) => Err(RecvError::TimedOut),
            Err(WaitFailure::CantWait(why)) => Err(RecvError::CantWait(why)),
        }
    }

    /// The wait for the next item, for [`select!`](crate::select) and [`first`](crate::task::first()) in a task. It takes
    /// nothing if it loses. Its output is that of [`recv`](Self::recv).
    ///
    /// ```
    /// use std::thread;
    /// use std::time::Duration;
    /// use selvedge::sync::channel;
    /// use selvedge::{select, time};
    ///
    /// let (sender, receiver) = channel::unbounded();
    /// let producer = thread::spawn(move || sender.send(7));
    /// selvedge::run(move || {
    ///     select! {
    ///         item = receiver.when_received() => assert_eq!(item, Ok(7)),
    ///         () = time::after(Duration::from_secs(60)) => unreachable!("an item comes"),
    ///     }
    /// });
    /// producer.join().unwrap().unwrap();
    /// ```
    pub fn when_received(&self) -> impl Wait<Output = Result<T, RecvError>> {
        WhenReceived::new(&self.0)
    }

    /// Receives the next item if there is one. Never suspends.
    ///
    /// # Errors
    /// If the channel is empty. The error says whether every sender is gone too.
    pub fn try_recv(&self) -> Result<T, RecvError> {
        self.0.pop()
    }

    /// Iterates over the items as they come. Each step may suspend. Ends when every sender is gone, or when the caller
    /// can't wait.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self)
    }

    /// Iterates over the items that are in the channel. Never suspends.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter(self)
    }
}

end_methods!(Receiver, n_receivers, no_more_receivers);

/// An iterator over the items of a channel as they come: see [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T>(&'a Receiver<T>);

/// An iterator over the items that are in a channel: see [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T>(&'a Receiver<T>);

/// An iterator over the items of a channel as they come, which owns the receiver.
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
