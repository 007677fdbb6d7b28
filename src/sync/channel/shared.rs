//! The state that a channel's ends share: a lock-free queue, the number of ends, and the waiters.
//!
//! Ends wait and wake each other by the protocol of [`EventCount`]: receivers wait for an item, senders for room. When
//! the last end of a kind is dropped, all waiters of the other kind are woken.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

use crossbeam_queue::{ArrayQueue, SegQueue};

use super::error::{RecvError, SendError};
use crate::util::event_count::EventCount;

/// A channel.
pub(super) struct Shared<T> {
    items: Items<T>,
    pub(super) n_senders: AtomicUsize,
    pub(super) n_receivers: AtomicUsize,
    /// Senders that wait for room.
    pub(super) senders: EventCount<Waker>,
    /// Receivers that wait for an item.
    pub(super) receivers: EventCount<Waker>,
}

enum Items<T> {
    Bounded(ArrayQueue<T>),
    Unbounded(SegQueue<T>),
}

impl<T> Shared<T> {
    pub(super) fn bounded(capacity: usize) -> Self {
        Self::new(Items::Bounded(ArrayQueue::new(capacity)))
    }

    pub(super) fn unbounded() -> Self {
        Self::new(Items::Unbounded(SegQueue::new()))
    }

    fn new(items: Items<T>) -> Self {
        Self {
            items,
            n_senders: AtomicUsize::new(0),
            n_receivers: AtomicUsize::new(0),
            senders: EventCount::new(),
            receivers: EventCount::new(),
        }
    }

    /// Pushes an item if there is room, and wakes a receiver.
    pub(super) fn push(&self, item: T) -> Result<(), SendError<T>> {
        if self.n_receivers.load(Ordering::Acquire) == 0 {
            return Err(SendError::Disconnected(item));
        }
        match &self.items {
            Items::Bounded(items) => items.push(item).map_err(SendError::Full)?,
            Items::Unbounded(items) => items.push(item),
        }
        wake_one(&self.receivers);
        Ok(())
    }

    /// Drops items that no receiver can take. Called after a push, while no node refers to the
    /// running task, because destructors of items are user code.
    ///
    /// The last receiver may have been dropped since, and have drained the queue before the push. The barrier of
    /// `wake_one` is between the push and this load, another is between that drop and its drain: so either the drain
    /// sees the item or this load sees the drop.
    #[inline]
    pub(super) fn pushed(&self) {
        if self.n_receivers.load(Ordering::Relaxed) == 0 {
            self.drop_items();
        }
    }

    /// Pops an item if there is one, and wakes a sender for the room.
    pub(super) fn pop(&self) -> Result<T, RecvError> {
        let take = || match &self.items {
            Items::Bounded(items) => items.pop(),
            Items::Unbounded(items) => items.pop(),
        };
        let item = match take() {
            Some(item) => item,
            None if self.n_senders.load(Ordering::Acquire) > 0 => return Err(RecvError::Empty),
            // The last sender may have sent an item before it was dropped.
            None => take().ok_or(RecvError::Disconnected)?,
        };
        if let Items::Bounded(_) = self.items {
            wake_one(&self.senders);
        }
        Ok(item)
    }

    /// Called when the last sender is dropped.
    pub(super) fn no_more_senders(&self) {
        self.receivers.notify_all().for_each(Waker::wake);
    }

    /// Called when the last receiver is dropped: no end is left to take the items.
    pub(super) fn no_more_receivers(&self) {
        // The barrier of `notify_all` is between the drop and the drain.
        self.senders.notify_all().for_each(Waker::wake);
        self.drop_items();
    }

    /// Drops all items: they might hold ends of other channels, whose other ends have waiters.
    fn drop_items(&self) {
        while self.pop().is_ok() {}
    }

    pub(super) fn len(&self) -> usize {
        match &self.items {
            Items::Bounded(items) => items.len(),
            Items::Unbounded(items) => items.len(),
        }
    }

    pub(super) fn capacity(&self) -> Option<usize> {
        match &self.items {
            Items::Bounded(items) => Some(items.capacity()),
            Items::Unbounded(_) => None,
        }
    }
}

/// Wakes the first waiter.
#[inline]
pub(super) fn wake_one(event_count: &EventCount<Waker>) {
    if let Some(waker) = event_count.notify_one() {
        waker.wake();
    }
}
