//! Waiting at an end of a channel, in a task or on a plain thread.

use std::cell::Cell;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::shared::wake_one;
use crate::error::WaitError;
use crate::runtime::threads::{block_thread, waker_registry};
use crate::runtime::time::Alarm;
use crate::runtime::wait::task_context;
use crate::util::event_count::{EventCount, Ticket};

/// Why a wait ended without a result.
pub(super) enum WaitFailure {
    TimedOut,
    CantWait(WaitError),
}

/// May suspend, or blocks the thread: waits until `attempt` returns `Some`, trying again after each
/// notification of the event count.
///
/// A cancel unwinds from here, and passes on a notification that was meant for this task.
pub(super) fn wait<R>(
    event_count: &EventCount<Waker>,
    what: &'static str,
    timeout: Option<Duration>,
    mut attempt: impl FnMut() -> Option<R>,
) -> Result<R, WaitFailure> {
    let waiter = Waiter::new(event_count);
    let leave = || waiter.give_up();
    let poll = |context: &mut Context<'_>| waiter.poll(context, &mut attempt);
    let result = match (task_context(), timeout) {
        (Ok(here), None) => waker_registry::wait_on_channel(here, &what, &leave, || false, poll),
        (Ok(here), Some(timeout)) => {
            let deadline = here.core.clock.after(timeout);
            Alarm::with(here, deadline, |alarm| {
                let is_late = || alarm.has_fired();
                waker_registry::wait_on_channel(here, &what, &leave, is_late, poll)
            })
        }
        (Err(WaitError::NoLoop), timeout) => block_thread(timeout, poll),
        (Err(why), _) => return Err(WaitFailure::CantWait(why)),
    };
    // An item or room that came in the last moment counts.
    result.or_else(attempt).ok_or(WaitFailure::TimedOut)
}

/// A waiter of an event count.
pub(super) struct Waiter<'a> {
    event_count: &'a EventCount<Waker>,
    /// Its place, once it has registered.
    ticket: Cell<Option<Ticket>>,
    is_registered: Cell<bool>,
}

impl<'a> Waiter<'a> {
    pub(super) fn new(event_count: &'a EventCount<Waker>) -> Self {
        Self {
            event_count,
            ticket: Cell::new(None),
            is_registered: Cell::new(false),
        }
    }

    pub(super) fn poll<R>(
        &self,
        context: &mut Context<'_>,
        attempt: &mut impl FnMut() -> Option<R>,
    ) -> Poll<R> {
        if self.is_registered.take() {
            // If it was notified, it either takes an item now or registers again.
            let _was_notified = !self
                .ticket
                .get()
                .is_some_and(|ticket| self.event_count.unregister(ticket));
            if let Some(result) = attempt() {
                return Poll::Ready(result);
            }
        }
        let ticket = self
            .event_count
            .register(self.ticket.get(), context.waker().clone());
        self.ticket.set(Some(ticket));
        self.is_registered.set(true);
        // The waiter is counted now, so this attempt sees every item that was provided before.
        match attempt() {
            Some(result) => {
                self.give_up();
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    }

    /// Unregisters, and passes on a notification that has come meanwhile.
    pub(super) fn give_up(&self) {
        if self.is_registered.take()
            && let Some(ticket) = self.ticket.get()
            && !self.event_count.unregister(ticket)
        {
            wake_one(self.event_count);
        }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}
