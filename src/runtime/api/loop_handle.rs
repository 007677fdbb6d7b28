//! A loop as other threads see it: [`LoopHandle`]; and std's futures in a task.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::{Arc, Mutex};

use super::remote_task::{RemoteTask, Reply, Shared, lock};
use crate::coroutine::OpenFrame;
use crate::error::{LoopError, TaskError};
use crate::runtime::core::context;
use crate::runtime::threads::injector::{Injector, Message};
use crate::runtime::threads::waker_registry;
use crate::runtime::wait::here::task_context;

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
    pub(crate) fn new(injector: &Arc<Injector>) -> Self {
        injector.add_handle();
        Self(Arc::clone(injector))
    }

    pub(crate) fn injector(&self) -> &Injector {
        &self.0
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
    let here = task_context().unwrap_or_else(|why| panic!("{}", why.sentence()));
    // The future is somebody's code, and the wait is this task's: a coroutine in whose body this
    // is must not be taken to another one meanwhile.
    let _open = OpenFrame::open_for_task();
    let mut future = std::pin::pin!(future);
    waker_registry::wait(here, &"a future", |context| future.as_mut().poll(context))
}

const _: () = {
    const fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<LoopHandle>();
    assert_send_sync::<RemoteTask<()>>();
    assert_send_sync::<TaskError>();
};
