//! [`wait`]: which of many tasks or promises are done.

use std::fmt;
use std::thread;
use std::time::Duration;

use crate::error::EmptySet;
use crate::runtime::core::{Awaiting, Group, Nodes, Outcome, TaskContext, Until};
use crate::runtime::task::{AnyHandle, Need, Waitable, admit, describe_many};
use crate::runtime::time::Alarm;
use crate::runtime::wait::{consume_budget, park, task_context};

/// When [`wait`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReturnWhen {
    /// When one is done.
    FirstCompleted,
    /// When one has failed, or all are done. A cancel is no failure.
    FirstException,
    /// When all are done.
    AllCompleted,
}

/// Result of [`wait`]; both lists keep the order of the arguments.
#[derive(Debug)]
pub struct Waited<'a, W> {
    /// Those that are done.
    pub done: Vec<&'a W>,
    /// The others.
    pub pending: Vec<&'a W>,
}

/// May suspend: waits until some of many tasks or promises are done or a timeout elapses, and returns which
/// are done. It cancels none and retrieves no error.
///
/// Tasks of different types can be waited for by their [`TaskRef`](crate::task::TaskRef)s.
///
/// ```
/// use std::time::Duration;
/// use selvedge::task::{ReturnWhen, wait};
/// use selvedge::{sleep, spawn};
///
/// # selvedge::run(|| {
/// let tasks: Vec<_> = (1..=3).map(|n| spawn(move || sleep(Duration::from_millis(n)))).collect();
/// let mut pending: Vec<_> = tasks.iter().collect();
/// while !pending.is_empty() {
///     let waited = wait(pending, ReturnWhen::FirstCompleted, None)?;
///     println!("{} more are done", waited.done.len());
///     pending = waited.pending;
/// }
/// # Ok::<_, selvedge::error::EmptySet>(())
/// # }).unwrap();
/// ```
///
/// While the thread is panicking it does not wait.
///
/// # Errors
/// If there are no arguments.
///
/// ```
/// use selvedge::error::EmptySet;
/// use selvedge::task::{ReturnWhen, wait};
/// use selvedge::Task;
///
/// let nothing: [Task<u8>; 0] = [];
/// assert_eq!(wait(&nothing, ReturnWhen::AllCompleted, None).unwrap_err(), EmptySet);
/// ```
///
/// # Panics
/// If it would have to wait where no task is running (outside of a loop, and in callbacks), for the running
/// task itself, or for a task or promise of another loop.
///
/// # Cancellation
/// Unwinds at once. The tasks and promises are not cancelled.
#[track_caller]
pub fn wait<'a, W: Waitable>(
    tasks: impl IntoIterator<Item = &'a W>,
    return_when: ReturnWhen,
    timeout: Option<Duration>,
) -> Result<Waited<'a, W>, EmptySet> {
    let all = WaitSet(tasks.into_iter().collect());
    if all.0.is_empty() {
        return Err(EmptySet);
    }
    consume_budget(1);
    if !all.is_enough(return_when) && !thread::panicking() {
        let here = task_context();
        let refuse = |each| admit(here, each, Need::OneOfMany).err();
        let refused = all.handles().find_map(refuse);
        match (here, refused) {
            (Ok(here), None) => all.wait(here, return_when, timeout),
            (_, Some(error)) => panic!("{error}"),
            (Err(why), None) => panic!("{}", why.sentence()),
        }
    }
    let is_done = |each: &&W| each.any_handle().is_done();
    let (done, pending) = all.0.into_iter().partition(is_done);
    Ok(Waited { done, pending })
}

struct WaitSet<'a, W>(Vec<&'a W>);

impl<W: Waitable> WaitSet<'_, W> {
    fn handles(&self) -> impl Iterator<Item = AnyHandle<'_>> {
        self.0.iter().map(|each| each.any_handle())
    }

    /// Whether the wait is over before it begins.
    fn is_enough(&self, return_when: ReturnWhen) -> bool {
        let has_failed = |each: AnyHandle<'_>| each.outcome() == Some(Outcome::Failed);
        match return_when {
            ReturnWhen::FirstCompleted => self.handles().any(|each| each.is_done()),
            ReturnWhen::FirstException if self.handles().any(has_failed) => true,
            ReturnWhen::FirstException | ReturnWhen::AllCompleted => {
                self.handles().all(|each| each.is_done())
            }
        }
    }

    fn wait(&self, here: TaskContext, return_when: ReturnWhen, timeout: Option<Duration>) {
        let until = match return_when {
            ReturnWhen::FirstCompleted => Until::First,
            ReturnWhen::FirstException => Until::Failure,
            ReturnWhen::AllCompleted => Until::All,
        };
        Group::with(here.task, until, Nodes::new(self.0.len()), |group| {
            self.handles().for_each(|each| group.add(each));
            match timeout {
                None => {
                    group.wait(here, self, || false);
                }
                Some(Duration::ZERO) => park::yield_now(here),
                Some(timeout) => {
                    let deadline = here.core.clock.after(timeout);
                    Alarm::with(here, deadline, |alarm| {
                        group.wait(here, self, || alarm.has_fired());
                    });
                }
            }
        });
    }
}

impl<W: Waitable> Awaiting for WaitSet<'_, W> {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("some of ")?;
        describe_many(&|visit| self.handles().for_each(visit), f)
    }
}
