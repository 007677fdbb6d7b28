//! Two protocols between an event loop and the threads that push into its queue: a [`SleepFlag`]
//! wakes the loop if it sleeps, a [`Gate`] lets the queue be closed without losing anything.
//!
//! Neither knows what the queue or the poller is. `tests/loom` tries every order of their steps,
//! and shows that each ordering below is needed.
//!
//! # SleepFlag: a sleeping loop is woken, a running one is left alone
//!
//! A notification is a system call, so a pusher must know whether the loop sleeps; and the loop
//! must not fall asleep beside a full queue.
//!
//! | | pusher | | loop |
//! |---|---|---|---|
//! | P1 | push | L1 | `asleep` = true |
//! | | *barrier* | | *barrier* |
//! | P2 | `asleep`? no: done | L2 | queue empty? no: `asleep` = false, go on |
//! | P3 | exchange true for false; succeeded: notify | L3 | sleep in the poller |
//! | | | L4 | exchange for false |
//!
//! The barriers are `SeqCst` fences, and one comes first. If the pusher's, then L2 sees the push
//! and the loop does not sleep. If the loop's, then P2 sees that it sleeps, and the notification
//! ends L3, even if it comes before: a notifier's event waits in the poller. Among several
//! pushers the exchange picks one, so a sleep is ended by one system call. What is pushed between
//! L4 and the next L1 costs its pusher a fence and a load.
//!
//! P3 writes nothing unless it ends a sleep, and L4 is an exchange too, though a store would do:
//! then each write of false has read the true that it ends, and nobody can take it for later than
//! the next L1. (By the letter of the memory model nothing comes between the halves of an
//! exchange, but loom does not know that. Beside a sleep the difference costs nothing.)
//!
//! A pusher that stops between P3 and its notification delays what others have pushed meanwhile
//! until it goes on. A notification may find the loop awake, if something else has woken it or if
//! L2 found something: then a later sleep ends at once, for nothing.
//!
//! Rejected:
//! - *Always notifying*: a system call a push; a busy loop reads its own notifications.
//! - *Release and acquire instead of the barriers*: P1 and P2 are a store and a load of different
//!   places, which a processor swaps, and so are L1 and L2. Then both sides look too early, and
//!   the loop sleeps beside a full queue.
//! - *A count of sleepers, or parking by a condition variable*: there is one sleeper, and it
//!   sleeps in the poller.
//!
//! # Gate: what is pushed before the end is drained, what comes later is handed back
//!
//! One word: bit 0, *closed*, set by the first closer and never cleared; above it the number of
//! pushers inside.
//!
//! | | pusher | | closer |
//! |---|---|---|---|
//! | P1 | closed? hand back; else count + 1, in one exchange | C1 | set closed |
//! | P2 | push | C2 | wait until the count is 0 |
//! | P3 | count − 1 (*release*) | | (*acquire*) |
//! | | | C3 | drain |
//!
//! Changes of one word have one order. A pusher that comes before C1 in it is counted, so C2 waits
//! for its P3, whose release makes its push visible to C3; one that comes after it pushes nothing.
//! Nobody is counted after C1, so C2 ends as soon as those inside have left. A pusher may do
//! nothing inside but push: no user code, no sleep, no closing.
//!
//! Rejected:
//! - *Looking at a flag, then pushing*: the drain may come between the two, and the push is lost.
//! - *Pushing, then looking at the flag*: whether the drain took it can't be told, so it can't be
//!   handed back.
//! - *Counting first, and leaving if it was closed*: one instruction where there is a loop now, but
//!   those who come too late keep the closer waiting, for as long as they like.
//! - *A lock around each push*: pushers would wait for each other.

use super::sync::{AtomicBool, AtomicUsize, Ordering, fence, pause};

/// Tells pushers whether the loop has to be notified. One loop, any number of pushers.
pub(crate) struct SleepFlag {
    asleep: AtomicBool,
}

impl SleepFlag {
    /// Of a loop that is awake.
    pub(crate) fn new() -> Self {
        let asleep = AtomicBool::new(false);
        Self { asleep }
    }

    /// For pushers, after each push. True: notify the poller now.
    #[must_use = "the loop sleeps on unless it is notified"]
    pub(crate) fn claim_wake_up(&self) -> bool {
        // Between the push and the look at `asleep`.
        fence(Ordering::SeqCst);
        self.asleep.load(Ordering::Relaxed)
            && self
                .asleep
                .compare_exchange(true, false, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// For the loop, before it sleeps. False: something was pushed, so don't sleep; the loop
    /// counts as awake.
    #[must_use = "what was pushed before is not announced by a notification"]
    pub(crate) fn prepare_to_sleep(&self, is_empty: impl FnOnce() -> bool) -> bool {
        self.asleep.store(true, Ordering::Relaxed);
        // Between the announcement and the look at the queue.
        fence(Ordering::SeqCst);
        let may_sleep = is_empty();
        if !may_sleep {
            self.set_awake();
        }
        may_sleep
    }

    /// For the loop, after a sleep, whatever has ended it.
    pub(crate) fn set_awake(&self) {
        self.asleep.swap(false, Ordering::Relaxed);
    }
}

const CLOSED: usize = 1;
const ONE_PUSHER: usize = 2;

/// Around each push, so that closing is exact.
pub(crate) struct Gate {
    state: AtomicUsize,
}

impl Gate {
    /// Open, with nobody inside.
    pub(crate) fn new() -> Self {
        let state = AtomicUsize::new(0);
        Self { state }
    }

    /// For pushers: push while the guard lives, and do nothing else. `None` once the gate is
    /// closed: hand back what was to be pushed.
    pub(crate) fn enter(&self) -> Option<GateGuard<'_>> {
        let count_in = |state| (state & CLOSED == 0).then_some(state + ONE_PUSHER);
        // Nothing is read here that another thread has written, so nothing needs to be acquired.
        self.state
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, count_in)
            .ok()?;
        Some(GateGuard { gate: self })
    }

    /// Closes it for ever, and returns when nobody is inside any more: what was ever pushed is
    /// now in the queue, for the caller to see. True for the first who closes it.
    pub(crate) fn close(&self) -> bool {
        let mut state = self.state.fetch_or(CLOSED, Ordering::Acquire);
        let is_first = state & CLOSED == 0;
        let mut n_pauses = 0;
        while state & !CLOSED != 0 {
            pause(n_pauses);
            n_pauses = n_pauses.saturating_add(1);
            state = self.state.load(Ordering::Acquire);
        }
        is_first
    }
}

/// Somebody is inside of a [`Gate`].
pub(crate) struct GateGuard<'gate> {
    gate: &'gate Gate,
}

impl Drop for GateGuard<'_> {
    fn drop(&mut self) {
        // What was pushed becomes visible to whoever sees that this pusher has left.
        self.gate.state.fetch_sub(ONE_PUSHER, Ordering::Release);
    }
}
