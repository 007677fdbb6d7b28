//! The first of several, and no more of the others.
//!
//! Each entrant is a whole task, a child of a scope, so nothing is ever dropped half-run: whoever
//! loses is cancelled, unwinds, and is waited for.

use std::io;
use std::panic::{Location, resume_unwind};

use super::gather::for_each_tuple;
use super::scope::{Body, Ended, Scope, open};
use super::scoped_task::ScopedTask;
use crate::error::TaskError;
use crate::runtime::cancel::scope_state::Until;
use crate::runtime::task::spawn::SpawnOptions;
use crate::runtime::wait::here::task_context;
use crate::runtime::wait::unwind;

/// May suspend: runs functions, which may borrow, each as a task, and returns what the first returns that
/// is done. The others are cancelled at that moment, and have ended when this returns.
///
/// The entrants are a tuple, an array or a `Vec` of functions with the same result. They begin in their
/// order, and where several could end in the same turn, it is the order in which they were woken that
/// counts: for those that do not wait, or wait for the same time, the order of the arguments. One that is
/// cancelled by somebody else is out of the race.
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
/// What the first that was done has panicked with. That there are no entrants, that all were cancelled,
/// that there is nobody to wait: outside of a loop, in callbacks, while the thread is panicking. In a
/// program whose panics abort, where nobody can be cancelled.
///
/// A coroutine in whose body this is called can't suspend to its resumer meanwhile. Losers that fail as
/// they are cancelled are reported to the loop's exception handler.
///
/// # Cancellation
/// Is passed on to all. When they have ended this unwinds. If one was done before, its value is returned,
/// and the cancel is met by the next suspension.
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
    let Ended { body, mut rest } = open(Until::First, |s| {
        let mut race = Entrants {
            scope: s,
            site,
            tasks: Vec::new(),
        };
        let entered = entrants.enter(&mut race);
        entered.map_err(|error| TaskError::exception(error.into()))?;
        let tasks = race.tasks;
        let winner = s.state.wait_for_first(here);
        let winner = tasks.iter().position(|task| Some(task.id()) == winner);
        // Without one all have the same kind of error.
        match tasks.into_iter().nth(winner.unwrap_or(0)) {
            Some(task) => task.take(),
            None => Err(TaskError::misuse(
                "selvedge: nobody takes part in this race, so it would never end; give it at least \
                 one function",
            )),
        }
    });
    rest.report("Task failed as it had lost a race");
    match body {
        Body::Returned(result) => {
            rest.pass_cancel_on();
            result
        }
        Body::Cancelled(Some(payload)) | Body::Panicked(payload) => resume_unwind(payload),
        // A race cancels nobody but its children.
        Body::Cancelled(None) => unwind::raise(here),
    }
}

/// What takes part in a [`race`]: a tuple of up to twelve, an array or a `Vec` of functions.
pub trait Race: Sized + sealed::Sealed {
    /// What each function returns.
    type Output;

    /// Spawns a task for each function.
    #[doc(hidden)]
    fn enter<'scope>(self, race: &mut Entrants<'scope, '_, Self::Output>) -> io::Result<()>
    where
        Self: 'scope,
        Self::Output: 'scope;
}

/// The tasks of a race, and the scope in which they are made.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "no user ever sees one")]
pub struct Entrants<'scope, 'env, T> {
    scope: &'scope Scope<'scope, 'env>,
    site: &'static Location<'static>,
    tasks: Vec<ScopedTask<'scope, T>>,
}

impl<'scope, T: 'scope> Entrants<'scope, '_, T> {
    fn add(&mut self, f: impl FnOnce() -> T + 'scope) -> io::Result<()> {
        let options = SpawnOptions::new(self.site);
        self.tasks.push(self.scope.make(options, || Ok(f()))?);
        Ok(())
    }
}

mod sealed {
    pub trait Sealed {}
    impl<F> Sealed for Vec<F> {}
    impl<F, const N: usize> Sealed for [F; N] {}
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
        impl<$($F),+> sealed::Sealed for ($($F,)+) {}

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
