//! [`EventCount`]: threads, and tasks of any loop, wait for items that other threads provide, such as the items
//! of a channel, or room in it.
//!
//! The type knows neither the items nor how to sleep: a waiter is a value by which its owner can be woken.
//! `tests/loom` tries every order of the steps below, and shows that the barriers are needed.
//!
//! | | provider | | waiter |
//! |---|---|---|---|
//! | P1 | make an item available | W1 | `register`: join the list, update the count |
//! | | *barrier* | | *barrier* |
//! | P2 | count 0? done | W2 | item available? take it and `unregister` |
//! | P3 | `notify_one`: remove the first from the list, wake it | W3 | sleep until woken |
//! | | | W4 | `unregister`; item available? take it; else back to W1 |
//!
//! The barriers are `SeqCst` fences, and one comes first. If the provider's, then W2 sees the item. If the
//! waiter's, then P2 sees that the waiter is counted, and one waiter is notified of the item.
//!
//! A notification stands for one item. A notified waiter that takes no item for it, because it found one
//! before (W2) or gives up, notifies the next: `unregister` tells it so. A notified waiter that finds
//! no item, because another one was faster, registers again with its old ticket and so keeps its place.
//!
//! Rejected:
//! - *Waking all*: each item wakes every waiter, and all but one go back to sleep.
//! - *Looking at the list without the count*: a lock for each push, even with no waiter.
//! - *A notification that carries the item*: if its receiver gave up meanwhile, the item would have to go
//!   back in front of what was pushed since; the queue has no such operation.

use std::collections::VecDeque;
use std::sync::PoisonError;

use super::sync::{AtomicUsize, Mutex, Ordering, fence};

/// A list of waiters with a count that is read without its lock.
pub(crate) struct EventCount<W> {
    /// Length of the list. Written under the list's lock.
    n_waiting: AtomicUsize,
    list: Mutex<List<W>>,
}

/// Waiters in the order of their tickets.
struct List<W> {
    waiters: VecDeque<(Ticket, W)>,
    n_tickets: u64,
}

/// A waiter's place in the order of all waiters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

impl<W> EventCount<W> {
    pub(crate) fn new() -> Self {
        let list = List {
            waiters: VecDeque::new(),
            n_tickets: 0,
        };
        Self {
            n_waiting: AtomicUsize::new(0),
            list: Mutex::new(list),
        }
    }

    /// Adds a waiter, in the place of its earlier ticket if it has one. The waiter must look for an item
    /// once more before it sleeps.
    pub(crate) fn register(&self, before: Option<Ticket>, waiter: W) -> Ticket {
        let ticket = self.change(|list| {
            let ticket = before.unwrap_or_else(|| {
                list.n_tickets += 1;
                Ticket(list.n_tickets)
            });
            let place = list.waiters.partition_point(|(other, _)| *other < ticket);
            list.waiters.insert(place, (ticket, waiter));
            ticket
        });
        // Between the count and the waiter's next look.
        fence(Ordering::SeqCst);
        ticket
    }

    /// Removes a waiter; called once after each `register`. False if it was notified: then it takes an
    /// item or notifies the next.
    #[must_use = "a notified waiter that takes nothing notifies the next"]
    pub(crate) fn unregister(&self, ticket: Ticket) -> bool {
        let waiter = self.change(|List { waiters, .. }| {
            let place = waiters.binary_search_by_key(&ticket, |(ticket, _)| *ticket);
            waiters.remove(place.ok()?)
        });
        waiter.is_some()
    }

    /// Removes the first waiter, for the caller to wake. Called by a provider after each item.
    #[inline]
    #[must_use = "the waiter sleeps on unless it is woken"]
    pub(crate) fn notify_one(&self) -> Option<W> {
        // Between providing the item and reading the count.
        fence(Ordering::SeqCst);
        if self.n_waiting.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let first = self.change(|list| list.waiters.pop_front());
        first.map(|(_, waiter)| waiter)
    }

    /// Removes all waiters, for the caller to wake. Called after a change that concerns every waiter.
    #[must_use = "the waiters sleep on unless they are woken"]
    pub(crate) fn notify_all(&self) -> impl Iterator<Item = W> + use<W> {
        // As in `notify_one`.
        fence(Ordering::SeqCst);
        let all = self.change(|list| std::mem::take(&mut list.waiters));
        all.into_iter().map(|(_, waiter)| waiter)
    }

    /// Changes the list under the lock, and counts the waiters. A waiter that `change` removes is returned, because
    /// dropping it may run user code, and only this file's code runs under the lock.
    fn change<R>(&self, change: impl FnOnce(&mut List<W>) -> R) -> R {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut list);
        self.n_waiting.store(list.waiters.len(), Ordering::Relaxed);
        result
    }
}
