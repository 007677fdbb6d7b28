//! Where threads, and tasks of any loop, wait for what other threads make available: items of a
//! channel, or room in it.
//!
//! It does not know what is waited for, nor how one sleeps and is woken: a waiter is whatever its owner wakes it by.
//! `tests/loom` tries every order of the steps below, and shows that the barriers are needed.
//!
//! | | giver | | waiter |
//! |---|---|---|---|
//! | G1 | make something available | W1 | `register`: join the list, count it |
//! | | *barrier* | | *barrier* |
//! | G2 | nobody counted? done | W2 | something available? take it and `unregister` |
//! | G3 | `notify_one`: take the first out of the list, wake it | W3 | sleep until woken |
//! | | | W4 | `unregister`; something available? take it; else back to W1 |
//!
//! The barriers are `SeqCst` fences, and one comes first. If the giver's, then W2 sees what was made
//! available. If the waiter's, then G2 sees that it is counted, and somebody is called for it.
//!
//! A call is worth one thing. Whoever is called and does not take anything, because it has found something before (W2) or
//! gives up, calls the next: `unregister` says whether that is so. One who was called and finds nothing,
//! because somebody else was faster, enters again in the place that it had.
//!
//! Rejected:
//! - *Waking all*: each thing wakes everybody, and all but one go back to sleep.
//! - *Looking at the list without the count*: a lock for each push, with nobody waiting.
//! - *A call that brings the thing along*: the thing would have to be put back if its receiver gave up
//!   meanwhile, in front of what was pushed since; the queue has no front door.

use std::collections::VecDeque;
use std::sync::PoisonError;

use super::sync::{AtomicUsize, Mutex, MutexGuard, Ordering, fence};

/// A list of waiters.
pub(crate) struct EventCount<W> {
    /// How long the list is. Written under its lock.
    n_waiting: AtomicUsize,
    list: Mutex<List<W>>,
}

/// In the order of their turns.
struct List<W> {
    waiters: VecDeque<(Ticket, W)>,
    n_tickets: u64,
}

/// A place in the order of those who wait.
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

    /// For waiters, before they look for the last time: adds one, in the place that it had before
    /// if it has been here. Look again before sleeping.
    pub(crate) fn register(&self, before: Option<Ticket>, waiter: W) -> Ticket {
        let mut list = self.lock();
        let ticket = before.unwrap_or_else(|| {
            list.n_tickets += 1;
            Ticket(list.n_tickets)
        });
        let place = list.waiters.partition_point(|(other, _)| *other < ticket);
        list.waiters.insert(place, (ticket, waiter));
        self.count(&list);
        drop(list);
        // Between being counted and looking again.
        fence(Ordering::SeqCst);
        ticket
    }

    /// For waiters, once after each `register`. False: it was called, and has to take something or to call
    /// the next.
    #[must_use = "whoever was called and takes nothing calls the next"]
    pub(crate) fn unregister(&self, ticket: Ticket) -> bool {
        let mut list = self.lock();
        let place = list
            .waiters
            .binary_search_by_key(&ticket, |(ticket, _)| *ticket);
        let waiter = place.ok().and_then(|place| list.waiters.remove(place));
        self.count(&list);
        drop(list);
        waiter.is_some()
    }

    /// For givers, after making one thing available: whom to wake, if somebody waits.
    #[inline]
    #[must_use = "it sleeps on unless it is woken"]
    pub(crate) fn notify_one(&self) -> Option<W> {
        // Between making it available and looking for waiters.
        fence(Ordering::SeqCst);
        if self.n_waiting.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut list = self.lock();
        let first = list.waiters.pop_front();
        self.count(&list);
        drop(list);
        first.map(|(_, waiter)| waiter)
    }

    /// For givers, after what concerns everybody: whom to wake.
    #[must_use = "they sleep on unless they are woken"]
    pub(crate) fn notify_all(&self) -> impl Iterator<Item = W> + use<W> {
        // As in `notify_one`.
        fence(Ordering::SeqCst);
        let mut list = self.lock();
        let all = std::mem::take(&mut list.waiters);
        self.count(&list);
        drop(list);
        all.into_iter().map(|(_, waiter)| waiter)
    }

    fn count(&self, list: &List<W>) {
        self.n_waiting.store(list.waiters.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, List<W>> {
        // Nothing of anybody else's runs under it.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
