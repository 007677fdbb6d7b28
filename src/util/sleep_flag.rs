//! Two protocols between an event loop and the threads that push into its queue: a [`SleepFlag`]
//! wakes the loop if it sleeps, a [`Gate`] lets the queue be closed without losing a push.
//!
//! Neither knows the queue or the poller. `tests/loom` tries every order of their steps, and shows
//! that each ordering below is needed.
//!
//! # Sleep flag: a sleeping loop is woken, a running one is left alone
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
//! and the loop does not sleep. If the loop's, then P2 sees that the loop sleeps, and the notification
//! ends L3, even if it comes before L3: a notifier's event waits in the poller. Among several
//! pushers the exchange picks one, so a sleep is ended by one system call. A push between L4 and the
//! next L1 costs its pusher a fence and a load.
//!
//! P3 writes nothing unless it ends a sleep, and L4 is an exchange too, though a store would do:
//! then each write of false has read the true that it ends, and no thread can take that write for later
//! than the next L1. (By the letter of the memory model nothing comes between the halves of an
//! exchange, but loom does not know that. Beside a sleep the difference costs nothing.)
//!
//! A pusher that stops between P3 and its notification delays what others have pushed meanwhile
//! until it continues. A notification may find the loop awake, if something else has woken it or if
//! L2 found an entry: then a later sleep ends at once, without a reason.
//!
//! Rejected:
//! - *Always notifying*: a system call for each push; a busy loop reads its own notifications.
//! - *Release and acquire instead of the barriers*: P1 and P2 are a store and a load of different
//!   places, which a processor may reorder, and so are L1 and L2. Then both sides look too early, and
//!   the loop sleeps beside a full queue.
//! - *A count of sleepers, or parking by a condition variable*: there is one sleeper, and it
//!   sleeps in the poller.
//!
//! # Gate: pushes before the close are drained, later ones are returned
//!
//! One word: bit 0, *closed*, set by the first closer and never cleared; above it the number of
//! pushers inside.
//!
//! | | pusher | | closer |
//! |---|---|---|---|
//! | P1 | closed? return the value; else count + 1, in one exchange | C1 | set closed |
//! | P2 | push | C2 | wait until the count is 0 |
//! | P3 | count − 1 (*release*) | | (*acquire*) |
//! | | | C3 | drain |
//!
//! Changes of one word have one order. A pusher that comes before C1 in that order is counted, so C2
//! waits for its P3, whose release makes its push visible to C3; a pusher that comes after C1 pushes
//! nothing. No pusher is counted after C1, so C2 ends as soon as those inside have left. A pusher
//! inside may only push: no user code, no sleep, no closing.
//!
//! Rejected:
//! - *Looking at a flag, then pushing*: the drain may come between the two, and the push is lost.
//! - *Pushing, then looking at the flag*: the pusher can't tell whether the drain took its value, so it
//!   can't return the value.
//! - *Counting first, and leaving if it was closed*: one instruction instead of the loop, but late pushers
//!   keep the closer waiting without a bound.
//! - *A lock around each push*: pushers would wait for each other.

use super::sync::{AtomicBool, AtomicUsize, Ordering, fence, pause};

/// Tells pushers whether to notify the loop. One loop, any number of pushers.
pub(crate) struct SleepFlag {
    asleep: AtomicBool,
}

impl SleepFlag {
    /// The flag of a loop that is awake.
    pub(crate) fn new() -> Self {
        let asleep = AtomicBool::new(false);
        Self { asleep }
    }

    /// Claims the wake-up of a sleeping loop; called by a pusher after each push. True: notify the poller
    /// now.
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

    /// Announces the loop's sleep; called by the loop. False: the queue is not empty, so the loop must not
    /// sleep and counts as awake.
    #[must_use = "no notification announces an earlier push"]
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

    /// Clears the flag; called by the loop after each sleep, for whatever reason it ended.
    pub(crate) fn set_awake(&self) {
        self.asleep.swap(false, Ordering::Relaxed);
    }
}

const CLOSED: usize = 1;
const ONE_PUSHER: usize = 2;

/// Guards each push, so that every push comes either before the close or after it.
pub(crate) struct Gate {
    state: AtomicUsize,
}

impl Gate {
    /// An open gate with no pusher inside.
    pub(crate) fn new() -> Self {
        let state = AtomicUsize::new(0);
        Self { state }
    }

    /// Lets a pusher in, which may push while the guard lives and do nothing else. `None` if the gate is
    /// closed.
    pub(crate) fn enter(&self) -> Option<GateGuard<'_>> {
        let count_in = |state| (state & CLOSED == 0).then_some(state + ONE_PUSHER);
        // Nothing is read here that another thread has written, so nothing needs to be acquired.
        self.state
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, count_in)
            .ok()?;
        Some(GateGuard { gate: self })
    }

    /// Closes the gate and waits until no pusher is inside: then the caller sees every push in the queue.
    /// True for the first closer.
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

/// A pusher is inside of a [`Gate`] while this lives.
pub(crate) struct GateGuard<'gate> {
    gate: &'gate Gate,
}

impl Drop for GateGuard<'_> {
    fn drop(&mut self) {
        // A thread that sees the lower count also sees this pusher's push.
        self.gate.state.fetch_sub(ONE_PUSHER, Ordering::Release);
    }
}
