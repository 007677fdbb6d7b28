//! What a loop is handed callbacks by, and their handles: [`CallbackHandle`] and [`TimerHandle`].

use std::panic::Location;
use std::rc::{Rc, Weak};
use std::time::Instant;

use crate::error::TaskError;
use crate::runtime::core::{Callback, Nanoseconds};
use crate::runtime::scheduler::{FORKED, Loop};
use crate::runtime::task::Promise;
use crate::runtime::threads::blocking;
use crate::runtime::time::{Key, Timers};
use crate::util::fmt::impl_debug;

impl Loop {
    pub(crate) fn call_soon(
        &self,
        f: Box<dyn FnOnce()>,
        site: &'static Location<'static>,
    ) -> CallbackHandle {
        self.receive_messages();
        CallbackHandle(self.core.call_soon(f, site))
    }

    pub(crate) fn run_in_executor<T: Send + 'static>(
        &self,
        site: &'static Location<'static>,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> Promise<T> {
        let core = self.core.weak();
        if self.is_forked() {
            // The pool's threads exist in the parent process only.
            let promise = Promise::of(core, site);
            promise.fail(TaskError::misuse(FORKED));
            return promise;
        }
        blocking::promise(core, &self.waits, site, f)
    }

    pub(crate) fn call_at(
        &self,
        deadline: Nanoseconds,
        f: Box<dyn FnOnce()>,
        site: &'static Location<'static>,
    ) -> TimerHandle {
        let callback = Callback::new(f, site);
        if deadline <= self.core.clock.now() {
            // A timer that is due joins the next iteration.
            self.core.run_queue.poll_soon();
        }
        TimerHandle {
            key: self.timers.call_at(deadline, Rc::clone(&callback)),
            callback,
            timers: Rc::downgrade(&self.timers),
            when: self.core.clock.instant_of(deadline),
        }
    }
}

/// A queued callback.
#[derive(Clone, Debug)]
#[doc(alias = "Handle")]
pub struct CallbackHandle(Rc<Callback>);

impl CallbackHandle {
    /// Cancels the callback: it is dropped now, uncalled.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether the callback was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// A callback that waits for its deadline.
#[derive(Clone)]
pub struct TimerHandle {
    callback: Rc<Callback>,
    timers: Weak<Timers>,
    key: Key,
    when: Instant,
}

impl TimerHandle {
    /// Cancels the callback: it is dropped now, uncalled.
    pub fn cancel(&self) {
        if let Some(timers) = self.timers.upgrade() {
            timers.cancel(self.key);
        }
        self.callback.cancel();
    }

    /// Whether the callback was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.callback.is_cancelled()
    }

    /// The callback's deadline, on the loop's clock.
    #[must_use]
    pub fn when(&self) -> Instant {
        self.when
    }
}

impl_debug!(TimerHandle, |this| { callback: this.callback, when: this.when });
