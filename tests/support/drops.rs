//! Values that act when they are dropped: they write to a log, or run a closure.

use std::cell::RefCell;
use std::rc::Rc;

/// A log of events, in order. Clones share one list.
#[derive(Clone, Debug, Default)]
pub struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub fn push(&self, event: impl Into<String>) {
        self.0.borrow_mut().push(event.into());
    }

    /// Returns a value that logs `event` when it is dropped.
    pub fn guard(&self, event: &'static str) -> Guard {
        Guard {
            log: self.clone(),
            event,
        }
    }

    /// Returns a closure that logs `event`.
    pub fn pusher(&self, event: &'static str) -> impl FnOnce() + 'static {
        let log = self.clone();
        move || log.push(event)
    }

    /// The events since the last call.
    pub fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

/// The result of [`Log::take`] after these events.
pub fn events<const N: usize>(events: [&str; N]) -> Vec<String> {
    events.map(String::from).to_vec()
}

#[derive(Debug)]
pub struct Guard {
    log: Log,
    event: &'static str,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.log.push(self.event);
    }
}

/// Runs a closure when it is dropped.
pub struct OnDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
