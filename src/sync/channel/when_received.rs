//! [`WhenReceived`]: the wait for an item of a channel, among other waits.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::Receiver;
use super::end::Waiter;
use super::error::RecvError;
use crate::runtime::first::{Arm, End, Wait, sealed::Sealed};
use crate::runtime::threads::waker_registry::OnChannel;
use crate::util::event_count::EventCount;

pub(super) struct WhenReceived<'a, T> {
    receiver: &'a Receiver<T>,
    event_count: &'a EventCount<Waker>,
    found: Option<Result<T, RecvError>>,
    linked: Option<Linked<'a>>,
}

/// A wait that has begun.
struct Linked<'a> {
    on_channel: OnChannel<'a>,
    waiter: Rc<Waiter<'a>>,
}

impl<'a, T> WhenReceived<'a, T> {
    pub(super) fn new(receiver: &'a Receiver<T>, event_count: &'a EventCount<Waker>) -> Self {
        Self {
            receiver,
            event_count,
            found: None,
            linked: None,
        }
    }

    /// Takes an item, or registers with the channel.
    fn poll(&mut self) -> bool {
        let receiver = self.receiver;
        if let Some(linked) = &self.linked {
            let mut context = linked.on_channel.context();
            let polled = linked.waiter.poll(&mut context, &mut || attempt(receiver));
            self.found = match polled {
                Poll::Ready(result) => Some(result),
                Poll::Pending => None,
            };
        }
        self.found.is_some()
    }
}

fn attempt<T>(receiver: &Receiver<T>) -> Option<Result<T, RecvError>> {
    match receiver.try_recv() {
        Err(RecvError::Empty) => None,
        result => Some(result),
    }
}

impl<T> Sealed for WhenReceived<'_, T> {}

impl<T> Wait for WhenReceived<'_, T> {
    type Output = Result<T, RecvError>;

    fn try_now(&mut self) -> Option<Result<T, RecvError>> {
        attempt(self.receiver)
    }

    fn start(&mut self, arm: Pin<&Arm>) -> bool {
        let waiter = Rc::new(Waiter::new(self.event_count));
        let theirs = Rc::clone(&waiter);
        let on_channel = OnChannel::new(arm.here(), Box::new(move || theirs.give_up()));
        self.linked = Some(Linked { on_channel, waiter });
        self.poll()
    }

    fn is_done(&mut self, _arm: Pin<&Arm>) -> bool {
        let linked = self.linked.as_ref();
        self.found.is_some()
            || linked.is_some_and(|linked| linked.on_channel.take_signal()) && self.poll()
    }

    fn leave(&mut self, _end: End) {
        debug_assert!(self.found.is_none(), "a wait that has taken an item wins");
        self.linked = None;
    }

    fn finish(&mut self, _end: End) -> Result<T, RecvError> {
        self.linked = None;
        let found = self.found.take();
        found.expect("the wait is done")
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item of a channel")
    }
}
