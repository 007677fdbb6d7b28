//! [`select!`](crate::select): a race of expressions with results of their own.
//!
//! The macro makes each arm a function of a [`race`](super::race). Their common result tells the arms
//! apart: `First(value)` of the first, `Rest(First(value))` of the second, and so on.

use std::convert::Infallible;
use std::panic::resume_unwind;

use crate::error::TaskError;

/// Which arm of a [`select!`](crate::select) has won.
#[doc(hidden)]
#[derive(Debug)]
pub enum Won<First, Rest> {
    First(First),
    Rest(Rest),
}

impl<First, Rest> Won<First, Rest> {
    /// The result of a race among arms.
    #[track_caller]
    pub fn of(result: Result<Self, TaskError>) -> Self {
        result.unwrap_or_else(|error| match error.into_panic() {
            Ok(payload) => resume_unwind(payload),
            Err(error) => panic!("selvedge: no arm of a select! was done: {error}"),
        })
    }
}

impl Won<(), Infallible> {
    /// There is no arm beyond the last.
    pub fn nobody(nobody: Infallible) -> ! {
        match nobody {}
    }
}

/// May suspend: evaluates expressions at the same time, each in a task of its own, and goes on with the
/// arm of the first that is done. The others are cancelled, and have ended by then.
///
/// An arm is `pattern = expression => what to do with it`. An expression is ordinary code, that may wait
/// and may borrow from around; it is the body of a function, which `return` and `?` leave. What follows the
/// arrow runs in place, when nothing else runs any more, and may leave the function around it.
///
/// ```
/// use std::time::Duration;
/// use selvedge::{Promise, select, sleep};
///
/// let line = selvedge::run(|| {
///     let promise = Promise::<String>::new();
///     select! {
///         Ok(line) | Err(line) = promise.wait().map_err(|error| error.to_string()) => line,
///         () = sleep(Duration::from_millis(1)) => {
///             let waited = "nothing came";
///             waited.to_owned()
///         }
///     }
/// });
/// assert_eq!(line, "nothing came");
/// ```
///
/// It is [`race`](crate::race()) with different results, and all that is said there holds.
///
/// # Panics
/// With what the first expression that was done has panicked with; with the sentence of the error that
/// `race` returns.
#[macro_export]
macro_rules! select {
    ($($arms:tt)+) => {
        $crate::__select_arms!([] [] $($arms)+)
    };
}

/// What [`select!`](crate::select) is made of, which nobody has to read there. It collects the arms, each with how deep
/// it lies, and then writes the race and the match.
#[doc(hidden)]
#[macro_export]
macro_rules! __select_arms {
    ([$($done:tt)*] [$($depth:tt)*] $pattern:pat = $run:expr => $then:block, $($rest:tt)*) => {
        $crate::__select_arms!(
            [$($done)* ([$($depth)*] $pattern, $run, $then)] [$($depth)* >] $($rest)*
        )
    };
    ([$($done:tt)*] [$($depth:tt)*] $pattern:pat = $run:expr => $then:block $($rest:tt)*) => {
        $crate::__select_arms!(
            [$($done)* ([$($depth)*] $pattern, $run, $then)] [$($depth)* >] $($rest)*
        )
    };
    ([$($done:tt)*] [$($depth:tt)*] $pattern:pat = $run:expr => $then:expr, $($rest:tt)*) => {
        $crate::__select_arms!(
            [$($done)* ([$($depth)*] $pattern, $run, $then)] [$($depth)* >] $($rest)*
        )
    };
    ([$($done:tt)*] [$($depth:tt)*] $pattern:pat = $run:expr => $then:expr) => {
        $crate::__select_arms!([$($done)* ([$($depth)*] $pattern, $run, $then)] [$($depth)* >])
    };
    ([$(([$($depth:tt)*] $pattern:pat, $run:expr, $then:expr))+] [$($beyond:tt)*]) => {
        match $crate::__private::Won::of($crate::race((
            $(|| $crate::__select_arms!(@wrap [$($depth)*] $crate::__private::Won::First($run)),)+
        ))) {
            $($crate::__select_arms!(@wrap [$($depth)*] $crate::__private::Won::First($pattern)) => $then,)+
            $crate::__select_arms!(@wrap [$($beyond)*] nobody) => $crate::__private::Won::nobody(nobody),
        }
    };
    (@wrap [] $($inner:tt)*) => { $($inner)* };
    (@wrap [> $($depth:tt)*] $($inner:tt)*) => {
        $crate::__private::Won::Rest($crate::__select_arms!(@wrap [$($depth)*] $($inner)*))
    };
}
