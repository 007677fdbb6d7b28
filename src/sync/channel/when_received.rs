//! [`WhenReceived`]: the wait for an item of a channel, among other waits.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use super::end::Waiter;
use super::error::RecvError;
use super::shared::Shared;
use crate::runtime::first::{Arm, End, Wait, sealed::Sealed};
use crate::runtime::threads::waker_registry::OnChannel;

pub(super) struct WhenReceived<'a, T> {
    channel: &'a Shared<T>,
    found: Option<Result<T, RecvError>>,
    linked: Option<Linked<'a>>,
}

/// A wait that has begun.
struct Linked<'a> {
    on_channel: OnChannel<'a>,
    waiter: Rc<Waiter<'a>>,
}

impl<'a, T> WhenReceived<'a, T> {
    pub(super) fn new(channel: &'a Shared<T>) -> Self {
        Self {
            channel,
            found: None,
            linked: None,
        }
    }

    /// Takes an item, or registers with the channel.
    fn poll(&mut self) -> bool {
        let channel = self.channel;
        if let Some(linked) = &self.linked {
            let mut context = linked.on_channel.context();
            let polled = linked.waiter.poll(&mut context, &mut || attempt(channel));
            self.found = match polled {
                Poll::Ready(result) => Some(result),
                Poll::Pending => None,
            };
        }
        self.found.is_some()
    }
}

fn attempt<T>(channel: &Shared<T>) -> Option<Result<T, RecvError>> {
    match channel.pop() {
        Err(RecvError::Empty) => None,
        result => Some(result),
    }
}

impl<T> Sealed for WhenReceived<'_, T> {}

impl<T> Wait for WhenReceived<'_, T> {
    type Output = Result<T, RecvError>;

    fn try_now(&mut self) -> Option<Result<T, RecvError>> {
        attempt(self.channel)
    }

    fn start(&mut self, arm: Pin<&Arm>) -> bool {
        let waiter = Rc::new(Waiter::new(&self.channel.receivers));
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
