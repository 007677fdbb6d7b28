//! Generators: coroutines as iterators.

use std::any::Any;
use std::fmt;
use std::iter::FusedIterator;

use super::handle::Coroutine;
use super::state::{CloseIgnored, CoroutineState, Status};
use super::yielder::Yielder;

/// An iterator written as a function that suspends with each item.
///
/// ```
/// use selvedge::{Generator, Yielder};
///
/// let fibonacci = Generator::new(|yielder: &Yielder<(), u64>| {
///     let (mut a, mut b) = (0, 1);
///     loop {
///         yielder.suspend(a);
///         (a, b) = (b, a + b);
///     }
/// });
/// assert_eq!(fibonacci.skip(10).next(), Some(55));
/// ```
///
/// Dropping it in the middle closes it, as a [`Coroutine`] is.
pub struct Generator<T: 'static>(Coroutine<(), T, ()>);

impl<T> Generator<T> {
    /// A generator of this body on a stack of 256 KiB; other sizes, and names, by
    /// [`Coroutine::builder`] and `into_iter`.
    ///
    /// # Panics
    /// If there is no stack to be had.
    #[track_caller]
    #[inline]
    pub fn new<F>(body: F) -> Self
    where
        F: FnOnce(&Yielder<(), T>) + 'static,
    {
        Self(Coroutine::new(move |yielder: &Yielder<(), T>, ()| {
            body(yielder)
        }))
    }

    /// Ends it: its body is unwound, and `next` answers `None` from then on.
    ///
    /// # Errors
    /// [`CloseIgnored`] if it suspended again, with that item: it lives on.
    ///
    /// # Panics
    /// If the body, or a destructor in it, panics.
    pub fn close(&mut self) -> Result<(), CloseIgnored<T>> {
        self.0.close().map(drop)
    }

    /// Raises a payload where it is suspended; answers the next item, if it caught that.
    ///
    /// # Panics
    /// As [`Coroutine::throw`].
    pub fn throw(&mut self, payload: Box<dyn Any + Send>) -> Option<T> {
        self.0.throw(payload).yielded()
    }

    /// Where it is in its life.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.status()
    }

    /// The name that was given to its builder.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.name()
    }

    /// The coroutine that it is.
    #[must_use]
    pub fn into_coroutine(self) -> Coroutine<(), T, ()> {
        self.0
    }
}

impl<T> From<Coroutine<(), T, ()>> for Generator<T> {
    fn from(coroutine: Coroutine<(), T, ()>) -> Self {
        Self(coroutine)
    }
}

impl<T> Iterator for Generator<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        match self.0.try_send(()) {
            Ok(CoroutineState::Yielded(item)) => Some(item),
            Ok(CoroutineState::Complete(())) | Err(_) => None,
        }
    }
}

impl<T> FusedIterator for Generator<T> {}

impl<T> fmt::Debug for Generator<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Generator").field(&self.0).finish()
    }
}
