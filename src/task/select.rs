//! [`select!`](crate::select): a race of expressions with different results.
//!
//! The macro makes each arm a function of a [`race`](super::race). The functions' common result says which
//! arm it is from: `First(value)` from the first, `Rest(First(value))` from the second, and so on.

use std::convert::Infallible;
use std::panic::resume_unwind;

use crate::error::TaskError;

/// Result of the arm of a [`select!`](crate::select) that has won.
#[doc(hidden)]
#[derive(Debug)]
pub enum Won<First, Rest> {
    First(First),
    Rest(Rest),
}

impl<First, Rest> Won<First, Rest> {
    /// Result of a race among arms.
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

/// May suspend: evaluates expressions concurrently, each in a task of its own, and continues with the arm of
/// the first expression that is done. The others are cancelled, and have ended by then.
///
/// An arm is `pattern = expression => handler`. An expression is ordinary code that may wait and may borrow
/// from the surrounding code; it is the body of a function of its own, which `return` and `?` leave. The
/// handler runs in place after all expressions have ended, and may leave the surrounding function.
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
/// It is [`race`](crate::race()) with different results; the rules of `race` hold.
///
/// # Panics
/// With the panic of the first expression that was done; with the text of the error that `race` returns.
#[macro_export]
macro_rules! select {
    ($($arms:tt)+) => {
        $crate::__select_arms!([] [] $($arms)+)
    };
}

/// The implementation of [`select!`](crate::select): collects the arms, each with its depth in `Won`, and
/// then writes the race and the match.
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
