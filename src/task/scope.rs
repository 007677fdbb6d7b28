//! [`scope`]: tasks that borrow, within a closure.
//!
//! The scope's frame is on the stack of the task that opened it, the host, and children may borrow from the
//! frames around it. So the frame is left, by return or by unwind, only when each child has ended and its
//! captures and its result are dropped; if a child can't be ended, the frame is never left: see
//! [`ScopeState::wait_for_all`]. Soundness does not depend on the handles, which own nothing. ARCHITECTURE.md
//! has the whole argument, under "Scopes of tasks".

#![allow(unsafe_code)]

use std::cell::RefCell;
use std::error::Error;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::rc::Rc;

use super::scoped_task::{AnyResultSlot, InSlot, ResultSlot, ScopedTask};
use super::spawn::Builder;
use crate::coroutine::{OpenFrame, Payload};
use crate::error::WaitError;
use crate::error::{ScopeError, TaskError};
use crate::runtime::cancel::{EndsAfter, ScopeState};
use crate::runtime::core::{
    ExceptionContext, Packet, ParentScope, RUNNABLE, TaskContext, cancel_frame, context,
};
use crate::runtime::observe::unread_error;
use crate::runtime::task::{MAX_MOVED, SpawnOptions, expect_task, prepare_for};
use crate::runtime::wait::{consume_budget, delivery, task_context};
use crate::util::fmt::impl_debug;

/// May suspend: spawns tasks that may borrow from the frames around the call, as [`std::thread::scope`] does
/// for threads, and waits for all of them: asyncio's TaskGroup.
///
/// The tasks need not be `Send`, and may spawn more tasks in the scope. When one fails, by a panic or by the
/// error of [`Scope::spawn_fallible`], its siblings and the closure are cancelled. When the closure panics or
/// is cancelled, all tasks are cancelled; an `Err` that it returns is a value like others, unless the scope is a
/// [`try_scope`](crate::task::try_scope). In each case the scope returns, or unwinds, when all tasks are done
/// and their captures and results are dropped.
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
/// # Ok::<(), selvedge::error::ScopeError>(())
/// ```
///
/// While a scope is open, the coroutine on whose stack it is can't suspend to its resumer.
///
/// # Errors
/// The errors of all children that failed; a child that was cancelled has not failed. Where nothing can be
/// waited for (outside of a loop, in a callback, while the thread is panicking), spawning fails, which is an
/// error of the scope.
///
/// # Panics
/// With the panic of the closure, when all children are done; their errors then go to the loop's exception
/// handler.
///
/// If a child can't be ended (it was abandoned itself, or catches each unwind while its loop closes), the
/// scope can't return: the host is abandoned as well, and its stack leaked as it is. If the host is the main
/// task of `run`, the process prints the reason and aborts.
///
/// # Cancellation
/// A cancel of the host is forwarded to the children. When all are done, the scope unwinds; if some failed, it
/// returns their errors, and the cancel is delivered at the next suspension.
pub fn scope<'env, F, T>(f: F) -> Result<T, ScopeError>
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    if const { size_of::<T>() > MAX_MOVED } {
        scope_moving(|s| Box::new(f(s))).map(|value| *value)
    } else {
        scope_moving(f)
    }
}

/// As [`scope`], for a small value, which may be moved several times.
fn scope_moving<'env, F, T>(f: F) -> Result<T, ScopeError>
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let Ended { body, mut noted } = open(EndsAfter::Failure, f);
    match body {
        BodyEnd::Panicked(payload) => {
            noted.report("Task failed in a scope that was unwound");
            noted.redeliver_requests();
            resume_unwind(payload)
        }
        BodyEnd::Cancelled(Some(payload)) if noted.errors.is_empty() => resume_unwind(payload),
        BodyEnd::Returned(value) if noted.errors.is_empty() && !noted.is_cancelled => Ok(value),
        body => {
            noted.is_cancelled |= matches!(body, BodyEnd::Cancelled(Some(_)));
            noted.drop(body);
            match noted.here {
                Ok(here) if noted.errors.is_empty() => delivery::raise(here),
                _ => {}
            }
            noted.redeliver_requests();
            Err(ScopeError::new(noted.errors))
        }
    }
}

/// How a scope ended.
pub(super) struct Ended<T> {
    pub(super) body: BodyEnd<T>,
    pub(super) noted: Noted,
}

/// The errors that a scope has noted, and a cancel.
pub(super) struct Noted {
    here: Result<TaskContext, WaitError>,
    /// Whether a cancel of the host, which came while it waited for the children, is still to be delivered.
    is_cancelled: bool,
    errors: Vec<TaskError>,
    /// This is closed last, after destructors of results and errors, and the exception handler,
    /// have run.
    _frame: OpenFrame,
}

/// How the closure ended.
pub(super) enum BodyEnd<T> {
    Returned(T),
    /// By a cancel; without a payload if the scope itself has cancelled the closure.
    Cancelled(Option<Payload>),
    Panicked(Payload),
}

impl Noted {
    /// Drops a value that is not returned, and notes a panic or a cancel of its destructor.
    fn drop<T>(&mut self, value: T) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
            self.note(payload);
        }
    }

    fn note(&mut self, payload: Payload) {
        if self
            .here
            .is_ok_and(|here| delivery::is_cancel(&payload, here.task))
        {
            self.is_cancelled = true;
        } else {
            self.errors.push(TaskError::panic(payload));
        }
    }

    /// Makes the next suspension deliver the cancel that the scope has taken.
    pub(super) fn redeliver_cancel(&self) {
        if self.is_cancelled {
            self.redeliver_requests();
        }
    }

    /// Makes the next suspension deliver all requests that were not taken back, including requests that the body has
    /// caught.
    fn redeliver_requests(&self) {
        if let Ok(here) = self.here {
            cancel_frame::redeliver(here.task);
        }
    }

    /// Reports errors that can't be returned to the loop's exception handler.
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
pub(super) fn open<'env, F, T>(until: EndsAfter, f: F) -> Ended<T>
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    consume_budget(1);
    let scope = Scope {
        state: ScopeState::new(task_context(), until),
        slots: ManuallyDrop::default(),
        scope: PhantomData,
        env: PhantomData,
    };
    let frame = OpenFrame::open_for_task();
    if let Some(own) = scope.state.own_frame() {
        // SAFETY: the scope stays here; `leave_body` unlinks the frame after the body, which does not unwind; and the task is
        // abandoned with this open frame.
        unsafe { own.link() };
    }
    let result = catch_unwind(AssertUnwindSafe(|| f(&scope)));
    let unwinding = AbortOnUnwind;
    let host = scope.state.host();
    let is_own = scope.state.leave_body();
    let body = match result {
        Ok(value) => BodyEnd::Returned(value),
        Err(payload) if host.is_some_and(|task| delivery::may_be_caught(&payload, task)) => {
            BodyEnd::Cancelled((!is_own).then_some(payload))
        }
        Err(payload) => BodyEnd::Panicked(payload),
    };
    match (&body, host) {
        (BodyEnd::Cancelled(Some(_)), Some(host)) => scope.state.pass_on(host),
        (BodyEnd::Returned(_), _) if until == EndsAfter::Failure => {}
        _ => scope.state.end(),
    }
    let mut noted = Noted {
        here: scope.state.here(),
        is_cancelled: false,
        errors: Vec::new(),
        _frame: frame,
    };
    scope.end_all(&mut noted);
    std::mem::forget(unwinding);
    Ended { body, noted }
}

/// Guards the invariant that nothing unwinds while children are left.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        std::process::abort();
    }
}

/// Spawns tasks that may borrow: see [`scope`].
pub struct Scope<'scope, 'env: 'scope> {
    pub(super) state: ScopeState,
    /// The slots in which the children store their values. `end_all` empties the list; it has no destructor of
    /// its own, so that the scope can be borrowed for all of `'scope`.
    slots: ManuallyDrop<RefCell<Vec<Rc<dyn AnyResultSlot + 'scope>>>>,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope> Scope<'scope, '_> {
    /// Spawns a task in the scope. It begins in the loop's next iteration. Both the closure and the scope's
    /// tasks may call this.
    ///
    /// When the scope is ending, because a child has failed or the scope was cancelled, the function is dropped,
    /// and the task's `join` returns an error that says so.
    ///
    /// # Panics
    /// If there is no stack; [`Builder::spawn_scoped`] returns that as an error.
    #[track_caller]
    pub fn spawn<T, F>(&'scope self, f: F) -> ScopedTask<'scope, T>
    where
        T: 'scope,
        F: FnOnce() -> T + 'scope,
    {
        let options = SpawnOptions::new(Location::caller());
        expect_task(self.make(options, || Ok(f())))
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
        expect_task(self.make(options, || Ok(f())))
    }

    /// Spawns a task in the scope whose `Err` is a failure, which ends the scope.
    ///
    /// # Errors
    /// [`scope`](crate::scope()) gets the error of `f`. `spawn_fallible` itself does not fail.
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
        expect_task(self.make(SpawnOptions::new(Location::caller()), body))
    }

    /// Cancels all tasks of the scope that are not done, and refuses new ones. The closure continues. This is
    /// not a failure.
    pub fn cancel(&self) {
        self.state.cancel();
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
        let slot = ResultSlot::new();
        let packet = Packet::<()>::new();
        // SAFETY: what the body and its result borrow lives for 'scope, which does not end before `open` is
        // left. `open` waits for the task, or is never left.
        let task = unsafe {
            let destination = InSlot(Rc::clone(&slot), packet.place());
            let share = packet.erase();
            prepare_for(&here.core, options, body, share, destination, unread_error)?
        };
        task.scope.set(Some(NonNull::from(&self.state)));
        let spawner = context::current().and_then(|core| core.current());
        if let Some(deadline) = spawner.and_then(|task| task.io_deadline()) {
            task.with_extras(|extras| extras.io_deadline = Some(deadline));
        }
        self.state.admit(packet.erase());
        self.keep_track(Rc::clone(&slot) as Rc<dyn AnyResultSlot + 'scope>);
        task.set(RUNNABLE);
        here.core.run_queue.push_task(task, task.parked.get());
        Ok(ScopedTask::new(slot, packet, here.core.weak()))
    }

    /// Adds a slot, and removes those without another share: they are empty.
    fn keep_track(&self, slot: Rc<dyn AnyResultSlot + 'scope>) {
        let mut slots = self.slots.borrow_mut();
        if slots.len() == slots.capacity() {
            slots.retain(|slot| Rc::strong_count(slot) > 1);
        }
        slots.push(slot);
    }

    /// Waits for the children, and drops the values that are left, the newest first. Repeats that until neither
    /// is left: a destructor may spawn.
    fn end_all(&self, noted: &mut Noted) {
        loop {
            noted.is_cancelled |= self.state.wait_for_all();
            // The borrow ends here, before the destructor runs.
            let slot = self.slots.borrow_mut().pop();
            let Some(slot) = slot else { break };
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| slot.clear())) {
                noted.note(payload);
                self.state.end();
            }
        }
        self.state.close();
        drop(self.slots.take());
        drop(noted.errors.splice(..0, self.state.take_errors()));
        // The error is returned, and the cancel is delivered afterwards.
        noted.is_cancelled &= !self.state.has_body_failed();
    }
}

impl Builder {
    /// Spawns the task in a scope.
    ///
    /// ```
    /// let name = selvedge::run(|| {
    ///     selvedge::scope(|s| {
    ///         let builder = selvedge::Task::builder().name("heddle");
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

impl_debug!(Scope<'_, '_>, |_| {});
