//! Tasks: functions that run concurrently on one thread, each on a stack of its own.
//!
//! A task is spawned, runs when its turn comes, and gives the others theirs whenever it waits: for a
//! sleep, a socket, another task. Everything here is for code inside of a running loop.

mod finally;
mod race;
mod scope;
mod scoped_task;
mod select;
mod timeout;

use std::io;
use std::panic::Location;
use std::thread;

mod as_completed;
mod block_on;
mod gather;
mod shield;
mod wait;
mod wait_for;

pub use self::as_completed::{AsCompleted, WithTimeout, as_completed};
pub use self::gather::{Gather, gather, gather_settled};
pub use self::shield::shield;
pub use self::wait::{ReturnWhen, Waited, wait};
pub use self::wait_for::wait_for;
pub use crate::runtime::api::remote_task::RemoteTask;
pub use crate::runtime::cancel::request::catch_cancelled;
pub use crate::runtime::core::id::{CallbackId, TaskId};
pub use crate::runtime::core::task_stack::TaskStack;
pub use crate::runtime::task::handle::Task;
pub use crate::runtime::task::promise::Promise;
pub use crate::runtime::task::promise_future::PromiseFuture;
pub use crate::runtime::task::task_ref::TaskRef;
use crate::runtime::wait::here::task_context;
pub use block_on::block_on;
pub use finally::finally;
pub use race::{Race, race};
pub use scope::{Scope, scope};
pub use scoped_task::ScopedTask;
#[doc(hidden)]
pub use select::Won;
pub use timeout::{Timeout, timeout, timeout_at, timeout_with};

use crate::error::TaskError;
use crate::runtime::core::context::{self, CoreRef, WaitError};
use crate::runtime::task::spawn::SpawnOptions;
use crate::runtime::task::spawn::{spawn_eagerly, spawn_on, try_spawn_on};
use crate::runtime::threads::blocking;
use crate::runtime::wait::park;

/// Spawns a task on the running loop. It begins in the loop's next iteration.
///
/// ```
/// let total = selvedge::run(|| {
///     let tasks: Vec<_> = (1..=4).map(|n| selvedge::spawn(move || n * n)).collect();
///     tasks.into_iter().map(|task| task.join().unwrap()).sum::<u32>()
/// });
/// assert_eq!(total, 30);
/// ```
///
/// # Panics
/// If no loop runs on this thread, or there is no stack to be had; [`Builder::spawn`] returns the
/// latter as an error.
#[track_caller]
#[inline]
pub fn spawn<T, F>(f: F) -> Task<T>
where
    T: 'static,
    F: FnOnce() -> T + 'static,
{
    spawn_on(&core(), SpawnOptions::new(Location::caller()), || Ok(f()))
}

/// Spawns a task with a name.
///
/// # Panics
/// As [`spawn`].
#[track_caller]
pub fn spawn_named<T, F>(name: impl Into<String>, f: F) -> Task<T>
where
    T: 'static,
    F: FnOnce() -> T + 'static,
{
    let mut options = SpawnOptions::new(Location::caller());
    options.name = Some(name.into());
    spawn_on(&core(), options, || Ok(f()))
}

/// Spawns a task and runs it at once up to its first suspension; it may be done then.
///
/// # Panics
/// As [`spawn`].
#[track_caller]
pub fn spawn_eager<T, F>(f: F) -> Task<T>
where
    T: 'static,
    F: FnOnce() -> T + 'static,
{
    match spawn_eagerly(&core(), SpawnOptions::new(Location::caller()), || Ok(f())) {
        Ok(task) => task,
        Err(error) => panic!("selvedge: no task: {error}"),
    }
}

/// Spawns a task whose `Err` counts as a failure of the task: `join` returns it as a [`TaskError`].
///
/// ```
/// let failure = selvedge::run(|| {
///     selvedge::spawn_fallible(|| "weft".parse::<u32>()).join().unwrap_err()
/// });
/// assert!(failure.downcast_ref::<std::num::ParseIntError>().is_some());
/// ```
///
/// # Panics
/// As [`spawn`].
#[track_caller]
pub fn spawn_fallible<T, E, F>(f: F) -> Task<T>
where
    T: 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
    F: FnOnce() -> Result<T, E> + 'static,
{
    let body = || f().map_err(|error| TaskError::exception(error.into()));
    spawn_on(&core(), SpawnOptions::new(Location::caller()), body)
}

/// A name and a stack size for a task to be.
///
/// ```
/// let n = selvedge::run(|| {
///     let builder = selvedge::task::Builder::new().name("counter").stack_size(64 * 1024);
///     builder.spawn(|| selvedge::current_task().unwrap().name().len()).unwrap().join()
/// });
/// assert_eq!(n.unwrap(), 7);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `spawn`"]
pub struct Builder {
    name: Option<String>,
    stack_size: Option<usize>,
}

impl Builder {
    /// A builder with the loop's settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the usable size of the stack in bytes.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Spawns the task on the running loop.
    ///
    /// # Errors
    /// As [`CoroutineBuilder::build`](crate::CoroutineBuilder::build).
    ///
    /// # Panics
    /// If no loop runs on this thread.
    #[track_caller]
    pub fn spawn<T, F>(self, f: F) -> io::Result<Task<T>>
    where
        T: 'static,
        F: FnOnce() -> T + 'static,
    {
        try_spawn_on(&core(), self.options(Location::caller()), || Ok(f()))
    }

    fn options(self, site: &'static Location<'static>) -> SpawnOptions {
        let mut options = SpawnOptions::new(site);
        options.name = self.name;
        options.stack_size = self.stack_size;
        options
    }
}

/// May suspend: gives the other tasks a turn.
///
/// While the thread is panicking it returns at once.
///
/// ```
/// let order = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
/// selvedge::run(|| {
///     let inner = order.clone();
///     let other = selvedge::spawn(move || inner.borrow_mut().push("other"));
///     order.borrow_mut().push("main");
///     selvedge::yield_now();
///     order.borrow_mut().push("main again");
///     other.join().unwrap();
/// });
/// assert_eq!(*order.borrow(), ["main", "other", "main again"]);
/// ```
///
/// # Panics
/// If no task is running: outside of a loop, and in callbacks.
///
/// # Cancellation
/// Unwinds.
#[track_caller]
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
pub fn yield_now() {
    match task_context() {
        Ok(here) => park::yield_now(here),
        Err(why) => refuse_unless_panicking(why),
    }
}

#[cold]
#[track_caller]
fn refuse_unless_panicking(why: WaitError) {
    // Whoever's panic it is: another one would abort the process.
    if !thread::panicking() {
        refuse(why);
    }
}

#[cold]
#[track_caller]
fn refuse(why: WaitError) -> ! {
    panic!("{}", why.sentence())
}

/// May suspend: runs a function that blocks on a thread of the loop's pool, and returns what it
/// returns. The other tasks go on meanwhile.
///
/// On a thread without an event loop it runs the function in place.
///
/// ```
/// let primes = |limit: u32| {
///     let is_prime = |n: &u32| (2..*n).all(|divisor| n % divisor != 0);
///     (2..limit).filter(is_prime).count()
/// };
/// // Two threads compute, and the loop has time for others.
/// let counts = selvedge::run(|| {
///     [100, 1000].map(|limit| selvedge::spawn(move || selvedge::to_thread(move || primes(limit))))
///         .map(|task| task.join().unwrap().unwrap())
/// });
/// assert_eq!(counts, [25, 168]);
///
/// let error = selvedge::run(|| selvedge::to_thread(|| -> u32 { panic!("the shuttle is stuck") }));
/// assert_eq!(error.unwrap_err().message(), "the shuttle is stuck");
/// ```
///
/// # Errors
/// That the function panicked, with the payload; that the pool's queue is full
/// ([`LoopBuilder::blocking_queue`](crate::LoopBuilder::blocking_queue)) or it can't have a thread,
/// as an [`io::Error`]; that nothing can wait here, in a callback or while panicking.
///
/// # Cancellation
/// A function with which no thread has begun is dropped. One that runs goes on, and its result is
/// dropped.
pub fn to_thread<T, F>(f: F) -> Result<T, TaskError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    blocking::to_thread(f)
}

/// The running task; `None` in callbacks and outside of a loop.
#[must_use]
pub fn current_task() -> Option<TaskRef> {
    context::current()?.current().and_then(TaskRef::of)
}

/// The tasks of the running loop that are not done, in the order in which they were made.
#[must_use]
pub fn all_tasks() -> Vec<TaskRef> {
    let tasks = context::current().map(|core| core.tasks());
    tasks
        .into_iter()
        .flatten()
        .filter_map(TaskRef::of)
        .collect()
}

/// The running loop's core.
#[track_caller]
#[inline]
fn core() -> CoreRef {
    match context::current() {
        Some(core) => core,
        None => refuse(WaitError::NoLoop),
    }
}
