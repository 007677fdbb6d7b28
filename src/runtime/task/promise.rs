//! [`Promise`]: a result that is set later.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::rc::{Rc, Weak};

use super::{AnyHandle, AnyPromise, join, late_callbacks};
use crate::error::TaskError;
use crate::runtime::core::{
    Awaiting, CallbackId, Core, ExceptionContext, Function, Outcome, WaitList, context,
    next_sequence,
};
use crate::runtime::first::{Listed, Wait};
use crate::runtime::observe::{report_to, unread_result};
use crate::runtime::wait::{consume_budget, forward, forward::Cleanup as AtEnd};
use crate::util::fmt::impl_fmt;

/// A result that is set later, and that any number of tasks can wait for: asyncio's Future.
///
/// Clones are handles of the same promise. A promise belongs to the loop that made it; any executor on
/// the loop's thread can await it.
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
pub struct Promise<T: 'static>(Rc<PromiseInner<T>>);

struct PromiseInner<T: 'static> {
    state: RefCell<State<T>>,
    waiters: WaitList,
    callbacks: RefCell<Vec<(CallbackId, Done<T>)>>,
    core: Weak<Core>,
    site: &'static Location<'static>,
    is_retrieved: Cell<bool>,
    /// Called at once when the promise is done, with a value, an error or a cancel.
    at_end: Cell<Option<AtEnd>>,
}

type Done<T> = (Box<dyn FnOnce(&Promise<T>)>, &'static Location<'static>);

enum State<T> {
    Pending,
    Done(Result<T, TaskError>),
    Taken,
}

impl<T> Promise<T> {
    /// Makes a promise of the running loop.
    ///
    /// # Panics
    /// If no loop runs on this thread; `EventLoop::create_promise` needs none.
    #[track_caller]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a promise needs a running loop")]
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
        Self(Rc::new(PromiseInner {
            state: RefCell::new(State::Pending),
            waiters: WaitList::new(),
            callbacks: RefCell::default(),
            core,
            site,
            is_retrieved: Cell::new(false),
            at_end: Cell::new(None),
        }))
    }

    /// Sets the result, and wakes the waiting tasks.
    ///
    /// # Errors
    /// The value, if the promise is done or cancelled already.
    pub fn set_result(&self, value: T) -> Result<(), T> {
        let refused =
            |result: Result<T, _>| result.unwrap_or_else(|_| unreachable!("it is a value"));
        self.complete(Ok(value)).map_err(refused)
    }

    /// Sets an error instead of a result.
    ///
    /// # Errors
    /// If the promise is done or cancelled already.
    pub fn set_exception(
        &self,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Result<(), TaskError> {
        self.complete(Err(TaskError::exception(error.into())))
            .map_err(|_| TaskError::invalid_state("the promise is done already"))
    }

    /// Cancels the promise, which the waiting tasks get as their error; false if it is done.
    pub fn cancel(&self) -> bool {
        self.complete(Err(TaskError::cancelled(None))).is_ok()
    }

    /// Cancels the promise with a message; false if it is done.
    pub fn cancel_with(&self, message: impl Into<String>) -> bool {
        let error = TaskError::cancelled(Some(message.into()));
        self.complete(Err(error)).is_ok()
    }

    /// Sets an error, or drops the error if the promise is done.
    pub(crate) fn fail(&self, error: TaskError) {
        drop(self.complete(Err(error)));
    }

    /// Sets the cleanup that is called as soon as the promise is done.
    pub(crate) fn at_end(&self, f: AtEnd) {
        self.0.at_end.set(Some(f));
    }

    pub(crate) fn complete(
        &self,
        result: Result<T, TaskError>,
    ) -> Result<(), Result<T, TaskError>> {
        if let Some(at_end) = self.settle(result)? {
            // The cleanup may run user destructors, in which the task that cancels this promise may not park.
            context::without_task(at_end);
        }
        Ok(())
    }

    /// Sets the result, notifies the waiting tasks and returns the cleanup, which the caller runs. No user code runs here.
    fn settle(&self, result: Result<T, TaskError>) -> Result<Option<AtEnd>, Result<T, TaskError>> {
        let outcome = Outcome::of(&result);
        match self.0.state.try_borrow_mut() {
            Ok(mut state) if matches!(*state, State::Pending) => *state = State::Done(result),
            // If the state is borrowed, a reader looks at the result: the promise is done.
            _ => return Err(result),
        }
        let mut callbacks = self.0.callbacks.take();
        if let Some(core) = self.0.core.upgrade() {
            for (id, (function, site)) in callbacks.drain(..) {
                self.0.waiters.notify_before(id.0, outcome);
                core.call_soon(self.bind(function), site);
            }
        }
        self.0.waiters.notify_all(outcome);
        let at_end = self.0.at_end.take();
        // Without a loop, the callbacks are dropped uncalled, as the last step, because their destructors are user code.
        drop(callbacks);
        Ok(at_end)
    }

    /// The call of a done callback for this promise.
    fn bind(&self, function: Box<dyn FnOnce(&Self)>) -> Function {
        let promise = self.clone();
        Box::new(move || function(&promise))
    }

    /// Whether the promise has a result or an error.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match self.0.state.try_borrow() {
            Ok(state) => !matches!(*state, State::Pending),
            Err(_) => true,
        }
    }

    /// Whether the promise was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.error().is_some_and(|error| error.is_cancelled())
    }

    /// The result, without waiting.
    ///
    /// # Errors
    /// The error that was set; a cancel; that the promise has no result yet, or that the result was taken.
    pub fn result(&self) -> Result<T, TaskError>
    where
        T: Clone,
    {
        self.with_result(|result| result.cloned().map_err(Clone::clone))?
    }

    /// Calls a function with the result, without waiting.
    ///
    /// # Errors
    /// If there is no result yet, or it was taken.
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
            Ok(State::Taken) | Err(_) => Err(TaskError::invalid_state(TAKEN)),
        }
    }

    /// The error that was set, `None` if there is a result: an `Err` in the result still counts as unread.
    ///
    /// # Errors
    /// If the promise was cancelled, or is not done.
    pub fn exception(&self) -> Result<Option<TaskError>, TaskError> {
        let was_read = self.0.is_retrieved.get();
        let exception = self.with_result(|result| result.err().cloned())?;
        self.0.is_retrieved.set(was_read || exception.is_some());
        match exception {
            Some(error) if error.is_cancelled() => Err(error),
            exception => Ok(exception),
        }
    }

    /// May suspend: waits until there is a result, and returns a clone of it.
    ///
    /// # Errors
    /// The error that was set; a cancel of the promise by another task; that the promise can't be waited
    /// for here: outside of a task, or on another loop.
    ///
    /// # Cancellation
    /// A cancel of the waiting task cancels the promise, so that all waiting tasks get that error.
    pub fn wait(&self) -> Result<T, TaskError>
    where
        T: Clone,
    {
        self.wait_done()?;
        self.result()
    }

    /// May suspend: waits until there is a result, and moves it out. Later calls get an error.
    ///
    /// # Errors
    /// As [`wait`](Self::wait); that the result was taken by another call.
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
                "the result of the promise can't be taken inside of `with_result`",
            ));
        };
        match std::mem::replace(&mut *state, State::Taken) {
            State::Done(result) => result,
            State::Pending | State::Taken => Err(TaskError::invalid_state(TAKEN)),
        }
    }

    /// The wait until the promise is done, for [`select!`](crate::select) and [`first`](crate::task::first()). A cancel
    /// of the waiting task does not cancel the promise. The wait panics if the promise belongs to another loop.
    pub fn when_done(&self) -> impl Wait<Output = ()> {
        Listed(AnyHandle::promise(self))
    }

    fn wait_done(&self) -> Result<(), TaskError> {
        if self.is_done() {
            consume_budget(1);
            return Ok(());
        }
        // Waiting keeps the list of waiting tasks alive.
        let this = self.clone();
        join::wait_done(AnyHandle::promise(&this))
    }

    /// Schedules a function for when the promise is done: the loop calls the function after the callbacks
    /// that are queued by then. For a promise that is done, the call comes in the next iteration.
    #[track_caller]
    pub fn add_done_callback(&self, f: impl FnOnce(&Self) + 'static) -> CallbackId {
        self.add_callback_at(Box::new(f), Location::caller())
    }

    fn add_callback_at(
        &self,
        function: Box<dyn FnOnce(&Self)>,
        site: &'static Location<'static>,
    ) -> CallbackId {
        let id = CallbackId(next_sequence());
        if self.is_done() {
            late_callbacks::offer(&self.0.core, self.bind(function), site);
        } else {
            self.0.callbacks.borrow_mut().push((id, (function, site)));
        }
        id
    }

    /// Removes a callback, and drops it; false if it was called or removed before.
    pub fn remove_done_callback(&self, id: CallbackId) -> bool {
        let mut callbacks = self.0.callbacks.borrow_mut();
        let index = callbacks.iter().position(|entry| entry.0 == id);
        let removed = index.map(|index| callbacks.remove(index));
        // Its captures are dropped here, where nothing is borrowed.
        drop(callbacks);
        removed.is_some()
    }

    /// Removes and drops all callbacks, and returns how many there were.
    pub fn clear_done_callbacks(&self) -> usize {
        self.0.callbacks.take().len()
    }
}

const TAKEN: &str = "the result of the promise has been taken";

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
        self.settle(Err(error)).map(forward::after_walk).is_ok()
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

impl_fmt!([T] Debug for Promise<T>, |this, f| {
    let state = match this.0.state.try_borrow().as_deref() {
        Ok(State::Pending) => "pending",
        Ok(State::Done(Err(error))) if error.is_cancelled() => "cancelled",
        _ => "finished",
    };
    f.debug_struct("Promise")
        .field("state", &format_args!("{state}"))
        .field("created_at", &format_args!("{}", this.0.site))
        .finish_non_exhaustive()
});

impl<T: 'static> Drop for PromiseInner<T> {
    fn drop(&mut self) {
        if !self.is_retrieved.get()
            && let State::Done(result) = self.state.get_mut()
            && let Some(error) = unread_result(result.as_ref())
        {
            let context = ExceptionContext::new("Promise exception was never retrieved")
                .with_exception(error)
                .with_subject("promise", format!("made at {}", self.site));
            report_to(self.core.upgrade().as_deref(), &context);
        }
    }
}
