//! A loop as other threads see it: [`LoopHandle`], and [`RemoteTask`] for what they have spawned.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use super::cancel;
use super::context::{self, Nowhere};
use super::event_loop;
use super::foreign;
use super::handle::Task;
use super::injector::{Injector, Message};
use super::make::try_spawn_on;
use super::spawn::{Recipe, drop_quietly, report_unretrieved};
use super::task::TaskId;
use crate::coroutine::OpenFrame;
use crate::error::{LoopError, TaskError};

/// A handle of an event loop for other threads. As long as one exists, the loop does not take its tasks
/// for deadlocked.
///
/// ```
/// use std::thread;
///
/// let sum = selvedge::run(|| {
///     let handle = selvedge::current_loop().unwrap().handle().unwrap();
///     let promise = selvedge::Promise::new();
///     let worker = thread::spawn(move || {
///         // On the loop's thread, as a task of its own:
///         handle.spawn_threadsafe(|| 40).unwrap().join().unwrap() + 2
///     });
///     selvedge::spawn({
///         let promise = promise.clone();
///         move || {
///             while !worker.is_finished() {
///                 selvedge::sleep(std::time::Duration::from_millis(1));
///             }
///             promise.set_result(worker.join().unwrap()).unwrap();
///         }
///     })
///     .detach();
///     promise.wait()
/// });
/// assert_eq!(sum.unwrap(), 42);
/// ```
pub struct LoopHandle(Arc<Injector>);

impl LoopHandle {
    pub(super) fn new(injector: &Arc<Injector>) -> Self {
        injector.add_handle();
        Self(Arc::clone(injector))
    }

    /// Has a function called on the loop's thread, in its next iteration, and wakes the loop if it
    /// sleeps. Functions of one thread are called in the order in which they came.
    ///
    /// # Errors
    /// The function, if the loop is closed.
    #[track_caller]
    pub fn call_soon_threadsafe<F>(&self, f: F) -> Result<(), LoopError<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        let slot = Arc::new(Mutex::new(Some(f)));
        let theirs = Arc::clone(&slot);
        let call = Box::new(move || {
            let f = lock(&theirs).take();
            if let Some(f) = f {
                f();
            }
        });
        match self.0.push(Message::Call(call, Location::caller())) {
            Ok(()) => Ok(()),
            Err(refused) => {
                drop(refused);
                let f = lock(&slot)
                    .take()
                    .expect("a message that was refused was not called");
                Err(LoopError::closed(f))
            }
        }
    }

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
        let slot = Arc::new(Mutex::new(Some(f)));
        let theirs = Arc::clone(&slot);
        let call = Box::new(move || {
            let f = lock(&theirs).take();
            if let Some(f) = f {
                reply.start(site, f);
            }
        });
        match self.0.push(Message::Call(call, site)) {
            Ok(()) => Ok(RemoteTask {
                shared,
                handle: self.clone(),
            }),
            Err(refused) => {
                drop(refused);
                let f = lock(&slot)
                    .take()
                    .expect("a message that was refused was not called");
                Err(LoopError::closed(f))
            }
        }
    }

    /// Has the loop end after the iteration in which it learns of this.
    ///
    /// # Errors
    /// That it is closed.
    #[track_caller]
    pub fn stop(&self) -> Result<(), LoopError> {
        let stop = || {
            if let Some(core) = context::current() {
                core.run_queue.stop();
            }
        };
        self.call_soon_threadsafe(stop)
            .map_err(|_| LoopError::closed(()))
    }
}

impl Clone for LoopHandle {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for LoopHandle {
    fn drop(&mut self) {
        self.0.remove_handle();
    }
}

impl fmt::Debug for LoopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopHandle")
            .field("loop_id", &self.0.loop_id)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code of the user's runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a remote task and its loop share.
struct Shared<T> {
    state: Mutex<State<T>>,
    is_done: Condvar,
}

struct State<T> {
    result: Option<Result<T, TaskError>>,
    is_done: bool,
    waker: Option<Waker>,
    task: Option<TaskId>,
    is_cancelled: bool,
}

impl<T> State<T> {
    /// The result, once; then an error that says so.
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
    fn new() -> Self {
        Self {
            state: Mutex::new(State {
                result: None,
                is_done: false,
                waker: None,
                task: None,
                is_cancelled: false,
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
        state.result = Some(result);
        let waker = state.waker.take();
        drop(state);
        self.is_done.notify_all();
        if let Some(waker) = waker {
            // Somebody's code, which may not wait.
            context::without_task(|| waker.wake());
        }
    }
}

/// The loop's end: whatever becomes of it, the other side learns of it.
struct Reply<T: Send + 'static>(Arc<Shared<T>>);

impl<T: Send + 'static> Reply<T> {
    /// On the loop's thread: spawns the task.
    fn start(self, site: &'static Location<'static>, f: impl FnOnce() -> T + 'static) {
        let Some(inner) = event_loop::current() else {
            return;
        };
        if lock(&self.0.state).is_cancelled {
            drop_quietly(f);
            return self.0.finish(Err(TaskError::cancelled(None)));
        }
        match try_spawn_on(&inner.core, Recipe::new(site), || Ok(f())) {
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
            // If nobody is left to see an error, dropping the handle reports it.
            if Arc::strong_count(&self.0) > 1 {
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

/// A task that another thread has spawned on a loop.
///
/// It can be joined by a thread, by a task of any loop, or awaited by any executor. Dropping it
/// detaches the task.
pub struct RemoteTask<T> {
    shared: Arc<Shared<T>>,
    handle: LoopHandle,
}

impl<T: Send + 'static> RemoteTask<T> {
    /// May suspend: waits until the task is done, and returns what it returned. It parks a task, and
    /// blocks a thread that has no loop.
    ///
    /// # Errors
    /// How the task failed; that its loop was closed first; that it can't be waited for here, in a
    /// callback or while panicking.
    ///
    /// # Cancellation
    /// The remote task goes on.
    pub fn join(self) -> Result<T, TaskError> {
        match context::here() {
            Ok(_) if !self.is_done() && self.is_stuck_here() => Err(stuck()),
            Ok(here) => {
                let mut this = self;
                foreign::wait(here, &"a task of another thread's", |context| {
                    Pin::new(&mut this).poll(context)
                })
            }
            Err(Nowhere::NoLoop) if !self.is_done() && self.is_stuck_here() => Err(stuck()),
            Err(Nowhere::NoLoop) => {
                let mut state = lock(&self.shared.state);
                loop {
                    if let Some(result) = state.take() {
                        return result;
                    }
                    let condvar = &self.shared.is_done;
                    state = condvar.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
            Err(nowhere) => Err(TaskError::misuse(nowhere.sentence())),
        }
    }

    /// Asks the task to end.
    pub fn cancel(&self) {
        lock(&self.shared.state).is_cancelled = true;
        let shared = Arc::clone(&self.shared);
        let cancel = move || {
            let id = lock(&shared.state).task;
            if let Some((core, id)) = context::current().zip(id)
                && let Some(task) = core.find_task(id)
            {
                cancel::request(task, None);
            }
        };
        // A loop that is closed has ended it already.
        drop(self.handle.call_soon_threadsafe(cancel));
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        lock(&self.shared.state).is_done
    }
}

impl<T> RemoteTask<T> {
    /// Whether the task belongs to a loop of this thread that can't run while this is waited for.
    fn is_stuck_here(&self) -> bool {
        let injector = &self.handle.0;
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
    /// An error that nobody has fetched is reported on the loop's thread.
    fn drop(&mut self) {
        let result = lock(&self.shared.state).result.take();
        let Some(Err(error)) = result else { return };
        if !error.is_cancelled() {
            let report = move || {
                if let Some(core) = context::current() {
                    report_unretrieved(&core, "a task of another thread's".to_owned(), error);
                }
            };
            // Of a loop that is closed there is nobody to tell.
            drop(self.handle.call_soon_threadsafe(report));
        }
    }
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

impl<T> fmt::Debug for RemoteTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteTask")
            .field("is_done", &lock(&self.shared.state).is_done)
            .finish_non_exhaustive()
    }
}

/// May suspend: polls a future of std's on the running task until it is ready, which any waker may
/// announce.
///
/// ```
/// let answer = selvedge::run(|| selvedge::block_on(async { 42 }));
/// assert_eq!(answer, 42);
/// ```
///
/// # Panics
/// If no task is running, or the thread is panicking. A coroutine in whose body this is called can't
/// suspend to its resumer while the future is polled.
///
/// # Cancellation
/// The future is dropped.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let here = context::here().unwrap_or_else(|nowhere| panic!("{}", nowhere.sentence()));
    // The future is somebody's code, and the wait is this task's: a coroutine in whose body this
    // is must not be taken to another one meanwhile.
    let _open = OpenFrame::open();
    let mut future = std::pin::pin!(future);
    foreign::wait(here, &"a future", |context| future.as_mut().poll(context))
}

const _: () = {
    const fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<LoopHandle>();
    assert_send_sync::<RemoteTask<()>>();
    assert_send_sync::<TaskError>();
};
