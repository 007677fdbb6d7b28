//! Tasks that borrow, within a closure.
//!
//! The scope's frame stands on the stack of the task that opened it, the host, and children may borrow
//! from around it. So that frame is left only when each child is over, with its captures and its result
//! dropped, by return or by unwind; and where a child can't be ended, never: see
//! [`ScopeState::wait_for_all`]. Handles own nothing, so it does not matter what becomes of them.
//! ARCHITECTURE.md has the whole argument, under "Scopes of tasks".

#![allow(unsafe_code)]

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::rc::Rc;

use super::scoped_task::{AnySlot, ScopedTask, Slot};
use super::spawn::Builder;
use crate::coroutine::{OpenFrame, Payload};
use crate::error::WaitError;
use crate::error::{ScopeError, TaskError};
use crate::runtime::cancel::scope_state::{ScopeState, Until};
use crate::runtime::core::block::ParentScope;
use crate::runtime::core::block::{MUST_CANCEL, SCHEDULED};
use crate::runtime::core::context::TaskContext;
use crate::runtime::core::exception_context::ExceptionContext;
use crate::runtime::task::spawn::{SpawnOptions, prepare_keeping};
use crate::runtime::wait::here::task_context;
use crate::runtime::wait::unwind;

/// May suspend: makes tasks that may borrow from the frames around the call, as
/// [`std::thread::scope`] does for threads, and waits for all of them: asyncio's TaskGroup.
///
/// The tasks need not be `Send`, and may spawn more in the scope. When one fails, by a panic or by the
/// error of [`Scope::spawn_fallible`], its siblings and the closure are cancelled. When the closure
/// panics or is cancelled, they are as well. In each case the scope returns, or unwinds, when all are
/// done, and what they captured and what they returned is dropped.
///
/// ```
/// use std::cell::Cell;
///
/// let n_words = Cell::new(0);
/// let text = String::from("warp and weft");
/// selvedge::run(|| {
///     selvedge::scope(|s| {
///         for word in text.split(' ') {
///             s.spawn(|| n_words.set(n_words.get() + usize::from(word.len() > 3)));
///         }
///     })
/// })?;
/// assert_eq!(n_words.get(), 2);
/// # Ok::<(), selvedge::ScopeError>(())
/// ```
///
/// While a scope is open, the coroutine on whose stack it is can't suspend to its resumer.
///
/// # Errors
/// The errors of all children that failed. That a child was cancelled is none. Where nothing can be
/// waited for (outside of a loop, in a callback, while the thread is panicking), spawning fails, and
/// that is an error of the scope.
///
/// # Panics
/// With what the closure panics with, when all children are done; their errors go to the loop's
/// exception handler then.
///
/// A child that can't be ended (it was abandoned itself, or goes on each time that it is unwound as its
/// loop closes) makes it impossible to return: the host is abandoned as well, its stack leaked as it is.
/// If that is the main task of `run`, the process aborts with a sentence.
///
/// # Cancellation
/// Is passed on to the children. When all are done, the scope unwinds; if some failed, it returns their
/// errors, and the cancel is met by the next suspension.
pub fn scope<'env, F, T>(f: F) -> Result<T, ScopeError>
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let Ended { body, mut rest } = open(Until::Failure, f);
    match body {
        Body::Panicked(payload) => {
            rest.report("Task failed in a scope that was unwound");
            rest.pass_cancel_on();
            resume_unwind(payload)
        }
        Body::Cancelled(Some(payload)) if rest.errors.is_empty() => resume_unwind(payload),
        Body::Returned(value) if rest.errors.is_empty() && !rest.is_cancelled => Ok(value),
        body => {
            rest.is_cancelled |= matches!(body, Body::Cancelled(Some(_)));
            rest.drop(body);
            match rest.here {
                Ok(here) if rest.errors.is_empty() => unwind::raise(here),
                _ => {}
            }
            rest.pass_cancel_on();
            Err(ScopeError::new(rest.errors))
        }
    }
}

/// How a scope came to its end.
pub(super) struct Ended<T> {
    pub(super) body: Body<T>,
    pub(super) rest: Rest,
}

/// What there is to know of that beside the closure.
pub(super) struct Rest {
    here: Result<TaskContext, WaitError>,
    /// Whether a cancel of the host is to be delivered, which came while it waited for the children.
    is_cancelled: bool,
    errors: Vec<TaskError>,
}

/// How the closure ended.
pub(super) enum Body<T> {
    Returned(T),
    /// By a cancel; by that of the scope itself if there is no payload.
    Cancelled(Option<Payload>),
    Panicked(Payload),
}

impl Rest {
    /// Drops a value that nobody gets; what its destructor unwinds with is noted.
    fn drop<T>(&mut self, value: T) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
            self.note(payload);
        }
    }

    fn note(&mut self, payload: Payload) {
        if self
            .here
            .is_ok_and(|here| unwind::is_cancel(&payload, here.task))
        {
            self.is_cancelled = true;
        } else {
            self.errors.push(TaskError::panic(payload));
        }
    }

    /// Has the next suspension meet the cancel.
    pub(super) fn pass_cancel_on(&self) {
        if let Ok(here) = self.here
            && self.is_cancelled
        {
            here.task.set(MUST_CANCEL);
        }
    }

    /// Tells the loop's exception handler of errors that can't be returned.
    pub(super) fn report(&mut self, message: &str) {
        for error in self.errors.drain(..) {
            if let Ok(here) = self.here {
                here.core
                    .report(&ExceptionContext::new(message).with_exception(error));
            }
        }
    }
}

/// Runs the closure and waits for the children.
pub(super) fn open<'env, F, T>(until: Until, f: F) -> Ended<T>
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let scope = Scope {
        state: ScopeState::new(task_context(), until),
        slots: ManuallyDrop::default(),
        scope: PhantomData,
        env: PhantomData,
    };
    let frame = OpenFrame::open_for_task();
    let result = catch_unwind(AssertUnwindSafe(|| f(&scope)));
    let unwinding = AbortOnUnwind;
    let host = scope.state.host();
    let is_own = scope.state.leave_body();
    let body = match result {
        Ok(value) => Body::Returned(value),
        Err(payload) if host.is_some_and(|task| unwind::may_be_caught(&payload, task)) => {
            Body::Cancelled((!is_own).then_some(payload))
        }
        Err(payload) => Body::Panicked(payload),
    };
    match &body {
        Body::Cancelled(Some(_)) => {
            let message = host.and_then(|task| task.message());
            scope.state.cancel(message.as_deref());
        }
        Body::Returned(_) if until == Until::Failure => {}
        _ => scope.state.end(),
    }
    let mut rest = Rest {
        here: scope.state.here(),
        is_cancelled: false,
        errors: Vec::new(),
    };
    scope.end_all(&mut rest);
    std::mem::forget(unwinding);
    drop(frame);
    Ended { body, rest }
}

/// Nothing may unwind while children are left. Nothing does; this makes sure.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        std::process::abort();
    }
}

/// Where scoped tasks are made: see [`scope`].
pub struct Scope<'scope, 'env: 'scope> {
    pub(super) state: ScopeState,
    /// Where the children leave their values. It is emptied by `end_all`; without a destructor of its
    /// own, so that the scope can be borrowed for all of `'scope`.
    slots: ManuallyDrop<RefCell<Vec<Rc<dyn AnySlot + 'scope>>>>,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope> Scope<'scope, '_> {
    /// Spawns a task in the scope. It begins in the loop's next iteration. Whoever has the scope may
    /// call this: the closure, and the tasks.
    ///
    /// When the scope is being ended, because a child has failed or it was cancelled, the function is
    /// dropped, and the task's `join` returns an error that says so.
    ///
    /// # Panics
    /// If there is no stack to be had; [`Builder::spawn_scoped`] returns that as an error.
    #[track_caller]
    pub fn spawn<T, F>(&'scope self, f: F) -> ScopedTask<'scope, T>
    where
        T: 'scope,
        F: FnOnce() -> T + 'scope,
    {
        let made = self.make(SpawnOptions::new(Location::caller()), || Ok(f()));
        made.unwrap_or_else(|error| no_task(&error))
    }

    /// Spawns a task with a name in the scope.
    ///
    /// # Panics
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_named<T, F>(&'scope self, name: impl Into<String>, f: F) -> ScopedTask<'scope, T>
    where
        T: 'scope,
        F: FnOnce() -> T + 'scope,
    {
        let mut options = SpawnOptions::new(Location::caller());
        options.name = Some(name.into());
        let made = self.make(options, || Ok(f()));
        made.unwrap_or_else(|error| no_task(&error))
    }

    /// Spawns a task in the scope whose `Err` is a failure, which ends the scope.
    ///
    /// # Panics
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_fallible<T, E, F>(&'scope self, f: F) -> ScopedTask<'scope, T>
    where
        T: 'scope,
        E: Into<Box<dyn Error + Send + Sync>>,
        F: FnOnce() -> Result<T, E> + 'scope,
    {
        let body = || f().map_err(|error| TaskError::exception(error.into()));
        let made = self.make(SpawnOptions::new(Location::caller()), body);
        made.unwrap_or_else(|error| no_task(&error))
    }

    /// Cancels all tasks of the scope that are not done, and takes no more. The closure goes on. This
    /// is no failure.
    pub fn cancel(&self) {
        self.state.cancel(None);
    }

    pub(super) fn make<T, F>(
        &'scope self,
        options: SpawnOptions,
        body: F,
    ) -> io::Result<ScopedTask<'scope, T>>
    where
        T: 'scope,
        F: FnOnce() -> Result<T, TaskError> + 'scope,
    {
        let here = match self.state.place() {
            Ok(here) => here,
            Err(error) => return Ok(ScopedTask::refused(error)),
        };
        let slot = Slot::new();
        let keep = {
            let slot = Rc::clone(&slot);
            move |value| slot.put(value)
        };
        // SAFETY: what the body and its result borrow lives for 'scope. That does not end before
        // `open` is left, which waits for the task, or is never left.
        let (task, packet) = unsafe { prepare_keeping(&here.core, options, body, keep)? };
        task.scope.set(Some(NonNull::from(&self.state)));
        self.state.admit(packet.erase());
        self.keep_track(Rc::clone(&slot) as Rc<dyn AnySlot + 'scope>);
        task.set(SCHEDULED);
        here.core.run_queue.push_task(task, task.parked.get());
        Ok(ScopedTask::new(slot, packet, here.core.weak()))
    }

    /// Notes a slot, and forgets those that nobody else has any more: they are empty.
    fn keep_track(&self, slot: Rc<dyn AnySlot + 'scope>) {
        let mut slots = self.slots.borrow_mut();
        if slots.len() == slots.capacity() {
            slots.retain(|slot| Rc::strong_count(slot) > 1);
        }
        slots.push(slot);
    }

    /// Waits for the children, and drops the values that are left, the newest first, until neither is
    /// left: a destructor may spawn.
    fn end_all(&self, rest: &mut Rest) {
        loop {
            rest.is_cancelled |= self.state.wait_for_all();
            // The borrow ends here.
            let slot = self.slots.borrow_mut().pop();
            let Some(slot) = slot else { break };
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| slot.clear())) {
                rest.note(payload);
                self.state.end();
            }
        }
        self.state.close();
        drop(self.slots.take());
        let mut errors = self.state.take_errors();
        errors.append(&mut rest.errors);
        rest.errors = errors;
    }
}

impl Builder {
    /// Spawns the task in a scope.
    ///
    /// ```
    /// let name = selvedge::run(|| {
    ///     selvedge::scope(|s| {
    ///         let builder = selvedge::task::Builder::new().name("heddle");
    ///         builder.spawn_scoped(s, || ()).unwrap().name()
    ///     })
    /// });
    /// assert_eq!(name.unwrap(), "heddle");
    /// ```
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_scoped<'scope, T, F>(
        self,
        scope: &'scope Scope<'scope, '_>,
        f: F,
    ) -> io::Result<ScopedTask<'scope, T>>
    where
        T: 'scope,
        F: FnOnce() -> T + 'scope,
    {
        scope.make(self.options(Location::caller()), || Ok(f()))
    }
}

#[cold]
#[track_caller]
fn no_task(error: &io::Error) -> ! {
    panic!("selvedge: no task: {error}")
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}
