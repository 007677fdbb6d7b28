//! [`try_scope`]: a scope whose closure may fail.

use super::scope::{Scope, scope};
use crate::error::ScopeError;
use crate::runtime::core::{ExceptionContext, cancel_frame, current};
use crate::runtime::wait::task_context;

/// May suspend: as [`scope`](crate::scope()), for a closure that returns a `Result`. When the closure returns `Err`,
/// for example at a `?`, its tasks are cancelled, as after a panic of the closure.
///
/// In [`scope`](crate::scope()) an `Err` is a value like any other: that scope waits until its tasks end by
/// themselves.
///
/// ```
/// use std::io;
/// use std::time::Duration;
/// use selvedge::{sleep, task::try_scope};
///
/// let outcome: io::Result<()> = selvedge::run(|| {
///     try_scope(|s| {
///         s.spawn(|| sleep(Duration::MAX));
///         selvedge::fs::read("/no/such/pattern")?;
///         Ok(())
///     })
/// });
/// assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::NotFound);
/// ```
///
/// # Errors
/// The first failure: the error of the closure, or a [`ScopeError`] with the errors of the tasks. If the closure's
/// error came first, the loop's exception handler gets the errors of tasks that fail while they are cancelled. If a
/// task's error came first, the closure is cancelled, and an error that the closure still returns is dropped.
///
/// # Panics
/// As [`scope`](crate::scope()).
///
/// # Cancellation
/// As [`scope`](crate::scope()). The error of the closure counts as a task's error.
pub fn try_scope<'env, F, T, E>(f: F) -> Result<T, E>
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> Result<T, E>,
    E: From<ScopeError>,
{
    let (mut failure, mut is_failure) = (None, false);
    let ended = scope(|s| {
        f(s).map_err(|error| {
            if !s.state.has_failed() {
                failure = Some(error);
            }
            is_failure = s.state.fail_body();
        })
    });
    match (ended, failure) {
        (Ok(Ok(value)), _) => Ok(value),
        (Ok(Err(())), Some(error)) => {
            // As `scope` does after the errors of its tasks.
            if is_failure && let Ok(here) = task_context() {
                cancel_frame::redeliver(here.task);
            }
            Err(error)
        }
        (Err(errors), None) => Err(errors.into()),
        (Err(errors), Some(error)) => {
            report(errors);
            Err(error)
        }
        (Ok(Err(())), None) => unreachable!("a scope with a task that has failed returns an error"),
    }
}

/// Reports the errors of tasks that have failed after the closure.
#[cold]
fn report(errors: ScopeError) {
    let Some(core) = current() else { return };
    for error in errors {
        let message = "Task failed in a scope whose closure had returned an error";
        core.report(&ExceptionContext::new(message).with_exception(error));
    }
}
