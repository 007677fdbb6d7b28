//! [`Event`]: a flag that tasks wait for.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::made_at::MadeAt;
use crate::runtime::core::{Awaiting, WaitList};
use crate::runtime::first::{Listed, Source, Wait};
use crate::runtime::wait::{consume_budget, here_or_panic};
use crate::util::fmt::impl_debug;

/// A flag that any number of tasks can wait for: asyncio's Event.
///
/// Clones are the same event.
///
/// ```
/// use selvedge::sync::Event;
///
/// selvedge::run(|| {
///     let is_dry = Event::new();
///     let weaver = selvedge::spawn({
///         let is_dry = is_dry.clone();
///         move || is_dry.wait()
///     });
///     selvedge::yield_now();
///     assert!(!weaver.is_done());
///     is_dry.set();
///     weaver.join().unwrap();
/// });
/// ```
#[derive(Clone)]
pub struct Event(Rc<Inner>);

struct Inner {
    is_set: Cell<bool>,
    waiters: WaitList,
    site: &'static Location<'static>,
}

impl Event {
    /// Creates an event that is not set.
    #[track_caller]
    #[must_use]
    pub fn new() -> Self {
        Self(Rc::new(Inner {
            is_set: Cell::new(false),
            waiters: WaitList::new(),
            site: Location::caller(),
        }))
    }

    /// May suspend: waits until the event is set. It does not suspend if the event is set.
    ///
    /// A task that waits when the event is set returns, even if the event was cleared since.
    ///
    /// # Panics
    /// If it has to wait and no task is running, or the thread is panicking.
    ///
    /// # Cancellation
    /// The event does not change.
    #[track_caller]
    pub fn wait(&self) {
        consume_budget(1);
        if !self.is_set() {
            self.0.waiters.wait(here_or_panic(), &self.what(), || false);
        }
    }

    /// The wait until the event is set, for [`select!`](crate::select) and [`first`](crate::task::first()).
    ///
    /// A task that waits when the event is set returns, even if the event was cleared since.
    pub fn when_set(&self) -> impl Wait<Output = ()> {
        Listed(self)
    }

    /// Sets the event, and wakes all waiting tasks.
    pub fn set(&self) {
        self.0.is_set.set(true);
        self.0.waiters.wake_all();
    }

    /// Clears the event: later calls of `wait` wait until it is set again.
    ///
    /// ```
    /// let event = selvedge::sync::Event::new();
    /// event.set();
    /// event.wait();
    /// event.clear();
    /// assert!(!event.is_set());
    /// ```
    pub fn clear(&self) {
        self.0.is_set.set(false);
    }

    /// Whether the event is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.is_set.get()
    }

    fn what(&self) -> MadeAt {
        MadeAt("the event", self.0.site)
    }
}

impl Source for &Event {
    type Output = ();

    fn try_now(&self) -> Option<()> {
        self.is_set().then_some(())
    }

    fn with_list(&self, f: impl FnOnce(&WaitList)) {
        f(&self.0.waiters);
    }

    fn finish(&self, _is_handed: bool) {}

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what().describe(f)
    }
}

impl Default for Event {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl_debug!(Event, |this| { is_set: this.is_set(), created_at: format_args!("{}", this.0.site) });
