//! What the ends of a channel share: a lock-free queue, how many ends there are, and who waits.
//!
//! Waiting and waking is [`EventCount`]'s protocol, with the queue as what is made available: an item for
//! receivers, room for senders. That the last end of a kind is gone is told to everybody who waits on the other
//! side.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

use crossbeam_queue::{ArrayQueue, SegQueue};

use crate::util::event_count::EventCount;

/// A channel.
pub(super) struct Shared<T> {
    items: Items<T>,
    pub(super) n_senders: AtomicUsize,
    pub(super) n_receivers: AtomicUsize,
    /// Who waits for room.
    pub(super) senders: EventCount<Waker>,
    /// Who waits for an item.
    pub(super) receivers: EventCount<Waker>,
}

enum Items<T> {
    Bounded(ArrayQueue<T>),
    Unbounded(SegQueue<T>),
}

/// Why an item was not pushed.
pub(super) enum PushError<T> {
    Full(T),
    Disconnected(T),
}

/// Why no item was popped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PopError {
    Empty,
    Disconnected,
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

    /// Puts an item in, if there is room, and wakes a receiver for it.
    pub(super) fn push(&self, item: T) -> Result<(), PushError<T>> {
        if self.n_receivers.load(Ordering::Acquire) == 0 {
            return Err(PushError::Disconnected(item));
        }
        match &self.items {
            Items::Bounded(items) => items.push(item).map_err(PushError::Full)?,
            Items::Unbounded(items) => items.push(item),
        }
        wake_one(&self.receivers);
        // The last receiver may have gone since, and have dropped what was there. Between the push and this there is
        // the barrier of `wake_one`, between its going and its look there is one: one of us sees the other's.
        if self.n_receivers.load(Ordering::Relaxed) == 0 {
            self.drop_items();
        }
        Ok(())
    }

    /// Takes an item out, if there is one, and wakes a sender for the room.
    pub(super) fn pop(&self) -> Result<T, PopError> {
        let take = || match &self.items {
            Items::Bounded(items) => items.pop(),
            Items::Unbounded(items) => items.pop(),
        };
        let item = match take() {
            Some(item) => item,
            None if self.n_senders.load(Ordering::Acquire) > 0 => return Err(PopError::Empty),
            // Whoever has gone may have sent something before.
            None => take().ok_or(PopError::Disconnected)?,
        };
        if let Items::Bounded(_) = self.items {
            wake_one(&self.senders);
        }
        Ok(item)
    }

    /// For the last sender, when it has gone.
    pub(super) fn no_more_senders(&self) {
        self.receivers.notify_all().for_each(Waker::wake);
    }

    /// For the last receiver, when it has gone: nobody can get what is left.
    pub(super) fn no_more_receivers(&self) {
        // Its barrier is between having gone and looking for what is left.
        self.senders.notify_all().for_each(Waker::wake);
        self.drop_items();
    }

    /// Drops what is there: it might hold ends of other channels, for which somebody waits.
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

/// Wakes the first that waits.
#[inline]
fn wake_one(event_count: &EventCount<Waker>) {
    if let Some(waker) = event_count.notify_one() {
        waker.wake();
    }
}

/// Passes on a call of one that has not taken anything.
pub(super) fn pass_on(event_count: &EventCount<Waker>) {
    wake_one(event_count);
}
