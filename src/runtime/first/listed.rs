//! [`Listed`]: a wait in one list of waiters.

use std::fmt;
use std::pin::Pin;

use super::sealed::Sealed;
use super::{Arm, End, Wait};
use crate::runtime::core::{TaskContext, WaitList};

/// What a [`Listed`] waits for.
pub(crate) trait Source {
    type Output;

    /// The output, if no wait is needed.
    fn try_now(&self) -> Option<Self::Output>;

    /// Calls a function with the list, which exists while the wait is not done.
    fn with_list(&self, f: impl FnOnce(&WaitList));

    /// Checks whether a task may wait.
    ///
    /// # Panics
    /// If it may not.
    fn check(&self, _here: TaskContext) {}

    /// The amount that the task waits for, in the unit of the list's owner.
    fn wants(&self) -> usize {
        0
    }

    /// The output after the task was woken: handed what it waited for, or dismissed.
    fn finish(&self, is_handed: bool) -> Self::Output;

    /// Gives back what the task was handed. The task has left the list.
    fn leave(&self, _is_handed: bool) {}

    /// Completes the sentence "the task waits for ...".
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// A wait in the list of a source.
pub(crate) struct Listed<S>(pub(crate) S);

impl<S> Sealed for Listed<S> {}

impl<S: Source> Wait for Listed<S> {
    type Output = S::Output;

    fn try_now(&mut self) -> Option<S::Output> {
        self.0.try_now()
    }

    fn start(&mut self, arm: Pin<&Arm>) -> bool {
        self.0.check(arm.here());
        let wants = self.0.wants();
        self.0.with_list(|list| arm.wait_in(list, wants));
        false
    }

    fn is_done(&mut self, arm: Pin<&Arm>) -> bool {
        arm.is_woken()
    }

    fn leave(&mut self, end: End) {
        self.0.leave(end.is_handed);
    }

    fn finish(&mut self, end: End) -> S::Output {
        self.0.finish(end.is_handed)
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe(f)
    }
}
