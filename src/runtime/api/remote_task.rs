//! [`RemoteTask`]: a task that another thread has spawned on a loop.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use super::LoopHandle;
use crate::coroutine::{drop_quietly, wake};
use crate::error::WaitError;
use crate::error::{LoopError, TaskError};
use crate::runtime::cancel::request;
use crate::runtime::core::{TaskId, context, default_name};
use crate::runtime::observe::{report_unretrieved, unread_error};
use crate::runtime::scheduler::current;
use crate::runtime::task::{SpawnOptions, Task, try_spawn_on};
use crate::runtime::threads::waker_registry;
use crate::runtime::wait::task_context;
use crate::util::fmt::impl_debug;
use crate::util::lock::{ignore_poison, lock};

/// A task that another thread has spawned on a loop.
///
/// A thread or a task of any loop can join it, and any executor can await it. Dropping it detaches the task.
pub struct RemoteTask<T> {
    pub(crate) shared: Arc<Shared<T>>,
    pub(crate) handle: LoopHandle,
}

impl LoopHandle {
    /// Spawns a task on the loop's thread.
    ///
    /// # Errors
    /// The function, if the loop is closed.
    #[track_caller]
    pub fn spawn_threadsafe<T, F>(&self, f: F) -> Result<RemoteTask<T>, LoopError<F>>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let site = Location::caller();
        let shared = Arc::new(Shared::new());
        let reply = Reply(Arc::clone(&shared));
        self.push_call(site, f, move |f| reply.start(site, f))?;
        Ok(RemoteTask {
            shared,
            handle: self.clone(),
        })
    }
}

impl<T: Send + 'static> RemoteTask<T> {
    /// May suspend: waits until the task is done, and returns its value. Parks a task; blocks a thread that has no loop.
    ///
    /// # Errors
    /// The task's error. An error if its loop was closed first, or this code can't wait: in a callback, or while
    /// panicking.
    ///
    /// # Cancellation
    /// The remote task goes on.
    pub fn join(self) -> Result<T, TaskError> {
        // The waker of an earlier poll. Its destructor is an executor's code, which must not run during the
        // wait.
        let polled_by = lock(&self.shared.state).waker.take();
        drop(polled_by);
        match task_context() {
            Ok(_) if !self.is_done() && self.is_stuck_here() => Err(stuck()),
            Ok(here) => {
                let mut this = self;
                waker_registry::wait(here, &"a task of another thread's", |context| {
                    Pin::new(&mut this).poll(context)
                })
            }
            Err(WaitError::NoLoop) if !self.is_done() && self.is_stuck_here() => Err(stuck()),
            Err(WaitError::NoLoop) => {
                let mut state = lock(&self.shared.state);
                loop {
                    if let Some(result) = state.take() {
                        return result;
                    }
                    let condvar = &self.shared.is_done;
                    state = ignore_poison(condvar.wait(state));
                }
            }
            Err(why) => Err(TaskError::misuse(why.sentence())),
        }
    }

    /// Requests a cancel of the task.
    pub fn cancel(&self) {
        lock(&self.shared.state).is_cancelled = true;
        let shared = Arc::clone(&self.shared);
        let cancel = move || {
            let id = lock(&shared.state).task;
            if let Some((core, id)) = context::current().zip(id)
                && let Some(task) = core.find_task(id)
            {
                request::cancel(task, None);
            }
        };
        // A closed loop has ended the task already.
        drop(self.handle.call_soon_threadsafe(cancel));
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        lock(&self.shared.state).is_done
    }
}

impl<T> RemoteTask<T> {
    /// Whether the task belongs to a loop of this thread that can't run during this wait.
    fn is_stuck_here(&self) -> bool {
        let injector = &self.handle.injector();
        injector.thread == thread::current().id()
            && context::current().is_none_or(|core| core.id != injector.loop_id)
    }
}

fn stuck() -> TaskError {
    TaskError::misuse(
        "selvedge: the task belongs to a loop of this thread that does not run now, so it would be \
         waited for in vain; run that loop, or join on another thread",
    )
}

impl<T> Drop for RemoteTask<T> {
    /// An error that was never retrieved is reported on the loop's thread.
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.is_detached = true;
        let (result, task) = (state.result.take(), state.task);
        drop(state);
        if let Some(error) = result.and_then(unread) {
            let report = move || report(task, error);
            if let Err(refused) = self.handle.call_soon_threadsafe(report) {
                // The loop is closed and has no handler any more.
                refused.into_inner()();
            }
        }
    }
}

/// The error of a result that no code has read.
fn unread<T>(result: Result<T, TaskError>) -> Option<TaskError> {
    match result {
        Ok(value) => unread_error(&value),
        Err(error) => Some(error).filter(|error| !error.is_cancelled()),
    }
}

/// Reports an error that was never retrieved, on the loop's thread.
fn report(task: Option<TaskId>, error: TaskError) {
    let name = task.map_or_else(|| "a task of another thread's".to_owned(), default_name);
    report_unretrieved(context::current().as_deref(), name, error);
}

impl<T> Future for RemoteTask<T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let waker = context.waker().clone();
        let mut state = lock(&self.shared.state);
        if let Some(result) = state.take() {
            return Poll::Ready(result);
        }
        if self.is_stuck_here() {
            return Poll::Ready(Err(stuck()));
        }
        let before = state.waker.replace(waker);
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl_debug!([T] RemoteTask<T>, |this| { is_done: lock(&this.shared.state).is_done });

/// State that a remote task and its loop share.
pub(crate) struct Shared<T> {
    state: Mutex<State<T>>,
    is_done: Condvar,
}

struct State<T> {
    result: Option<Result<T, TaskError>>,
    is_done: bool,
    waker: Option<Waker>,
    task: Option<TaskId>,
    is_cancelled: bool,
    /// The remote task was dropped.
    is_detached: bool,
}

impl<T> State<T> {
    /// Takes the result; a second call returns an error that says so.
    fn take(&mut self) -> Option<Result<T, TaskError>> {
        if !self.is_done {
            return None;
        }
        let taken = || {
            Err(TaskError::invalid_state(
                "the result of the task has been taken",
            ))
        };
        Some(self.result.take().unwrap_or_else(taken))
    }
}

impl<T> Shared<T> {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                result: None,
                is_done: false,
                waker: None,
                task: None,
                is_cancelled: false,
                is_detached: false,
            }),
            is_done: Condvar::new(),
        }
    }

    fn finish(&self, result: Result<T, TaskError>) {
        let mut state = lock(&self.state);
        if state.is_done {
            drop(state);
            return drop_quietly(result);
        }
        state.is_done = true;
        if state.is_detached {
            let task = state.task;
            drop(state);
            // Detached after the task had ended, and before its result is here.
            return unread(result).map_or((), |error| report(task, error));
        }
        state.result = Some(result);
        let waker = state.waker.take();
        drop(state);
        self.is_done.notify_all();
        if let Some(waker) = waker {
            // User code, which may not wait.
            context::without_task(|| wake(waker));
        }
    }
}

/// The loop's half. Dropping it completes the remote task in every case.
pub(crate) struct Reply<T: Send + 'static>(pub(crate) Arc<Shared<T>>);

impl<T: Send + 'static> Reply<T> {
    /// On the loop's thread: spawns the task.
    pub(crate) fn start(self, site: &'static Location<'static>, f: impl FnOnce() -> T + 'static) {
        let Some(inner) = current::current() else {
            return;
        };
        if lock(&self.0.state).is_cancelled {
            drop_quietly(f);
            return self.0.finish(Err(TaskError::cancelled(None)));
        }
        match try_spawn_on(&inner.core, SpawnOptions::new(site), || Ok(f())) {
            Ok(task) => {
                lock(&self.0.state).task = Some(task.id());
                self.when_done(task);
            }
            Err(error) => self.0.finish(Err(TaskError::exception(error.into()))),
        }
    }

    fn when_done(self, task: Task<T>) {
        let view = task.task_ref();
        view.add_done_callback(move |_| {
            // Without a remote task, dropping the handle reports an error.
            let is_detached = lock(&self.0.state).is_detached;
            if !is_detached {
                self.0.finish(task.into_result());
            }
        });
    }
}

impl<T: Send + 'static> Drop for Reply<T> {
    fn drop(&mut self) {
        self.0.finish(Err(TaskError::cancelled(Some(
            "the event loop was closed before the task was done".to_owned(),
        ))));
    }
}

const _: () = {
    const fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<RemoteTask<()>>();
    assert_send_sync::<TaskError>();
};
