//! Scoped coroutines: coroutines that borrow, within a closure.
//!
//! The scope owns its children; handles own nothing. So no child outlives the closure's borrows, even if
//! its handle is forgotten, swapped or dropped early: after the closure has returned or unwound, the scope
//! ends the remaining children. If one can't be ended, the scope's own coroutine is abandoned:
//! see [`unwind::abandon_innermost`].

use std::any::Any;
use std::cell::{RefCell, RefMut};
use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::rc::Rc;

use super::open_frame::OpenFrame;
use super::payload::{Payload, drop_payload};
use super::state::{CoroutineState, IgnoredClose, Refused, Status};
use super::typed::{End, Typed};
use super::unwind;
use super::yielder::Yielder;

/// Creates a scope whose coroutines may borrow from the frames around the call, as [`std::thread::scope`]
/// does for threads. When the closure returns or unwinds, the remaining children are ended, newest first.
///
/// ```
/// use selvedge::coroutine;
///
/// let words = vec!["warp".to_owned(), "weft".to_owned()];
/// let mut seen = 0;
/// let joined = coroutine::scope(|s| {
///     let letters = s.generator(|y| {
///         for word in &words {
///             seen += 1;
///             y.yield_from(word.chars());
///         }
///     });
///     letters.collect::<String>()
/// });
/// assert_eq!((joined.as_str(), seen), ("warpweft", 2));
/// ```
///
/// While a scope is open, the coroutine that opened it can't suspend.
///
/// # Panics
/// If the closure panics, or else if a child panics while it is ended: with the same payload.
///
/// If a child can't be ended (it suspends again 1,024 times, or it has begun and panics abort in this
/// program), the scope can't return: its coroutine is abandoned, that is, leaked as it is, and its resumer
/// gets a panic that says so. On a thread's own stack the process aborts with a message.
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let scope = Scope {
        children: ManuallyDrop::default(),
        scope: PhantomData,
        env: PhantomData,
    };
    let open = OpenFrame::open();
    let result = catch_unwind(AssertUnwindSafe(|| f(&scope)));
    let unwinding = AbortOnUnwind;
    let panicked = scope.end_all();
    std::mem::forget(unwinding);
    drop(open);
    match (result, panicked) {
        (Ok(value), None) => value,
        (Err(payload), more) => {
            more.into_iter().for_each(drop_payload);
            resume_unwind(payload)
        }
        (Ok(_), Some(payload)) => resume_unwind(payload),
    }
}

/// Aborts on an unwind while children remain. Nothing unwinds there; this guard enforces it.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        std::process::abort();
    }
}

/// Creates scoped coroutines: see [`scope`].
pub struct Scope<'scope, 'env: 'scope> {
    /// Emptied by `end_all`; without a destructor, so that the scope can be borrowed for all of `'scope`.
    children: ManuallyDrop<RefCell<Vec<Rc<dyn Child + 'scope>>>>,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// A child with its types erased.
trait Child {
    fn end(&self) -> End;
    /// Whether it is done, with nothing left on its stack.
    fn is_over(&self) -> bool;
}

type Shared<In, Out, Ret> = Rc<RefCell<Typed<In, Out, Ret>>>;

impl<In, Out, Ret> Child for RefCell<Typed<In, Out, Ret>> {
    fn end(&self) -> End {
        // A borrowed child is running: its own destructors may drop its handle.
        self.try_borrow_mut()
            .map_or(End::Stuck, |mut child| child.end())
    }

    fn is_over(&self) -> bool {
        self.try_borrow()
            .is_ok_and(|child| child.status() == Status::Done && !child.raw.is_abandoned())
    }
}

impl<'scope> Scope<'scope, '_> {
    /// Creates a coroutine that may borrow from around the scope.
    ///
    /// # Panics
    /// If no stack can be allocated.
    #[track_caller]
    pub fn coroutine<In, Out, Ret, F>(
        &'scope self,
        body: F,
    ) -> ScopedCoroutine<'scope, In, Out, Ret>
    where
        F: FnOnce(&Yielder<In, Out>, In) -> Ret + 'scope,
        In: 'scope,
        Out: 'scope,
        Ret: 'scope,
    {
        self.adopt(Typed::with_default_stack(Location::caller(), body))
    }

    /// Adds a coroutine to the children.
    pub(super) fn adopt<In, Out, Ret>(
        &'scope self,
        typed: Typed<In, Out, Ret>,
    ) -> ScopedCoroutine<'scope, In, Out, Ret>
    where
        In: 'scope,
        Out: 'scope,
        Ret: 'scope,
    {
        let child: Shared<In, Out, Ret> = Rc::new(RefCell::new(typed));
        let mut children = self.children.borrow_mut();
        if children.len() == children.capacity() {
            children.retain(|child| !child.is_over());
        }
        children.push(Rc::clone(&child) as Rc<dyn Child + 'scope>);
        ScopedCoroutine {
            child,
            scope: PhantomData,
        }
    }

    /// Creates a generator that may borrow from around the scope.
    ///
    /// # Panics
    /// If no stack can be allocated.
    #[track_caller]
    pub fn generator<T, F>(&'scope self, body: F) -> ScopedGenerator<'scope, T>
    where
        F: FnOnce(&Yielder<(), T>) + 'scope,
        T: 'scope,
    {
        ScopedGenerator(self.coroutine(move |yielder: &Yielder<(), T>, ()| body(yielder)))
    }

    /// Ends the children, newest first, including those that are created meanwhile. Returns the first
    /// payload with which one panics.
    fn end_all(&self) -> Option<Payload> {
        let mut panicked = None;
        loop {
            // The borrow ends here: a child's destructors may create children.
            let child = self.children.borrow_mut().pop();
            let Some(child) = child else {
                drop(self.children.take());
                return panicked;
            };
            match catch_unwind(AssertUnwindSafe(|| child.end())) {
                Ok(End::Ended) => {}
                // Its frames stay, with what they borrow, so the scope must not return.
                Ok(End::Stuck | End::Abandoned) => unwind::abandon_innermost(),
                Err(_) if !child.is_over() => unwind::abandon_innermost(),
                Err(payload) if panicked.is_none() => panicked = Some(payload),
                Err(payload) => drop_payload(payload),
            }
        }
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// A handle to a coroutine of a [`Scope`]. It works like a [`Coroutine`](crate::Coroutine).
///
/// It owns nothing: dropping it ends the coroutine early; if it is forgotten, the scope ends the
/// coroutine.
pub struct ScopedCoroutine<'scope, In, Out, Ret> {
    child: Shared<In, Out, Ret>,
    scope: PhantomData<&'scope mut &'scope ()>,
}

impl<In, Out, Ret> ScopedCoroutine<'_, In, Out, Ret> {
    /// The coroutine, which is borrowed while it runs.
    #[track_caller]
    fn child_mut(&self) -> RefMut<'_, Typed<In, Out, Ret>> {
        self.child.try_borrow_mut().unwrap_or_else(|_| running())
    }

    /// Enters the coroutine with a value: see [`Coroutine::send`](crate::Coroutine::send).
    ///
    /// # Panics
    /// If it is done; if its body panics, with the same payload.
    #[inline]
    #[track_caller]
    pub fn send(&mut self, value: In) -> CoroutineState<Out, Ret> {
        self.child_mut().send(value)
    }

    /// Enters the coroutine, or returns the value if the coroutine is done.
    ///
    /// # Errors
    /// [`Refused`], with the value.
    ///
    /// # Panics
    /// If its body panics, with the same payload.
    pub fn try_send(&mut self, value: In) -> Result<CoroutineState<Out, Ret>, Refused<In>> {
        match self.child.try_borrow_mut() {
            Ok(mut child) => child.try_send(value),
            Err(_) => Err(Refused::new(value, Status::Running)),
        }
    }

    /// Raises a payload where it is suspended: see [`Coroutine::throw`](crate::Coroutine::throw).
    ///
    /// # Panics
    /// With the payload, unless the body catches it.
    pub fn throw(&mut self, payload: Box<dyn Any + Send>) -> CoroutineState<Out, Ret> {
        self.child_mut().throw(payload)
    }

    /// Raises a payload, or returns it if the coroutine is not suspended.
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
        match self.child.try_borrow_mut() {
            Ok(mut child) => child.try_throw(payload),
            Err(_) => Err(Refused::new(payload, Status::Running)),
        }
    }

    /// Ends the coroutine: see [`Coroutine::close`](crate::Coroutine::close).
    ///
    /// # Errors
    /// [`IgnoredClose`] if it suspended again: then it is still suspended.
    ///
    /// # Panics
    /// If the body panics, or a destructor of captures that were never used. If a destructor panics in the middle of the
    /// unwind, Rust aborts the process.
    pub fn close(&mut self) -> Result<Option<Ret>, IgnoredClose<Out>> {
        self.child_mut().close()
    }

    /// The coroutine's status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.child
            .try_borrow()
            .map_or(Status::Running, |child| child.status())
    }
}

impl<Out, Ret> ScopedCoroutine<'_, (), Out, Ret> {
    /// Enters the coroutine: `send(())`.
    ///
    /// # Panics
    /// As [`send`](Self::send).
    #[inline]
    #[track_caller]
    pub fn resume(&mut self) -> CoroutineState<Out, Ret> {
        self.send(())
    }
}

impl<In, Out, Ret> Drop for ScopedCoroutine<'_, In, Out, Ret> {
    fn drop(&mut self) {
        // A child that can't be ended stays with the scope, which then abandons its own coroutine.
        match catch_unwind(AssertUnwindSafe(|| self.child.end())) {
            Err(payload) if std::thread::panicking() => drop_payload(payload),
            Err(payload) => resume_unwind(payload),
            Ok(_) => {}
        }
    }
}

impl<In, Out, Ret> fmt::Debug for ScopedCoroutine<'_, In, Out, Ret> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.child.try_borrow() {
            Ok(child) => child.fmt(f),
            Err(_) => f
                .debug_struct("Coroutine")
                .field("status", &Status::Running)
                .finish_non_exhaustive(),
        }
    }
}

#[cold]
#[track_caller]
fn running() -> ! {
    panic!(
        "selvedge: this coroutine is running, or being ended, and can't be entered from within \
         itself; try_send and try_throw return the value instead of panicking"
    )
}

/// An iterator over the values with which a coroutine of a [`Scope`] suspends.
#[derive(Debug)]
pub struct ScopedGenerator<'scope, T>(ScopedCoroutine<'scope, (), T, ()>);

impl<T> Iterator for ScopedGenerator<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.0.try_send(()).ok()?.yielded()
    }
}

impl<T> FusedIterator for ScopedGenerator<'_, T> {}
