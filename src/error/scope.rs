//! How a scope of tasks failed.

use std::error::Error;
use std::io;

use super::TaskError;
use crate::util::fmt::impl_fmt;

/// Tasks of a [`scope`](crate::scope()) have failed. Holds the errors of all failed tasks, in the order in which
/// they failed. Cancelled tasks are not among them.
///
/// ```
/// let failure = selvedge::run(|| {
///     selvedge::scope(|s| {
///         s.spawn_fallible(|| "weft".parse::<u32>());
///         s.spawn(|| selvedge::sleep(std::time::Duration::MAX));
///     })
///     .unwrap_err()
/// });
/// assert_eq!(failure.errors().len(), 1);
/// assert!(failure.errors()[0].downcast_ref::<std::num::ParseIntError>().is_some());
/// ```
#[derive(Clone, Debug)]
pub struct ScopeError {
    errors: Vec<TaskError>,
}

impl ScopeError {
    pub(crate) fn new(errors: Vec<TaskError>) -> Self {
        Self { errors }
    }

    /// The errors; the first one ended the scope.
    #[must_use]
    pub fn errors(&self) -> &[TaskError] {
        &self.errors
    }

    /// The errors by value.
    #[must_use]
    pub fn into_errors(self) -> Vec<TaskError> {
        self.errors
    }
}

impl IntoIterator for ScopeError {
    type Item = TaskError;
    type IntoIter = std::vec::IntoIter<TaskError>;

    fn into_iter(self) -> Self::IntoIter {
        self.errors.into_iter()
    }
}

impl<'a> IntoIterator for &'a ScopeError {
    type Item = &'a TaskError;
    type IntoIter = std::slice::Iter<'a, TaskError>;

    fn into_iter(self) -> Self::IntoIter {
        self.errors.iter()
    }
}

impl_fmt!(Display for ScopeError, |this, f| match &*this.errors {
    [] => f.write_str("a scope failed"),
    [error] => write!(f, "a task of a scope failed: {error}"),
    errors => {
        write!(f, "{} tasks of a scope failed:", errors.len())?;
        errors.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
});

impl Error for ScopeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.errors.first().map(|error| error as _)
    }
}

/// Wraps the error, with the kind that the first task's error has as an `io::Error`.
impl From<ScopeError> for io::Error {
    fn from(error: ScopeError) -> Self {
        let first = error.errors.first();
        let kind = first.map_or(io::ErrorKind::Other, TaskError::io_kind);
        Self::new(kind, error)
    }
}
