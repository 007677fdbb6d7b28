//! The functions that spawn a task, and a builder with a name and a stack size.

use std::io;
use std::panic::Location;

use crate::error::TaskError;
use crate::error::WaitError;
use crate::runtime::core::{CoreRef, context};
use crate::runtime::task::{
    SpawnOptions, Task, expect_task, spawn_eagerly, spawn_on, try_spawn_on,
};

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
/// If no loop runs on this thread, or there is no stack; [`Builder::spawn`] returns the latter as an
/// error.
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

/// Spawns a task and runs it at once up to its first suspension. A task that does not suspend is done when
/// this returns.
///
/// # Panics
/// As [`spawn`].
#[track_caller]
pub fn spawn_eager<T, F>(f: F) -> Task<T>
where
    T: 'static,
    F: FnOnce() -> T + 'static,
{
    let options = SpawnOptions::new(Location::caller());
    expect_task(spawn_eagerly(&core(), options, || Ok(f())))
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
/// # Errors
/// `join` returns the error of `f`. `spawn_fallible` itself does not fail.
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

/// Settings for a new task, a name and a stack size: see [`Task::builder`].
///
/// ```
/// let n = selvedge::run(|| {
///     let builder = selvedge::Task::builder().name("counter").stack_size_bytes(64 * 1024);
///     builder.spawn(|| selvedge::task::current_task().unwrap().name().len()).unwrap().join()
/// });
/// assert_eq!(n.unwrap(), 7);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `spawn`"]
pub struct Builder {
    name: Option<String>,
    stack_size_bytes: Option<usize>,
}

impl Task<()> {
    /// A builder that sets a name and the size of the stack. Its other settings are the loop's.
    ///
    /// ```
    /// let result = selvedge::run(|| {
    ///     let builder = selvedge::Task::builder().name("deep").stack_size_bytes(1024 * 1024);
    ///     Ok::<_, std::io::Error>(builder.spawn(|| 42)?.join())
    /// });
    /// assert_eq!(result?.unwrap(), 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn builder() -> Builder {
        Builder {
            name: None,
            stack_size_bytes: None,
        }
    }
}

impl Builder {
    /// Sets the name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the usable size of the stack in bytes. It is rounded up to whole pages, and to at least
    /// [`MIN_STACK_SIZE_BYTES`](crate::stack::MIN_STACK_SIZE_BYTES). In the task,
    /// [`remaining_stack_bytes`](crate::coroutine::remaining_stack_bytes) returns what the task has
    /// left. With zero, `spawn` returns an error.
    pub fn stack_size_bytes(mut self, bytes: usize) -> Self {
        self.stack_size_bytes = Some(bytes);
        self
    }

    /// Spawns the task on the running loop.
    ///
    /// # Errors
    /// As [`coroutine::Builder::build`](crate::coroutine::Builder::build).
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

    pub(super) fn options(self, site: &'static Location<'static>) -> SpawnOptions {
        let mut options = SpawnOptions::new(site);
        options.name = self.name;
        options.stack_size_bytes = self.stack_size_bytes;
        options
    }
}

/// The running loop's core.
#[track_caller]
#[inline]
pub(super) fn core() -> CoreRef {
    match context::current() {
        Some(core) => core,
        None => panic!("{}", WaitError::NoLoop.sentence()),
    }
}
