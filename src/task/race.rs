//! The first of several, and no more of the others.
//!
//! Each entrant is a whole task, a child of a scope, so nothing is ever dropped half-run: whoever
//! loses is cancelled, unwinds, and is waited for.

use std::io;
use std::panic::{Location, resume_unwind};

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
        let mut tasks = Vec::new();
        entrants
            .enter(s, site, &mut tasks)
            .map_err(|error| TaskError::exception(error.into()))?;
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
    /// What each returns.
    type Output;

    /// Spawns the tasks.
    #[doc(hidden)]
    fn enter<'scope>(
        self,
        scope: &'scope Scope<'scope, '_>,
        site: &'static Location<'static>,
        tasks: &mut Vec<ScopedTask<'scope, Self::Output>>,
    ) -> io::Result<()>
    where
        Self: 'scope,
        Self::Output: 'scope;
}

mod sealed {
    pub trait Sealed {}
    impl<F> Sealed for Vec<F> {}
    impl<F, const N: usize> Sealed for [F; N] {}
}

impl<T, F: FnOnce() -> T> Race for Vec<F> {
    type Output = T;

    fn enter<'scope>(
        self,
        scope: &'scope Scope<'scope, '_>,
        site: &'static Location<'static>,
        tasks: &mut Vec<ScopedTask<'scope, T>>,
    ) -> io::Result<()>
    where
        Self: 'scope,
        T: 'scope,
    {
        for f in self {
            tasks.push(scope.make(SpawnOptions::new(site), || Ok(f()))?);
        }
        Ok(())
    }
}

impl<T, F: FnOnce() -> T, const N: usize> Race for [F; N] {
    type Output = T;

    fn enter<'scope>(
        self,
        scope: &'scope Scope<'scope, '_>,
        site: &'static Location<'static>,
        tasks: &mut Vec<ScopedTask<'scope, T>>,
    ) -> io::Result<()>
    where
        Self: 'scope,
        T: 'scope,
    {
        for f in self {
            tasks.push(scope.make(SpawnOptions::new(site), || Ok(f()))?);
        }
        Ok(())
    }
}

macro_rules! race_of_tuple {
    ($($F:ident $f:ident),+) => {
        impl<$($F),+> sealed::Sealed for ($($F,)+) {}

        impl<T, $($F: FnOnce() -> T),+> Race for ($($F,)+) {
            type Output = T;

            fn enter<'scope>(
                self,
                scope: &'scope Scope<'scope, '_>,
                site: &'static Location<'static>,
                tasks: &mut Vec<ScopedTask<'scope, T>>,
            ) -> io::Result<()>
            where
                Self: 'scope,
                T: 'scope,
            {
                let ($($f,)+) = self;
                $(tasks.push(scope.make(SpawnOptions::new(site), || Ok($f()))?);)+
                Ok(())
            }
        }
    };
}

race_of_tuple!(A a);
race_of_tuple!(A a, B b);
race_of_tuple!(A a, B b, C c);
race_of_tuple!(A a, B b, C c, D d);
race_of_tuple!(A a, B b, C c, D d, E e);
race_of_tuple!(A a, B b, C c, D d, E e, F f);
race_of_tuple!(A a, B b, C c, D d, E e, F f, G g);
race_of_tuple!(A a, B b, C c, D d, E e, F f, G g, H h);
race_of_tuple!(A a, B b, C c, D d, E e, F f, G g, H h, I i);
race_of_tuple!(A a, B b, C c, D d, E e, F f, G g, H h, I i, J j);
race_of_tuple!(A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k);
race_of_tuple!(A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k, L l);
