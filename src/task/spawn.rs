//! How a task begins: the functions that spawn one, and a builder with a name and a stack's size.

use std::io;
use std::panic::Location;

use crate::error::TaskError;
use crate::error::WaitError;
use crate::runtime::core::context::{self, CoreRef};
use crate::runtime::task::handle::Task;
use crate::runtime::task::spawn::SpawnOptions;
use crate::runtime::task::spawn::{spawn_eagerly, spawn_on, try_spawn_on};

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

    pub(super) fn options(self, site: &'static Location<'static>) -> SpawnOptions {
        let mut options = SpawnOptions::new(site);
        options.name = self.name;
        options.stack_size = self.stack_size;
        options
    }
}

/// The running loop's core.
#[track_caller]
#[inline]
fn core() -> CoreRef {
    match context::current() {
        Some(core) => core,
        None => panic!("{}", WaitError::NoLoop.sentence()),
    }
}
