//! [`AnyHandle`]: a task or a promise, without the type of its result.

use std::fmt;
use std::panic::Location;
use std::rc::Weak;

use super::late_callbacks;
use crate::error::TaskError;
use crate::runtime::cancel::request;
use crate::runtime::core::{
    AnyPacket, Awaiting, Callback, CallbackId, Core, ERROR_RETRIEVED, Function, Group, Outcome,
    TaskContext, TaskPtr, WaitList, next_sequence,
};
use crate::runtime::wait::{delivery, forward};
use crate::util::fmt::impl_fmt;

/// Type-erased view of a task or a promise, or of the error that stands in for a task.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct AnyHandle<'a>(Kind<'a>);

#[derive(Clone, Copy)]
enum Kind<'a> {
    Task(&'a AnyPacket, &'a Weak<Core>),
    Promise(&'a dyn AnyPromise),
    Refused(&'a TaskError),
}

/// Type-erased promise.
pub(crate) trait AnyPromise: Awaiting {
    /// The promise's loop, and the list of the tasks that wait for the promise.
    fn core_and_waiters(&self) -> (&Weak<Core>, &WaitList);
    fn error(&self) -> Option<TaskError>;
    fn is_done(&self) -> bool;
    fn set_retrieved(&self);
    fn add_callback(&self, function: Function, site: &'static Location<'static>) -> CallbackId;
    fn remove_callback(&self, id: CallbackId) -> bool;
}

impl<'a> AnyHandle<'a> {
    #[inline]
    pub(crate) fn task(packet: &'a AnyPacket, core: &'a Weak<Core>) -> Self {
        Self(Kind::Task(packet, core))
    }

    #[inline]
    pub(crate) fn promise(promise: &'a dyn AnyPromise) -> Self {
        Self(Kind::Promise(promise))
    }

    /// A handle that is done: the task was not made, for this reason.
    pub(crate) fn refused(error: &'a TaskError) -> Self {
        Self(Kind::Refused(error))
    }

    #[inline]
    pub(crate) fn is_done(self) -> bool {
        match self.0 {
            Kind::Task(packet, _) => packet.link().task().is_none(),
            Kind::Promise(promise) => promise.is_done(),
            Kind::Refused(_) => true,
        }
    }

    /// Outcome, or `None` while pending.
    #[inline]
    pub(crate) fn outcome(self) -> Option<Outcome> {
        self.is_done().then(|| match self.0 {
            Kind::Task(packet, _) => packet.error().map_or(Outcome::Returned, Outcome::of_error),
            Kind::Promise(promise) => {
                let error = promise.error();
                error.as_ref().map_or(Outcome::Returned, Outcome::of_error)
            }
            Kind::Refused(_) => Outcome::Failed,
        })
    }

    /// The error with which the task or promise ended; `None` while pending, and after a success.
    pub(crate) fn error(self) -> Option<TaskError> {
        match self.0 {
            Kind::Task(packet, _) => packet.error().cloned(),
            Kind::Promise(promise) => promise.error(),
            Kind::Refused(error) => Some(error.clone()),
        }
    }

    /// The error with which a task ended, `None` if it returned; for the handles' methods of that name.
    ///
    /// # Errors
    /// If the task is not done, or was cancelled.
    pub(crate) fn exception(self) -> Result<Option<TaskError>, TaskError> {
        match self.error() {
            _ if !self.is_done() => Err(not_done()),
            Some(error) if error.is_cancelled() => Err(error),
            // An `Err` in the value still counts as unread.
            None => Ok(None),
            error => {
                self.set_retrieved();
                Ok(error)
            }
        }
    }

    /// The pending task; `None` for a task that is done, and for a promise.
    pub(crate) fn as_task(self) -> Option<TaskPtr> {
        match self.0 {
            Kind::Task(packet, _) => packet.link().task(),
            Kind::Promise(_) | Kind::Refused(_) => None,
        }
    }

    /// Calls a function with the list of waiting tasks, which exists while the handle is pending.
    #[inline]
    pub(super) fn with_waiters(self, f: impl FnOnce(&WaitList)) {
        match self.0 {
            Kind::Task(packet, _) => {
                if let Some(task) = packet.link().task() {
                    f(&task.waiters);
                }
            }
            Kind::Promise(promise) => f(promise.core_and_waiters().1),
            Kind::Refused(_) => (),
        }
    }

    /// Parks the running task until the handle is done or `give_up` returns true.
    pub(crate) fn wait(self, here: TaskContext, mut give_up: impl FnMut() -> bool) {
        let mut is_over = || self.is_done() || give_up();
        while !is_over() {
            self.with_waiters(|waiters| {
                waiters.wait(here, &self, &mut is_over);
            });
        }
    }

    /// After a wait: unwinds the running task if a cancel of it was forwarded to the handle, which was
    /// cancelled by it.
    pub(crate) fn unwind_if_forwarded(self, here: TaskContext) {
        if request::take_forwarded(here.task) && self.outcome() == Some(Outcome::Cancelled) {
            self.set_retrieved();
            delivery::raise(here);
        }
    }

    /// Whether the handle belongs to a loop.
    pub(crate) fn is_of(self, core: &Core) -> bool {
        let own = match self.0 {
            Kind::Task(_, own) => own,
            Kind::Promise(promise) => promise.core_and_waiters().0,
            Kind::Refused(_) => return true,
        };
        std::ptr::eq(own.as_ptr(), core)
    }

    /// Requests a cancel; false if the handle is done or can't be cancelled.
    pub(crate) fn request_cancel(self) -> bool {
        match self.0 {
            Kind::Task(packet, _) => {
                let task = packet.link().task();
                task.is_some_and(|task| request::cancel(task, None))
            }
            Kind::Promise(promise) => {
                let is_cancelled = promise.cancel(None);
                forward::walk_is_over();
                is_cancelled
            }
            Kind::Refused(_) => false,
        }
    }

    /// Counts the error as retrieved, also an error that comes later.
    pub(crate) fn set_retrieved(self) {
        match self.0 {
            Kind::Task(packet, _) => match packet.link().task() {
                Some(task) => task.set(ERROR_RETRIEVED),
                None => packet.link().set_retrieved(),
            },
            Kind::Promise(promise) => promise.set_retrieved(),
            Kind::Refused(_) => (),
        }
    }

    /// Schedules a function for when the handle is done; in the next iteration if that is so already.
    pub(crate) fn add_callback(
        self,
        function: Function,
        site: &'static Location<'static>,
    ) -> CallbackId {
        match self.0 {
            Kind::Promise(promise) => return promise.add_callback(function, site),
            Kind::Task(packet, core) => match packet.link().task() {
                Some(task) => {
                    let callback = Callback::new(function, site);
                    return task.with_extras(|extras| extras.add_callback(callback));
                }
                None => late_callbacks::offer(core, function, site),
            },
            Kind::Refused(_) => late_callbacks::refuse(function),
        }
        CallbackId(next_sequence())
    }

    /// Removes a callback; false if it was called or removed before.
    pub(crate) fn remove_callback(self, id: CallbackId) -> bool {
        match self.0 {
            Kind::Promise(promise) => promise.remove_callback(id),
            Kind::Task(packet, _) => {
                let removed = packet.link().task().and_then(|task| {
                    task.with_extras(|extras| {
                        let index = extras.callbacks.iter().position(|entry| entry.0 == id)?;
                        Some(extras.callbacks.remove(index))
                    })
                });
                // Its captures are dropped here, where nothing is borrowed.
                removed.is_some()
            }
            Kind::Refused(_) => false,
        }
    }
}

/// What a task waits for that waits for this handle.
impl Awaiting for AnyHandle<'_> {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Task(packet, _) => write!(f, "the task {}", packet.link().name()),
            Kind::Promise(promise) => promise.describe(f),
            Kind::Refused(_) => f.write_str("nothing"),
        }
    }

    fn tasks(&self, visit: &mut dyn FnMut(TaskPtr)) {
        self.as_task().into_iter().for_each(visit);
    }

    fn cancel(&self, message: Option<&str>) -> bool {
        match self.0 {
            Kind::Task(packet, _) => packet.link().task().is_some(),
            Kind::Promise(promise) => promise.cancel(message),
            Kind::Refused(_) => false,
        }
    }
}

impl_fmt!(Debug for AnyHandle<'_>, |this, f| this.describe(f));

impl Group {
    /// Adds a member. Adding a new task before the next one is made is cheapest: the part of its block
    /// that this touches is still in the cache.
    #[inline]
    pub(crate) fn add(&self, member: AnyHandle<'_>) {
        match member.outcome() {
            Some(outcome) => self.add_ended(outcome),
            None => member.with_waiters(|waiters| self.add_pending(waiters)),
        }
    }
}

/// The error of looking for the result of a task that is not done.
pub(crate) fn not_done() -> TaskError {
    TaskError::invalid_state("the task is not done, so it has no result yet; join waits for it")
}

/// The members of a wait for many: calls a function with each of them, in order.
pub(crate) type ForEachMember<'a> = &'a dyn Fn(&mut dyn FnMut(AnyHandle<'_>));

/// Describes the pending members of a wait for many.
pub(crate) fn describe_many(
    for_each: ForEachMember<'_>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    /// A longer list would not be read.
    const N_SHOWN: usize = 3;
    let (mut n_pending, mut result) = (0, Ok(()));
    for_each(&mut |member| {
        if member.is_done() {
            return;
        }
        if n_pending < N_SHOWN && result.is_ok() {
            let separator = if n_pending > 0 { ", " } else { "" };
            result = f.write_str(separator).and_then(|()| member.describe(f));
        }
        n_pending += 1;
    });
    result?;
    match n_pending {
        n if n > N_SHOWN => write!(f, " and {} more", n - N_SHOWN),
        _ => Ok(()),
    }
}
