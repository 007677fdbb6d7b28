//! Waiting at an end of a channel, in a task or on a thread.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::shared::pass_on;
use crate::error::WaitError;
use crate::runtime::core::context::TaskContext;
use crate::runtime::threads::waker_registry;
use crate::runtime::time::timer::Alarm;
use crate::runtime::wait::here::task_context;
use crate::util::event_count::{EventCount, Ticket};

/// Why a wait has ended without what was waited for.
pub(super) enum Unmet {
    TimedOut,
    CantWait(WaitError),
}

/// May suspend, or block the thread: waits in a room until `attempt` answers something.
///
/// A cancel unwinds from here, and passes on a call that was meant for this task.
pub(super) fn wait<R>(
    event_count: &EventCount<Waker>,
    what: &'static str,
    timeout: Option<Duration>,
    mut attempt: impl FnMut() -> Option<R>,
) -> Result<R, Unmet> {
    let visit = Visit {
        event_count,
        ticket: Cell::new(None),
        is_in: Cell::new(false),
    };
    let leave = || visit.go();
    let poll = |context: &mut Context<'_>| visit.poll(context, &mut attempt);
    let met = match (task_context(), timeout) {
        (Ok(here), None) => waker_registry::wait_on_channel(here, &what, &leave, || false, poll),
        (Ok(here), Some(timeout)) => park_until(here, what, &leave, timeout, poll),
        (Err(WaitError::NoLoop), timeout) => block(timeout, poll),
        (Err(why), _) => return Err(Unmet::CantWait(why)),
    };
    // What came in the last moment counts.
    met.or_else(attempt).ok_or(Unmet::TimedOut)
}

/// Parks the task; `None` if the time is over.
fn park_until<R>(
    here: TaskContext,
    what: &'static str,
    leave: &dyn Fn(),
    timeout: Duration,
    poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> Option<R> {
    let deadline = here.core.clock.after(timeout);
    Alarm::with(here, deadline, |alarm| {
        waker_registry::wait_on_channel(here, &what, leave, || alarm.has_gone_off(), poll)
    })
}

/// Blocks the thread; `None` if the time is over.
fn block<R>(
    timeout: Option<Duration>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> Option<R> {
    // A time that no clock reaches is none.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let signal = Arc::new(Signal {
        thread: thread::current(),
        is_set: AtomicBool::new(false),
    });
    let waker = Waker::from(Arc::clone(&signal));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(result) = poll(&mut context) {
            return Some(result);
        }
        while !signal.is_set.swap(false, Ordering::AcqRel) {
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(Duration::ZERO) => return None,
                Some(left) => thread::park_timeout(left),
            }
        }
    }
}

/// Wakes a thread that waits. Others may unpark it too, for reasons of their own.
struct Signal {
    thread: Thread,
    is_set: AtomicBool,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.is_set.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// One who waits in a room, until it has got something or goes.
struct Visit<'a> {
    event_count: &'a EventCount<Waker>,
    /// Its place, once it has entered.
    ticket: Cell<Option<Ticket>>,
    is_in: Cell<bool>,
}

impl Visit<'_> {
    fn poll<R>(
        &self,
        context: &mut Context<'_>,
        attempt: &mut impl FnMut() -> Option<R>,
    ) -> Poll<R> {
        if self.is_in.take() {
            // If it was called, it either takes something now or enters again.
            let _was_called = !self
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
        self.is_in.set(true);
        // It is counted from here on: what was made available before is seen now.
        match attempt() {
            Some(result) => {
                self.go();
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    }

    /// Leaves, without use for a call that has come meanwhile.
    fn go(&self) {
        if self.is_in.take()
            && let Some(ticket) = self.ticket.get()
            && !self.event_count.unregister(ticket)
        {
            pass_on(self.event_count);
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.go();
    }
}
