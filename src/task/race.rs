//! [`race`]: the result of the first of several functions; the others are cancelled.
//!
//! Each function runs in a task, a child of a scope. A loser is therefore not dropped halfway: it is
//! cancelled, unwinds, and is waited for.

use std::io;
use std::mem;
use std::panic::{Location, resume_unwind};

use super::gather::{for_each_tuple, sealed::Sealed};
use super::scope::{BodyEnd, Ended, Scope, open};
use super::scoped_task::ScopedTask;
use crate::error::TaskError;
use crate::runtime::cancel::{EndsAfter, ScopeState};
use crate::runtime::core::{TaskContext, TaskId};
use crate::runtime::task::{MAX_MOVED, SpawnOptions};
use crate::runtime::wait::{delivery, task_context};

/// May suspend: runs functions, which may borrow, each in a task, and returns the result of the first that
/// is done. The others are cancelled at that moment, and have ended when this returns.
///
/// The entrants are a tuple, an array or a `Vec` of functions with the same result. They begin in the order
/// of the arguments. Where several could end in the same turn, the one that was woken first wins: among those
/// that do not wait, or wait for the same time, the first argument. An entrant that another task cancels can't
/// win.
///
/// ```
/// use std::time::Duration;
/// use selvedge::{Promise, race, sleep};
///
/// let winner = selvedge::run(|| {
///     let answer = Promise::<&str>::new();
///     race((
///         || answer.wait().unwrap_or("an error"),
///         || {
///             sleep(Duration::from_millis(1));
///             "nothing came"
///         },
///     ))
/// });
/// assert_eq!(winner.unwrap(), "nothing came");
/// ```
///
/// # Errors
/// The panic of the first that was done. That there are no entrants; that all were cancelled; that no task
/// can wait here: outside of a loop, in callbacks, while the thread is panicking. In a program whose panics
/// abort always, because no task can be cancelled there.
///
/// A coroutine in whose body this is called can't suspend to its resumer meanwhile. The error of a loser
/// that fails while it unwinds is reported to the loop's exception handler.
///
/// # Cancellation
/// A cancel is forwarded to all entrants. When they have ended, this unwinds. If one was done before, its
/// value is returned, and the cancel is delivered at the next suspension.
#[track_caller]
pub fn race<R: Race>(entrants: R) -> Result<R::Output, TaskError> {
    let here = task_context().map_err(|why| TaskError::misuse(why.sentence()))?;
    if cfg!(panic = "abort") {
        return Err(TaskError::misuse(
            "selvedge: panics abort in this program, so the losers of a race can't be cancelled; set \
             panic = \"unwind\", or spawn tasks and wait for them",
        ));
    }
    let site = Location::caller();
    if const { size_of::<R>() > MAX_MOVED || size_of::<R::Output>() > MAX_MOVED } {
        let entrants = Boxed(Box::new(entrants));
        run(here, site, entrants, Box::new).map(|output| *output)
    } else {
        run(here, site, entrants, |output| output)
    }
}

/// As [`race`]. Moves the entrants several times, and the output after it is packed.
fn run<R: Race, P>(
    here: TaskContext,
    site: &'static Location<'static>,
    entrants: R,
    pack: impl FnOnce(R::Output) -> P,
) -> Result<P, TaskError> {
    let Ended { body, mut noted } = open(EndsAfter::First, |s| {
        let mut race = Entrants {
            scope: s,
            site,
            tasks: Vec::new(),
            output: None,
        };
        let entered = entrants.enter(&mut race);
        entered.map_err(|error| TaskError::exception(error.into()))?;
        let winner = match race.output {
            None => s.state.wait_for_first(here),
            Some(_) => None,
        };
        // The `Err` of a loser is not a failure.
        race.tasks
            .iter()
            .for_each(|task| task.any_handle().set_retrieved());
        race.take_output(winner, pack)
    });
    noted.report("Task failed after it had lost a race");
    match body {
        BodyEnd::Returned(result) => {
            noted.redeliver_cancel();
            result
        }
        BodyEnd::Cancelled(Some(payload)) | BodyEnd::Panicked(payload) => resume_unwind(payload),
        // A race cancels only its children.
        BodyEnd::Cancelled(None) => delivery::raise(here),
    }
}

/// What takes part in a [`race`]: a tuple of up to twelve, an array or a `Vec` of functions.
pub trait Race: Sized + Sealed {
    /// What each function returns.
    type Output;

    /// Spawns a task for each function. May wait, and set the output.
    #[doc(hidden)]
    fn enter<'scope>(self, race: &mut Entrants<'scope, '_, Self::Output>) -> io::Result<()>
    where
        Self: 'scope,
        Self::Output: 'scope;
}

/// The tasks of a race, and the scope in which they are made.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "users can't make one")]
pub struct Entrants<'scope, 'env, T> {
    scope: &'scope Scope<'scope, 'env>,
    site: &'static Location<'static>,
    tasks: Vec<ScopedTask<'scope, T>>,
    /// The output of an entrant that is no task, which wins.
    pub(super) output: Option<T>,
}

impl<'scope, T: 'scope> Entrants<'scope, '_, T> {
    pub(super) fn add(&mut self, f: impl FnOnce() -> T + 'scope) -> io::Result<()> {
        let options = SpawnOptions::new(self.site);
        self.tasks.push(self.scope.make(options, || Ok(f()))?);
        Ok(())
    }

    /// The output of the entrant that is no task, or else that of the winner.
    fn take_output<P>(
        &mut self,
        winner: Option<TaskId>,
        pack: impl FnOnce(T) -> P,
    ) -> Result<P, TaskError> {
        if let Some(output) = self.output.take() {
            return Ok(pack(output));
        }
        let winner = self.tasks.iter().position(|task| Some(task.id()) == winner);
        // Without a winner all entrants have the same kind of error.
        match mem::take(&mut self.tasks)
            .into_iter()
            .nth(winner.unwrap_or(0))
        {
            Some(task) => task.take().map(pack),
            None => Err(TaskError::misuse(
                "selvedge: a race without entrants would never end; pass at least one function",
            )),
        }
    }

    /// The state of the tasks.
    pub(super) fn state(&self) -> &'scope ScopeState {
        &self.scope.state
    }
}

/// Entrants that are too large to be moved several times.
struct Boxed<R>(Box<R>);

impl<R> Sealed for Boxed<R> {}

impl<R: Race> Race for Boxed<R> {
    type Output = R::Output;

    fn enter<'scope>(self, race: &mut Entrants<'scope, '_, R::Output>) -> io::Result<()>
    where
        Self: 'scope,
        R::Output: 'scope,
    {
        (*self.0).enter(race)
    }
}

impl<T, F: FnOnce() -> T> Race for Vec<F> {
    type Output = T;

    fn enter<'scope>(self, race: &mut Entrants<'scope, '_, T>) -> io::Result<()>
    where
        Self: 'scope,
        T: 'scope,
    {
        self.into_iter().try_for_each(|f| race.add(f))
    }
}

impl<T, F: FnOnce() -> T, const N: usize> Race for [F; N] {
    type Output = T;

    fn enter<'scope>(self, race: &mut Entrants<'scope, '_, T>) -> io::Result<()>
    where
        Self: 'scope,
        T: 'scope,
    {
        self.into_iter().try_for_each(|f| race.add(f))
    }
}

macro_rules! race_tuple {
    ($n:literal: $($F:ident $index:tt)+) => {
        impl<T, $($F: FnOnce() -> T),+> Race for ($($F,)+) {
            type Output = T;

            fn enter<'scope>(self, race: &mut Entrants<'scope, '_, T>) -> io::Result<()>
            where
                Self: 'scope,
                T: 'scope,
            {
                $(race.add(self.$index)?;)+
                Ok(())
            }
        }
    };
}

for_each_tuple!(race_tuple);
