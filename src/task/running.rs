//! What a running task asks of its loop: a turn for the other tasks, a thread of the pool, the list of tasks.

use std::panic::Location;
use std::thread;

use crate::error::TaskError;
use crate::error::WaitError;
use crate::runtime::core::context;
use crate::runtime::task::TaskRef;
use crate::runtime::threads::blocking;
use crate::runtime::wait::{park, task_context};

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
    // A second panic would abort the process.
    if !thread::panicking() {
        panic!("{}", why.sentence());
    }
}

/// May suspend: runs a blocking function on a thread of the loop's pool, and returns its result. The other
/// tasks run meanwhile.
///
/// On a thread without an event loop it runs the function in place.
///
/// ```
/// let primes = |limit: u32| {
///     let is_prime = |n: &u32| (2..*n).all(|divisor| n % divisor != 0);
///     (2..limit).filter(is_prime).count()
/// };
/// // Two threads compute, and the loop can run other tasks meanwhile.
/// let counts = selvedge::run(|| {
///     [100, 1000].map(|limit| selvedge::spawn(move || selvedge::to_thread(move || primes(limit))))
///         .map(|task| task.join().unwrap().unwrap())
/// });
/// assert_eq!(counts, [25, 168]);
///
/// let error = selvedge::run(|| selvedge::to_thread(|| -> u32 { panic!("the shuttle is stuck") }));
/// assert_eq!(error.unwrap_err().message().unwrap(), "the shuttle is stuck");
/// ```
///
/// # Errors
/// A panic of the function, with the payload; as an [`std::io::Error`], that the pool's queue is full
/// ([`event_loop::Builder::max_blocking_queued`](crate::event_loop::Builder::max_blocking_queued)) or that no thread can be started;
/// that nothing can wait here, in a callback or while panicking.
///
/// # Cancellation
/// A function that no thread has begun is dropped. One that runs continues, and its result is dropped.
#[track_caller]
pub fn to_thread<T, F>(f: F) -> Result<T, TaskError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    blocking::to_thread(Location::caller(), f)
}

/// The running task; `None` in callbacks and outside of a loop.
///
/// Tasks share a thread, so the message of a panic (`thread 'main' panicked at ..`) can't distinguish them. The errors
/// and reports of the library name the task. A panic hook of the program can do so too:
///
/// ```
/// let before = std::panic::take_hook();
/// std::panic::set_hook(Box::new(move |info| {
///     if let Some(task) = selvedge::task::current_task() {
///         eprintln!("in the task {}:", task.name());
///     }
///     before(info);
/// }));
/// let error = selvedge::run(|| selvedge::spawn_named("weaver", || panic!("torn")).join().unwrap_err());
/// assert_eq!(error.to_string(), "task weaver panicked: torn");
/// ```
#[must_use]
pub fn current_task() -> Option<TaskRef> {
    context::current()?.current().and_then(TaskRef::of)
}

/// The tasks of the running loop that are not done, in the order in which they were made.
#[must_use]
pub fn all_tasks() -> Vec<TaskRef> {
    let tasks = context::current().map_or_else(Vec::new, |core| core.tasks());
    tasks.into_iter().filter_map(TaskRef::of).collect()
}
