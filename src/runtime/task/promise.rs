//! [`Promise`]: a result that someone sets later.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::rc::{Rc, Weak};

use super::any_handle::{AnyHandle, AnyPromise};
use super::join;
use super::late_callbacks;
use crate::error::TaskError;
use crate::runtime::cancel::request;
use crate::runtime::core::block::Awaiting;
use crate::runtime::core::callback::Function;
use crate::runtime::core::context::{self, Core};
use crate::runtime::core::exception_context::ExceptionContext;
use crate::runtime::core::group::Outcome;
use crate::runtime::core::id::{CallbackId, next_in_turn};
use crate::runtime::core::wait_list::WaitList;

/// A result that someone sets later, and that any number of tasks can wait for: asyncio's Future.
///
/// Clones are the same promise, of the loop that made it. Executors of its thread can await it.
///
/// ```
/// use selvedge::Promise;
///
/// let answer = selvedge::run(|| {
///     let promise = Promise::new();
///     let setter = promise.clone();
///     selvedge::spawn(move || setter.set_result(42)).detach();
///     promise.wait()
/// });
/// assert_eq!(answer.unwrap(), 42);
/// ```
#[doc(alias = "Future")]
pub struct Promise<T: 'static>(Rc<Inner<T>>);

struct Inner<T: 'static> {
    state: RefCell<State<T>>,
    waiters: WaitList,
    callbacks: RefCell<Vec<(CallbackId, Done<T>)>>,
    core: Weak<Core>,
    site: &'static Location<'static>,
    is_retrieved: Cell<bool>,
    at_end: Cell<Option<AtEnd>>,
}

/// What this library has to do at once when a promise is done, however that came.
type AtEnd = request::Rest;

type Done<T> = (Box<dyn FnOnce(&Promise<T>)>, &'static Location<'static>);

enum State<T> {
    Pending,
    Done(Result<T, TaskError>),
    Taken,
}

impl<T> Promise<T> {
    /// A promise of the running loop.
    ///
    /// # Panics
    /// If no loop runs on this thread; `EventLoop::create_promise` needs none.
    #[track_caller]
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "it needs a loop, which not every place has"
    )]
    pub fn new() -> Self {
        match context::current() {
            Some(core) => Self::of(core.weak(), Location::caller()),
            None => panic!(
                "selvedge: no event loop runs on this thread, and a promise belongs to one; call \
                 this inside of `selvedge::run`, or use `EventLoop::create_promise`"
            ),
        }
    }

    pub(crate) fn of(core: Weak<Core>, site: &'static Location<'static>) -> Self {
        Self(Rc::new(Inner {
            state: RefCell::new(State::Pending),
            waiters: WaitList::new(),
            callbacks: RefCell::default(),
            core,
            site,
            is_retrieved: Cell::new(false),
            at_end: Cell::new(None),
        }))
    }

    /// Sets the result, which wakes whoever waits.
    ///
    /// # Errors
    /// The value, if the promise has been kept, or cancelled, already.
    pub fn set_result(&self, value: T) -> Result<(), T> {
        match self.complete(Ok(value)) {
            Ok(()) => Ok(()),
            Err(Ok(value)) => Err(value),
            Err(Err(_)) => unreachable!("what is refused is what was given"),
        }
    }

    /// Sets an error instead of a result.
    ///
    /// # Errors
    /// That the promise has been kept, or cancelled, already.
    pub fn set_exception(
        &self,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Result<(), TaskError> {
        self.complete(Err(TaskError::exception(error.into())))
            .map_err(|_| TaskError::invalid_state("the promise is done already"))
    }

    /// Cancels the promise, and so whoever waits for it; false if it is done.
    pub fn cancel(&self) -> bool {
        self.complete(Err(TaskError::cancelled(None))).is_ok()
    }

    /// Cancels the promise with a message; false if it is done.
    pub fn cancel_with(&self, message: impl Into<String>) -> bool {
        let error = TaskError::cancelled(Some(message.into()));
        self.complete(Err(error)).is_ok()
    }

    /// Sets an error, unless it is done.
    pub(crate) fn fail(&self, error: TaskError) {
        // What is refused is the error.
        drop(self.complete(Err(error)));
    }

    /// Has a function called as soon as the promise is done.
    pub(crate) fn at_end(&self, f: AtEnd) {
        self.0.at_end.set(Some(f));
    }

    pub(crate) fn complete(
        &self,
        result: Result<T, TaskError>,
    ) -> Result<(), Result<T, TaskError>> {
        if let Some(at_end) = self.settle(result)? {
            // It may drop what is the user's, and whoever cancels this promise must not park there.
            context::without_task(at_end);
        }
        Ok(())
    }

    /// Sets how it ended, and tells whoever waits; the caller does what is to be done at the end. No code
    /// of the user's runs here.
    fn settle(&self, result: Result<T, TaskError>) -> Result<Option<AtEnd>, Result<T, TaskError>> {
        let outcome = Outcome::of(&result);
        match self.0.state.try_borrow_mut() {
            Ok(mut state) if matches!(*state, State::Pending) => *state = State::Done(result),
            // Somebody who looks at the result has borrowed it: it is done.
            _ => return Err(result),
        }
        let callbacks = self.0.callbacks.take();
        let core = self.0.core.upgrade();
        for (id, callback) in callbacks {
            self.0.waiters.tell_before(id.0, outcome);
            if let Some(core) = &core {
                self.schedule(core, callback);
            }
        }
        self.0.waiters.tell_all(outcome);
        Ok(self.0.at_end.take())
    }

    fn schedule(&self, core: &Core, (function, site): Done<T>) {
        let promise = self.clone();
        core.call_soon(Box::new(move || function(&promise)), site);
    }

    /// Whether it has a result or an error.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match self.0.state.try_borrow() {
            Ok(state) => !matches!(*state, State::Pending),
            Err(_) => true,
        }
    }

    /// Whether it was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.error().is_some_and(|error| error.is_cancelled())
    }

    /// The result, without waiting.
    ///
    /// # Errors
    /// The error that was set; that it was cancelled; that there is no result yet, or not any more.
    pub fn result(&self) -> Result<T, TaskError>
    where
        T: Clone,
    {
        self.with_result(|result| result.cloned().map_err(Clone::clone))?
    }

    /// Calls a function with the result, without waiting.
    ///
    /// # Errors
    /// That there is no result yet, or not any more.
    pub fn with_result<R>(
        &self,
        f: impl FnOnce(Result<&T, &TaskError>) -> R,
    ) -> Result<R, TaskError> {
        match self.0.state.try_borrow().as_deref() {
            Ok(State::Done(result)) => {
                self.0.is_retrieved.set(true);
                Ok(f(result.as_ref()))
            }
            Ok(State::Pending) => Err(TaskError::invalid_state(
                "the promise has no result yet; wait for it",
            )),
            Ok(State::Taken) | Err(_) => Err(taken()),
        }
    }

    /// The error that was set, `None` if there is a result.
    ///
    /// # Errors
    /// That it was cancelled, or is not done.
    pub fn exception(&self) -> Result<Option<TaskError>, TaskError> {
        self.with_result(|result| match result {
            Err(error) if error.is_cancelled() => Err(error.clone()),
            result => Ok(result.err().cloned()),
        })?
    }

    /// May suspend: waits until there is a result, and returns a clone of it.
    ///
    /// # Errors
    /// The error that was set; that it was cancelled by somebody else; that it can't be waited for
    /// here: outside of a task, or on another loop.
    ///
    /// # Cancellation
    /// A cancel of the waiting task cancels the promise, and with it everybody who waits.
    pub fn wait(&self) -> Result<T, TaskError>
    where
        T: Clone,
    {
        self.wait_done()?;
        self.result()
    }

    /// May suspend: waits until there is a result, and moves it out. Whoever looks at it later gets an
    /// error.
    ///
    /// # Errors
    /// As [`wait`](Self::wait); that somebody else has taken it.
    ///
    /// # Cancellation
    /// As [`wait`](Self::wait).
    pub fn take(&self) -> Result<T, TaskError> {
        self.wait_done()?;
        self.try_take()
    }

    /// Moves the result out, without waiting.
    ///
    /// # Errors
    /// As [`result`](Self::result).
    pub fn try_take(&self) -> Result<T, TaskError> {
        self.with_result(|result| result.map(drop).map_err(Clone::clone))??;
        let Ok(mut state) = self.0.state.try_borrow_mut() else {
            return Err(TaskError::invalid_state(
                "the result of the promise can't be taken while somebody looks at it",
            ));
        };
        match std::mem::replace(&mut *state, State::Taken) {
            State::Done(result) => result,
            State::Pending | State::Taken => Err(taken()),
        }
    }

    fn wait_done(&self) -> Result<(), TaskError> {
        if self.is_done() {
            return Ok(());
        }
        // Waiting keeps the list of waiting tasks alive.
        let this = self.clone();
        join::wait_done(AnyHandle::promise(&this))
    }

    /// Has a function called when the promise is done, by the loop, after what is queued already. If
    /// it is done, that is in the next iteration.
    #[track_caller]
    pub fn add_done_callback(&self, f: impl FnOnce(&Self) + 'static) -> CallbackId {
        self.add_callback_at(Box::new(f), Location::caller())
    }

    fn add_callback_at(
        &self,
        function: Box<dyn FnOnce(&Self)>,
        site: &'static Location<'static>,
    ) -> CallbackId {
        let id = CallbackId(next_in_turn());
        if self.is_done() {
            let promise = self.clone();
            late_callbacks::offer(&self.0.core, Box::new(move || function(&promise)), site);
        } else {
            self.0.callbacks.borrow_mut().push((id, (function, site)));
        }
        id
    }

    /// Takes a callback back; false if it is not there (any more).
    pub fn remove_done_callback(&self, id: CallbackId) -> bool {
        let mut callbacks = self.0.callbacks.borrow_mut();
        let index = callbacks.iter().position(|entry| entry.0 == id);
        let removed = index.map(|index| callbacks.remove(index));
        // What it captured goes when nothing is borrowed.
        drop(callbacks);
        removed.is_some()
    }

    /// Takes all callbacks back; answers how many there were.
    pub fn clear_done_callbacks(&self) -> usize {
        self.0.callbacks.take().len()
    }
}

fn taken() -> TaskError {
    TaskError::invalid_state("the result of the promise has been taken")
}

impl<T> Clone for Promise<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Awaiting for Promise<T> {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a promise made at {}", self.0.site)
    }

    fn cancel(&self, message: Option<&str>) -> bool {
        let error = TaskError::cancelled(message.map(str::to_owned));
        self.settle(Err(error)).map(request::after_walk).is_ok()
    }
}

impl<T> AnyPromise for Promise<T> {
    fn core_and_waiters(&self) -> (&Weak<Core>, &WaitList) {
        (&self.0.core, &self.0.waiters)
    }

    fn error(&self) -> Option<TaskError> {
        match self.0.state.try_borrow().as_deref() {
            Ok(State::Done(Err(error))) => Some(error.clone()),
            _ => None,
        }
    }

    fn is_done(&self) -> bool {
        self.is_done()
    }

    fn set_retrieved(&self) {
        self.0.is_retrieved.set(true);
    }

    fn add_callback(&self, function: Function, site: &'static Location<'static>) -> CallbackId {
        self.add_callback_at(Box::new(|_: &Self| function()), site)
    }

    fn remove_callback(&self, id: CallbackId) -> bool {
        self.remove_done_callback(id)
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.0.state.try_borrow().as_deref() {
            Ok(State::Pending) => "pending",
            Ok(State::Done(Err(error))) if error.is_cancelled() => "cancelled",
            _ => "finished",
        };
        f.debug_struct("Promise")
            .field("state", &format_args!("{state}"))
            .field("made_at", &format_args!("{}", self.0.site))
            .finish_non_exhaustive()
    }
}

impl<T: 'static> Drop for Inner<T> {
    fn drop(&mut self) {
        if let State::Done(Err(error)) = self.state.get_mut()
            && !error.is_cancelled()
            && !self.is_retrieved.get()
            && let Some(core) = self.core.upgrade()
        {
            core.report(
                &ExceptionContext::new("Promise exception was never retrieved")
                    .with_exception(error.clone())
                    .with_subject("promise", format!("made at {}", self.site)),
            );
        }
    }
}
