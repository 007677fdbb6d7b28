//! Generators: coroutines as iterators.

use std::any::Any;
use std::fmt;
use std::io;
use std::iter::FusedIterator;

use super::handle::{Builder, Coroutine};
use super::state::{IgnoredClose, Status};
use super::yielder::Yielder;

/// An iterator, written as a function that suspends with each item.
///
/// ```
/// use selvedge::Generator;
///
/// let fibonacci = Generator::new(|y| {
///     let (mut a, mut b) = (0_u64, 1);
///     loop {
///         y.suspend(a);
///         (a, b) = (b, a + b);
///     }
/// });
/// assert_eq!(fibonacci.skip(10).next(), Some(55));
/// ```
///
/// Dropping an unfinished generator closes it, as with a [`Coroutine`].
pub struct Generator<T: 'static>(Coroutine<(), T, ()>);

impl<T> Generator<T> {
    /// Creates a generator with a stack of [the default size](crate::stack::DEFAULT_STACK_SIZE_BYTES). For another size, or
    /// a name, use [`Builder::build_generator`].
    ///
    /// # Panics
    /// If no stack can be allocated.
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

    /// Ends the generator: unwinds its body. Afterwards `next` returns `None`.
    ///
    /// # Errors
    /// [`IgnoredClose`], with an item, if it suspended again: then it is still suspended.
    ///
    /// # Panics
    /// If the body panics, or a destructor of captures that were never used. If a destructor panics in the middle of the
    /// unwind, Rust aborts the process.
    pub fn close(&mut self) -> Result<(), IgnoredClose<T>> {
        self.0.close().map(drop)
    }

    /// Raises a payload where the generator is suspended; returns the next item if the body caught it.
    ///
    /// # Panics
    /// As [`Coroutine::throw`].
    pub fn throw(&mut self, payload: Box<dyn Any + Send>) -> Option<T> {
        self.0.throw(payload).yielded()
    }

    /// The generator's status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.status()
    }

    /// The name that was given to the builder.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.name()
    }

    /// The underlying coroutine.
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

impl<T> IntoIterator for Coroutine<(), T, ()> {
    type Item = T;
    type IntoIter = Generator<T>;

    fn into_iter(self) -> Generator<T> {
        Generator::from(self)
    }
}

impl Builder {
    /// Builds a generator.
    ///
    /// ```
    /// use selvedge::Coroutine;
    ///
    /// let digits = Coroutine::builder()
    ///     .stack_size_bytes(16 * 1024)
    ///     .build_generator(|y| y.yield_from(0..10))?;
    /// assert_eq!(digits.sum::<u32>(), 45);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`build`](Self::build).
    #[track_caller]
    pub fn build_generator<T, F>(self, body: F) -> io::Result<Generator<T>>
    where
        F: FnOnce(&Yielder<(), T>) + 'static,
    {
        let body = move |yielder: &Yielder<(), T>, ()| body(yielder);
        self.build(body).map(Generator::from)
    }
}

impl<T> Iterator for Generator<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.0.try_send(()).ok()?.yielded()
    }
}

impl<T> FusedIterator for Generator<T> {}

impl<T> fmt::Debug for Generator<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Generator").field(&self.0).finish()
    }
}
