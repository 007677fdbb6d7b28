//! [`select!`](crate::select): a race of expressions with different results.
//!
//! The macro makes each arm a function. If the functions of all enabled arms return [waits](Wait), the running task waits
//! for the first of these. Any other function runs in a task of a [`race`](super::race), beside which the running task
//! waits. The result says which arm has won: `First(output)` the first, `Rest(First(output))` the second, and so on.

use std::convert::Infallible;
use std::io;
use std::panic::resume_unwind;

use super::gather::sealed::Sealed;
use super::race::{Entrants, Race, race};
use super::select_arms::{Arms, BesideTasks};
pub use super::select_arms::{Probe, ProbeCode, ProbeWait, Won, once};
use crate::runtime::first::{first, first_without_turn};
use crate::runtime::wait::consume_budget;

/// The enabled arms as entrants of a race.
struct Entering<const N: usize, A> {
    is_enabled: [bool; N],
    arms: A,
}

impl<const N: usize, A> Sealed for Entering<N, A> {}

impl<const N: usize, A: Arms> Race for Entering<N, A> {
    type Output = A::Output;

    fn enter<'scope>(mut self, race: &mut Entrants<'scope, '_, A::Output>) -> io::Result<()>
    where
        Self: 'scope,
        A::Output: 'scope,
    {
        self.arms.enter(&self.is_enabled, race, |won| won)?;
        if self.arms.make_waits(&self.is_enabled) {
            // In a turn, a task could end with a result that a wait that is done would displace.
            race.output = first_without_turn(&mut BesideTasks {
                arms: &mut self.arms,
                tasks: race.state(),
            });
        }
        Ok(())
    }
}

/// Waits for the first of the enabled arms. Returns `None` if no arm is enabled.
#[doc(hidden)]
#[track_caller]
pub fn first_of<const N: usize, A: Arms>(is_enabled: [bool; N], mut arms: A) -> Option<A::Output> {
    if !is_enabled.contains(&true) {
        return None;
    }
    if !arms.has_code(&is_enabled) {
        arms.make_waits(&is_enabled);
        return Some(first(&mut arms));
    }
    consume_budget(1);
    let won = race(Entering { is_enabled, arms });
    Some(won.unwrap_or_else(|error| match error.into_panic() {
        Ok(payload) => resume_unwind(payload),
        Err(error) => panic!("selvedge: no arm of a select! was done: {error}"),
    }))
}

/// Panics, because all arms are disabled and there is no `else` arm.
#[track_caller]
pub fn all_disabled() -> ! {
    panic!(
        "selvedge: each arm of this select! is disabled by its `if`; add an arm `else => ..` for this case"
    )
}

impl Won<(), Infallible> {
    /// There is no arm beyond the last.
    pub fn nobody(nobody: Infallible) -> ! {
        match nobody {}
    }
}

/// May suspend: evaluates expressions concurrently, and continues with the arm of the first expression that is done. The
/// others are cancelled, and have ended by then.
///
/// An arm is `pattern = expression => handler`. An expression is a [`Wait`](crate::task::Wait), or ordinary code that may
/// wait and may borrow from the surrounding code; the code is the body of a function of its own, which `return` and `?`
/// leave. The handler runs in place after all expressions have ended, and may leave the surrounding function. Code that never
/// ends has the pattern `_`.
///
/// Code runs in a task of its own, on a stack of its own. Waits need neither: a `select!` whose arms are all waits makes no
/// task, allocates nothing (but for waits at channels), and takes nothing from the waits that lose. Of several waits that are done, the first argument
/// wins. The tasks of arms that are code begin only if no wait is done at once.
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
/// An arm may have a condition, `pattern = expression, if condition => handler`. The conditions are evaluated first; an
/// arm whose condition is false does not take part, and its expression is not evaluated. The last arm may be
/// `else => handler`, which runs if no arm takes part.
///
/// ```
/// use std::time::Duration;
/// use selvedge::sync::Queue;
/// use selvedge::{select, sleep, spawn};
///
/// selvedge::run(|| {
///     let (jobs, mut n_running) = (Queue::new(8), 0);
///     spawn({ let jobs = jobs.clone(); move || (1..=3).for_each(|n| jobs.put(n).unwrap()) }).detach();
///     let mut done = Vec::new();
///     while done.len() < 3 {
///         select! {
///             job = jobs.get(), if n_running < 2 => { n_running += 1; done.push(job.unwrap()) }
///             () = sleep(Duration::from_millis(1)), if n_running > 0 => n_running -= 1,
///             else => unreachable!("a job can be begun, or one runs"),
///         }
///     }
///     assert_eq!(done, [1, 2, 3]);
/// });
/// ```
///
/// All expressions are evaluated at the same time, so two of them can't borrow one reader mutably. Instead, let one
/// task read and send the data through a queue, or read and write in turn.
///
/// With an arm that is code it is [`race`](crate::race()) with different results, and the rules of `race` hold.
///
/// # Panics
/// With the panic of the first expression that was done, or with the text of the error that `race` returns. If each arm
/// is disabled by its condition and there is no `else`.
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
    (@then $done:tt $depth:tt $arm:tt $then:block, $($rest:tt)*) => {
        $crate::__select_arms!(@push $done $depth $arm $then; $($rest)*)
    };
    (@then $done:tt $depth:tt $arm:tt $then:block $($rest:tt)*) => {
        $crate::__select_arms!(@push $done $depth $arm $then; $($rest)*)
    };
    (@then $done:tt $depth:tt $arm:tt $then:expr, $($rest:tt)*) => {
        $crate::__select_arms!(@push $done $depth $arm $then; $($rest)*)
    };
    (@then $done:tt $depth:tt $arm:tt $then:expr) => {
        $crate::__select_arms!(@push $done $depth $arm $then;)
    };
    (@push [$($done:tt)*] [$($depth:tt)*] ($pattern:pat, $run:expr, $condition:expr) $then:expr; $($rest:tt)*) => {
        $crate::__select_arms!(
            [$($done)* ([$($depth)*] $pattern, $run, $condition, $then)] [$($depth)* >] $($rest)*
        )
    };
    (@race
        [$(([$($depth:tt)*] $pattern:pat, $run:expr, $condition:expr, $then:expr))+]
        [$($beyond:tt)*] $otherwise:expr
    ) => {
        match $crate::__private::first_of(
            [$($condition),+],
            $crate::__select_arms!(@list $(($run))+),
        ) {
            $(Some($crate::__select_arms!(@wrap [$($depth)*] $crate::__private::Won::First($pattern))) => $then,)+
            Some($crate::__select_arms!(@wrap [$($beyond)*] nobody)) => $crate::__private::Won::nobody(nobody),
            None => $otherwise,
        }
    };
    (@list) => { () };
    // Each function has its own expansion, and so its own place, by which the compiler's messages distinguish
    // the functions.
    (@list ($run:expr) $($rest:tt)*) => {
        (
            match $crate::__private::once(|| $run) {
                run => {
                    use $crate::__private::{ProbeCode as _, ProbeWait as _};
                    (&$crate::__private::Probe::of(&run)).selvedge_arm(run)
                }
            },
            $crate::__select_arms!(@list $($rest)*),
        )
    };
    (@wrap [] $($inner:tt)*) => { $($inner)* };
    (@wrap [> $($depth:tt)*] $($inner:tt)*) => {
        $crate::__private::Won::Rest($crate::__select_arms!(@wrap [$($depth)*] $($inner)*))
    };
    ($done:tt $depth:tt else => $then:expr $(,)?) => {
        $crate::__select_arms!(@race $done $depth $then)
    };
    ($done:tt $depth:tt $pattern:pat = $run:expr, if $condition:expr => $($then:tt)+) => {
        $crate::__select_arms!(@then $done $depth ($pattern, $run, $condition) $($then)+)
    };
    ($done:tt $depth:tt $pattern:pat = $run:expr => $($then:tt)+) => {
        $crate::__select_arms!(@then $done $depth ($pattern, $run, true) $($then)+)
    };
    ($done:tt $depth:tt) => {
        $crate::__select_arms!(@race $done $depth $crate::__private::all_disabled())
    };
}
