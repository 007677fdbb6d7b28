//! What tasks wait for together: tasks and promises, whatever the types of their results.

use std::fmt;
use std::rc::Weak;

use crate::error::TaskError;
use crate::runtime::cancel::request;
use crate::runtime::core::block::{Awaiting, ERROR_RETRIEVED, TaskPtr};
use crate::runtime::core::context::{Core, TaskContext};
use crate::runtime::core::group::{Group, Outcome};
use crate::runtime::core::packet::AnyPacket;
use crate::runtime::core::wait_list::WaitList;

/// A task or a promise of whatever type, or the reason why there is none.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct AnyHandle<'a>(Kind<'a>);

#[derive(Clone, Copy)]
enum Kind<'a> {
    Task(&'a AnyPacket, &'a Weak<Core>),
    Promise(&'a dyn AnyPromise),
    Refused(&'a TaskError),
}

/// A promise of whatever type.
pub(crate) trait AnyPromise: Awaiting {
    /// Its loop, and who waits for it.
    fn of_whom(&self) -> (&Weak<Core>, &WaitList);
    fn error(&self) -> Option<TaskError>;
    fn is_done(&self) -> bool;
    fn set_retrieved(&self);
}

impl<'a> AnyHandle<'a> {
    pub(crate) fn task(packet: &'a AnyPacket, core: &'a Weak<Core>) -> Self {
        Self(Kind::Task(packet, core))
    }

    pub(crate) fn promise(promise: &'a dyn AnyPromise) -> Self {
        Self(Kind::Promise(promise))
    }

    /// What has failed already.
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

    /// How it has ended, if it has.
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

    /// Its error, if it has ended with one.
    pub(crate) fn error(self) -> Option<TaskError> {
        match self.0 {
            Kind::Task(packet, _) => packet.error().cloned(),
            Kind::Promise(promise) => promise.error(),
            Kind::Refused(error) => Some(error.clone()),
        }
    }

    /// The task that it is, while that is not done.
    pub(crate) fn as_task(self) -> Option<TaskPtr> {
        match self.0 {
            Kind::Task(packet, _) => packet.link().task(),
            Kind::Promise(_) | Kind::Refused(_) => None,
        }
    }

    /// Calls a function with the list of those who wait for it, while it is not done.
    #[inline]
    pub(crate) fn with_waiters(self, f: impl FnOnce(&WaitList)) {
        match self.0 {
            Kind::Task(packet, _) => {
                if let Some(task) = packet.link().task() {
                    f(&task.waiters);
                }
            }
            Kind::Promise(promise) => f(promise.of_whom().1),
            Kind::Refused(_) => (),
        }
    }

    /// Parks the running task until this is done, or until `give_up` says so.
    pub(crate) fn wait(
        self,
        here: TaskContext,
        what: &dyn Awaiting,
        mut give_up: impl FnMut() -> bool,
    ) {
        let mut is_over = || self.is_done() || give_up();
        while !is_over() {
            self.with_waiters(|waiters| {
                waiters.wait(here, what, &mut is_over);
            });
        }
    }

    /// Whether it belongs to a loop.
    pub(crate) fn is_of(self, core: &Core) -> bool {
        let own = match self.0 {
            Kind::Task(_, own) => own,
            Kind::Promise(promise) => promise.of_whom().0,
            Kind::Refused(_) => return true,
        };
        std::ptr::eq(own.as_ptr(), core)
    }

    /// Asks it to end; false if it is done, or can't be cancelled.
    pub(crate) fn cancel(self) -> bool {
        match self.0 {
            Kind::Task(packet, _) => {
                let task = packet.link().task();
                task.is_some_and(|task| request::cancel(task, None))
            }
            Kind::Promise(promise) => {
                let is_cancelled = promise.cancel(None);
                request::walk_is_over();
                is_cancelled
            }
            Kind::Refused(_) => false,
        }
    }

    /// Passes a cancel on to it, if it is a promise; answers whether it is to be asked to end or was.
    pub(crate) fn pass_on(self, message: Option<&str>) -> bool {
        match self.0 {
            Kind::Task(packet, _) => packet.link().task().is_some(),
            Kind::Promise(promise) => promise.cancel(message),
            Kind::Refused(_) => false,
        }
    }

    /// Has an error of it count as retrieved, also one that it ends with later.
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

    pub(crate) fn describe(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Task(packet, _) => write!(f, "the task {}", packet.link().name()),
            Kind::Promise(promise) => promise.describe(f),
            Kind::Refused(_) => f.write_str("nothing"),
        }
    }
}

impl fmt::Debug for AnyHandle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f)
    }
}

/// What a group waits for.
pub(crate) trait Members {
    fn len(&self) -> usize;

    fn member(&self, index: usize) -> AnyHandle<'_>;
}

impl Group {
    /// Adds a member. A task that has just been made is best added before the next one is: what that
    /// touches is in the cache still.
    #[inline]
    pub(crate) fn add(&self, member: AnyHandle<'_>) {
        match member.outcome() {
            Some(outcome) => self.add_ended(outcome),
            None => member.with_waiters(|waiters| self.add_pending(waiters)),
        }
    }
}

/// Waiting for one of them.
pub(crate) struct One<'a>(pub(crate) AnyHandle<'a>);

impl Awaiting for One<'_> {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe(f)
    }

    fn tasks(&self, visit: &mut dyn FnMut(TaskPtr)) {
        self.0.as_task().into_iter().for_each(visit);
    }

    fn cancel(&self, message: Option<&str>) -> bool {
        self.0.pass_on(message)
    }
}

/// Says what a task waits for that waits for many.
pub(crate) fn describe_many(
    members: &(impl Members + ?Sized),
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    /// A list of ten thousand helps nobody.
    const SHOWN: usize = 3;
    let pending = || (0..members.len()).filter(|index| !members.member(*index).is_done());
    for (n, index) in pending().take(SHOWN).enumerate() {
        f.write_str(if n > 0 { ", " } else { "" })?;
        members.member(index).describe(f)?;
    }
    match pending().count() {
        n if n > SHOWN => write!(f, " and {} more", n - SHOWN),
        _ => Ok(()),
    }
}
