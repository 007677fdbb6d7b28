//! The owned handle and its builder.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::Location;

use super::scope::{Scope, ScopedCoroutine};
use super::state::{CoroutineState, IgnoredClose, Refused, Status};
use super::typed::Typed;
use super::yielder::Yielder;
use crate::stack::{DEFAULT_STACK_SIZE_BYTES, StackUsage};

/// A coroutine: a function with its own stack that can suspend in the middle and be resumed, passing a
/// value in each direction.
///
/// ```
/// use selvedge::{Coroutine, CoroutineState, Yielder};
///
/// let mut average = Coroutine::new(|yielder: &Yielder<Option<f64>, f64>, mut next: Option<f64>| {
///     let (mut sum, mut n) = (0.0, 0);
///     while let Some(value) = next {
///         sum += value;
///         n += 1;
///         next = yielder.suspend(sum / f64::from(n));
///     }
///     n
/// });
/// assert_eq!(average.send(Some(1.0)), CoroutineState::Yielded(1.0));
/// assert_eq!(average.send(Some(2.0)), CoroutineState::Yielded(1.5));
/// assert_eq!(average.send(None), CoroutineState::Complete(2));
/// ```
///
/// The first value that is sent becomes the body's second parameter; `suspend` returns each further one.
/// `In`, `Out`, `Ret` and the body's captures are `'static`; a coroutine that borrows is created in a
/// [`scope`](crate::coroutine::scope()). A coroutine stays on its thread.
///
/// Dropping a suspended coroutine closes it: its body is unwound, so that destructors run. A body that
/// swallows the unwind is closed again up to 1,024 times; then its stack is leaked, or the process
/// aborts if the thread panics and the body's own unwind is in progress. A running coroutine
/// (dropped from within itself, or as the process exits) is leaked, and so is a suspended one that is
/// dropped at the end of its thread, after this library's thread-local was destroyed. Where panics abort, a
/// coroutine that has begun is leaked too.
///
/// # Limits
/// - Safe code can break memory safety in one way: by a suspension (or a wait of a task, which suspends too) while a
///   reference into a thread-local is held. The standard library assumes that such a reference ends before anything
///   else happens on the thread, and neither the language nor this library can check that. Four cases are known:
///   - A body is suspended or abandoned inside of `LocalKey::with` when its thread ends, or when the process exits by
///     `std::process::exit` on that thread, even if its handle is forgotten: the key's destructor runs under the body's
///     borrow. The body then uses freed memory if the destructor of an older thread-local unwinds or resumes it, or if
///     a thread that the body has started by `std::thread::scope` reads the value.
///   - A `thread_local!` initialiser suspends. Meanwhile another task, or the code that resumes, initialises the key
///     and takes references. When the first initialiser ends, its value replaces the value that is referenced. This
///     case needs no end of a thread.
///   - An [`EventLoop`](crate::EventLoop) in a thread-local has a task that is suspended inside of `with`, and the key
///     is younger than the loop. If this library's thread-local is already destroyed when the loop is dropped, the loop
///     leaks its tasks; otherwise it unwinds them.
///   - A task waits in the destructor of a thread-local while the process exits: other tasks continue to run although
///     keys that they refer to were destroyed.
///
///   So don't suspend and don't wait inside of `LocalKey::with`, in an initialiser, or in the destructor of a
///   thread-local: copy or clone the value out first. Keep a value that has to be borrowed across a wait in an `Rc` in
///   the thread-local.
/// - Don't suspend in the closure of a crate that keeps a stack of pointers for each thread.
/// - On a stack that another library has made (for its coroutines, or to grow the stack), scopes, timeouts, waits for
///   several tasks, `block_on`, eager tasks and loops panic with a message or return an error, because that library
///   could leave the stack while they run. Plain waits work there. For deep recursion use
///   [`on_stack`](crate::coroutine::on_stack()).
/// - A std mutex that is held across a suspension is poisoned by a close, and deadlocks any code that
///   locks it on this thread.
/// - MXCSR, the x87 control word and FPCR are not switched.
pub struct Coroutine<In, Out, Ret>(Typed<In, Out, Ret>)
where
    In: 'static,
    Out: 'static,
    Ret: 'static;

impl<In, Out, Ret> Coroutine<In, Out, Ret> {
    /// Creates a coroutine with a stack of [the default size](crate::stack::DEFAULT_STACK_SIZE_BYTES).
    ///
    /// # Panics
    /// If no stack can be allocated, with the message of the error that
    /// [`build`](Builder::build) returns.
    #[track_caller]
    #[inline]
    pub fn new<F>(body: F) -> Self
    where
        F: FnOnce(&Yielder<In, Out>, In) -> Ret + 'static,
    {
        Self(Typed::with_default_stack(Location::caller(), body))
    }

    /// Enters the coroutine with a value; returns when it suspends or its body returns.
    ///
    /// # Panics
    /// If the coroutine is done. If the body panics: the same payload continues here, and the coroutine is
    /// done.
    ///
    /// ```should_panic
    /// use selvedge::{Coroutine, Yielder};
    ///
    /// let mut coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| ());
    /// coroutine.send(());
    /// coroutine.send(()); // finished
    /// ```
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    #[track_caller]
    pub fn send(&mut self, value: In) -> CoroutineState<Out, Ret> {
        self.0.send(value)
    }

    /// Enters the coroutine like [`send`](Self::send), or returns the value if the coroutine is done.
    ///
    /// # Errors
    /// [`Refused`], with the value.
    ///
    /// # Panics
    /// If the body panics, with the same payload.
    #[inline]
    pub fn try_send(&mut self, value: In) -> Result<CoroutineState<Out, Ret>, Refused<In>> {
        self.0.try_send(value)
    }

    /// Raises a payload where the coroutine is suspended, by unwinding; returns when the coroutine
    /// suspends again or its body returns.
    ///
    /// ```
    /// use selvedge::coroutine::Thrown;
    /// use selvedge::{Coroutine, CoroutineState, Yielder};
    ///
    /// let mut body = Coroutine::new(|yielder: &Yielder<(), u32>, ()| match yielder.suspend_catching(1) {
    ///     Err(Thrown::Payload(payload)) => *payload.downcast::<u32>().unwrap(),
    ///     _ => 0,
    /// });
    /// body.resume();
    /// assert_eq!(body.throw(Box::new(7_u32)), CoroutineState::Complete(7));
    /// ```
    ///
    /// # Panics
    /// With the payload, if it escapes the body, or if the coroutine is done or unstarted. The body of an
    /// unstarted one never runs; its captures are dropped.
    pub fn throw(&mut self, payload: Box<dyn Any + Send>) -> CoroutineState<Out, Ret> {
        self.0.throw(payload)
    }

    /// Raises a payload like [`throw`](Self::throw), or returns it, and changes nothing, if the coroutine is
    /// not suspended.
    ///
    /// # Errors
    /// [`Refused`], with the payload.
    ///
    /// # Panics
    /// With the payload, if it escapes the body.
    pub fn try_throw(
        &mut self,
        payload: Box<dyn Any + Send>,
    ) -> Result<CoroutineState<Out, Ret>, Refused<Box<dyn Any + Send>>> {
        self.0.try_throw(payload)
    }

    /// Ends the coroutine: unwinds its body from where it is suspended, which drops its locals.
    /// `Ok(Some(ret))` if the body caught the unwind and returned.
    ///
    /// The body of an unstarted coroutine never runs; its captures are dropped. Closing a coroutine that is
    /// done does nothing.
    ///
    /// # Errors
    /// [`IgnoredClose`] if it suspended again: then it is still suspended, and can be closed again.
    ///
    /// # Panics
    /// If the body panics, or a destructor of captures that were never used. If a destructor panics in the middle of the
    /// unwind, Rust aborts the process.
    pub fn close(&mut self) -> Result<Option<Ret>, IgnoredClose<Out>> {
        self.0.close()
    }

    /// The coroutine's status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.status()
    }

    /// The name that was given to the builder.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.raw.name()
    }

    /// The place in the source where it was created.
    #[must_use]
    pub fn created_at(&self) -> &'static Location<'static> {
        self.0.raw.site
    }

    /// The usage of its stack; `None` once it is done.
    #[must_use]
    pub fn stack(&self) -> Option<StackUsage> {
        self.0.raw.usage()
    }
}

impl<Out, Ret> Coroutine<(), Out, Ret> {
    /// Enters the coroutine: `send(())`.
    ///
    /// # Panics
    /// As [`send`](Self::send).
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    #[track_caller]
    pub fn resume(&mut self) -> CoroutineState<Out, Ret> {
        self.0.send(())
    }
}

impl Coroutine<(), (), ()> {
    /// A builder that sets a name and the size of the stack.
    ///
    /// ```
    /// use selvedge::{Coroutine, Yielder};
    ///
    /// let coroutine = Coroutine::builder()
    ///     .name("parser")
    ///     .stack_size_bytes(1024 * 1024)
    ///     .build(|yielder: &Yielder<(), char>, ()| yielder.yield_from("abc".chars()))?;
    /// assert_eq!(coroutine.name(), Some("parser"));
    /// assert_eq!(coroutine.into_iter().collect::<String>(), "abc");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn builder() -> Builder {
        Builder {
            stack_size_bytes: DEFAULT_STACK_SIZE_BYTES,
            name: None,
        }
    }
}

impl<In, Out, Ret> fmt::Debug for Coroutine<In, Out, Ret> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Settings for a new coroutine: see [`Coroutine::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
#[doc(alias = "CoroutineBuilder")]
pub struct Builder {
    stack_size_bytes: usize,
    name: Option<String>,
}

impl Builder {
    /// Sets the usable size of the stack in bytes. It is rounded up to whole pages, and to at least
    /// [`MIN_STACK_SIZE_BYTES`](crate::stack::MIN_STACK_SIZE_BYTES); [`Coroutine::stack`] returns the
    /// size that the stack has. With zero, `build` returns an error.
    ///
    /// The stack is reserved address space: a page is committed when it is first touched.
    pub fn stack_size_bytes(mut self, bytes: usize) -> Self {
        self.stack_size_bytes = bytes;
        self
    }

    /// Sets the name, for `Debug` and the overflow report.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Builds a coroutine.
    ///
    /// # Errors
    /// - `InvalidInput` if the size of the stack is zero or does not fit the address space;
    /// - `OutOfMemory`, or another error of the system, if no stack can be allocated. Where guards need
    ///   mappings (Linux before 6.13), the error at the limit of mappings names `vm.max_map_count`.
    ///
    /// ```
    /// use selvedge::{Coroutine, Yielder};
    ///
    /// let built = Coroutine::builder().stack_size_bytes(0).build(|_: &Yielder<(), ()>, ()| ());
    /// assert_eq!(built.unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    /// ```
    #[track_caller]
    pub fn build<In, Out, Ret, F>(self, body: F) -> io::Result<Coroutine<In, Out, Ret>>
    where
        F: FnOnce(&Yielder<In, Out>, In) -> Ret + 'static,
    {
        self.build_typed(Location::caller(), body).map(Coroutine)
    }

    /// Builds a coroutine that may borrow from around a scope.
    ///
    /// ```
    /// use selvedge::{Coroutine, Yielder, coroutine};
    ///
    /// let text = String::from("deep");
    /// let length = coroutine::scope(|s| {
    ///     let builder = Coroutine::builder().name("reader").stack_size_bytes(1024 * 1024);
    ///     let mut reader = builder.build_scoped(s, |_: &Yielder<(), ()>, ()| text.len())?;
    ///     Ok::<_, std::io::Error>(reader.resume().unwrap_complete())
    /// })?;
    /// assert_eq!(length, 4);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`build`](Self::build).
    #[track_caller]
    pub fn build_scoped<'scope, In, Out, Ret, F>(
        self,
        scope: &'scope Scope<'scope, '_>,
        body: F,
    ) -> io::Result<ScopedCoroutine<'scope, In, Out, Ret>>
    where
        F: FnOnce(&Yielder<In, Out>, In) -> Ret + 'scope,
        In: 'scope,
        Out: 'scope,
        Ret: 'scope,
    {
        let typed = self.build_typed(Location::caller(), body)?;
        Ok(scope.adopt(typed))
    }

    fn build_typed<In, Out, Ret, F>(
        self,
        site: &'static Location<'static>,
        body: F,
    ) -> io::Result<Typed<In, Out, Ret>>
    where
        F: FnOnce(&Yielder<In, Out>, In) -> Ret,
    {
        Typed::new(self.stack_size_bytes, self.name, site, body)
    }
}

#[cfg(test)]
mod tests {
    use std::any::Any;
    use std::cell::Cell;
    use std::rc::Rc;

    use super::{Coroutine, Yielder};
    use crate::coroutine::open_frame::any_entered;

    struct WalkOnDrop(Rc<Cell<usize>>);

    impl Drop for WalkOnDrop {
        fn drop(&mut self) {
            let visit = |_| {
                self.0.set(self.0.get() + 1);
                false
            };
            assert!(!any_entered(visit).unwrap());
        }
    }

    #[test]
    fn a_walk_passes_over_nested_closes() {
        let n_visited = Rc::new(Cell::new(0));
        let mut chain: Box<dyn Any> = Box::new(WalkOnDrop(n_visited.clone()));
        for _ in 0..100 {
            let mut outer = Coroutine::new(move |y: &Yielder<(), ()>, ()| {
                let _inner = chain;
                y.suspend(());
            });
            outer.resume();
            chain = Box::new(outer);
        }
        drop(chain);
        assert!([1, 2].contains(&n_visited.get()), "{n_visited:?} of 100");
    }
}
