//! Coroutines that borrow, within a closure.
//!
//! The scope owns its children; handles own nothing. So whatever happens to a handle (it is
//! forgotten, swapped, dropped early), no child outlives the closure's borrows: when the
//! closure has returned or unwound, the scope ends the children that are left. One that can't
//! be ended takes the stack below it along: see [`unwind::give_up`].

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::rc::Rc;

use super::open_frame::OpenFrame;
use super::state::{CloseIgnored, CoroutineState, Refused, Status};
use super::typed::{End, Typed};
use super::unwind::{self, Payload};
use super::yielder::Yielder;
use crate::stack::DEFAULT_STACK_SIZE;

/// Makes coroutines that may borrow from the frames around the call, as [`std::thread::scope`]
/// does for threads. When the closure returns or unwinds, the children that are left are
/// ended, the newest first.
///
/// ```
/// use selvedge::{Yielder, coroutine};
///
/// let words = vec!["warp".to_owned(), "weft".to_owned()];
/// let mut seen = 0;
/// let joined = coroutine::scope(|s| {
///     let letters = s.generator(|yielder: &Yielder<(), char>| {
///         for word in &words {
///             seen += 1;
///             yielder.yield_from(word.chars());
///         }
///     });
///     letters.collect::<String>()
/// });
/// assert_eq!((joined.as_str(), seen), ("warpweft", 2));
/// ```
///
/// While a scope is open, the coroutine on whose stack it is can't suspend.
///
/// # Panics
/// With what the closure panics with, else with what a child panics with as it is ended.
///
/// A child that can't be ended (it suspends again 1,024 times, or panics abort in this program
/// and it has begun) makes it impossible to return: the coroutine on whose stack the scope is
/// gets abandoned, leaked as it is, and whoever entered that one gets a panic that says so. On
/// a thread's own stack the process aborts with a sentence.
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
            more.into_iter().for_each(unwind::drop_payload);
            resume_unwind(payload)
        }
        (Ok(_), Some(payload)) => resume_unwind(payload),
    }
}

/// Nothing may unwind while children are left. Nothing does; this makes sure.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        std::process::abort();
    }
}

/// Where scoped coroutines are made: see [`scope`].
pub struct Scope<'scope, 'env: 'scope> {
    /// Emptied by `end_all`; without a destructor of its own, so that the scope can be borrowed
    /// for all of `'scope`.
    children: ManuallyDrop<RefCell<Vec<Rc<dyn Child + 'scope>>>>,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// What a scope needs of a child, whatever its types.
trait Child {
    fn end(&self) -> End;
    /// Whether it is done, with nothing left on its stack.
    fn is_over(&self) -> bool;
}

type Shared<In, Out, Ret> = Rc<RefCell<Typed<In, Out, Ret>>>;

impl<In, Out, Ret> Child for RefCell<Typed<In, Out, Ret>> {
    fn end(&self) -> End {
        // A child that is borrowed is running; its own destructors may drop its handle.
        self.try_borrow_mut()
            .map_or(End::Stubborn, |mut child| child.end())
    }

    fn is_over(&self) -> bool {
        self.try_borrow()
            .is_ok_and(|child| child.status() == Status::Done && !child.raw.is_abandoned())
    }
}

impl<'scope> Scope<'scope, '_> {
    /// A coroutine whose body may borrow from around the scope.
    ///
    /// # Panics
    /// If there is no stack to be had.
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
        let typed = match Typed::new(DEFAULT_STACK_SIZE, None, Location::caller(), body) {
            Ok(typed) => typed,
            Err(error) => panic!("selvedge: no stack for a coroutine: {error}"),
        };
        self.adopt(typed)
    }

    /// Makes a coroutine a child.
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

    /// A generator whose body may borrow from around the scope.
    ///
    /// # Panics
    /// If there is no stack to be had.
    #[track_caller]
    pub fn generator<T, F>(&'scope self, body: F) -> ScopedGenerator<'scope, T>
    where
        F: FnOnce(&Yielder<(), T>) + 'scope,
        T: 'scope,
    {
        ScopedGenerator(self.coroutine(move |yielder: &Yielder<(), T>, ()| body(yielder)))
    }

    /// Ends the children, the newest first, those included that are made meanwhile; answers the
    /// first panic of one.
    fn end_all(&self) -> Option<Payload> {
        let mut panicked = None;
        loop {
            // The borrow ends here: a child's destructors may make others.
            let child = self.children.borrow_mut().pop();
            let Some(child) = child else {
                drop(self.children.take());
                return panicked;
            };
            match catch_unwind(AssertUnwindSafe(|| child.end())) {
                Ok(End::Ended) => {}
                // Its frames live on, with what they borrow: nobody may return past that.
                Ok(End::Stubborn | End::Abandoned) => unwind::give_up(),
                Err(_) if !child.is_over() => unwind::give_up(),
                Err(payload) if panicked.is_none() => panicked = Some(payload),
                Err(payload) => unwind::drop_payload(payload),
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
/// It owns nothing: dropping it ends its coroutine early, forgetting it leaves that to the
/// scope.
pub struct ScopedCoroutine<'scope, In, Out, Ret> {
    child: Shared<In, Out, Ret>,
    scope: PhantomData<&'scope mut &'scope ()>,
}

impl<In, Out, Ret> ScopedCoroutine<'_, In, Out, Ret> {
    /// Enters the coroutine with a value: see [`Coroutine::send`](crate::Coroutine::send).
    ///
    /// # Panics
    /// If it is done; with what its body panics with.
    #[inline]
    #[track_caller]
    pub fn send(&mut self, value: In) -> CoroutineState<Out, Ret> {
        match self.child.try_borrow_mut() {
            Ok(mut child) => child.send(value),
            Err(_) => running(),
        }
    }

    /// Enters the coroutine, or hands the value back if it is done.
    ///
    /// # Errors
    /// [`Refused`], with the value.
    ///
    /// # Panics
    /// With what its body panics with.
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
        match self.child.try_borrow_mut() {
            Ok(mut child) => child.throw(payload),
            Err(_) => running(),
        }
    }

    /// Raises a payload, or hands it back if the coroutine is not suspended.
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
    /// [`CloseIgnored`] if it suspended again: it lives on.
    ///
    /// # Panics
    /// If the body, or a destructor in it, panics.
    pub fn close(&mut self) -> Result<Option<Ret>, CloseIgnored<Out>> {
        match self.child.try_borrow_mut() {
            Ok(mut child) => child.close(),
            Err(_) => running(),
        }
    }

    /// Where the coroutine is in its life.
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
        // What can't be ended is left to the scope, which can't be left then.
        match catch_unwind(AssertUnwindSafe(|| self.child.end())) {
            Err(payload) if std::thread::panicking() => unwind::drop_payload(payload),
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
         itself; try_send and try_throw hand the value back instead of panicking"
    )
}

/// An iterator over what a coroutine of a [`Scope`] suspends with.
#[derive(Debug)]
pub struct ScopedGenerator<'scope, T>(ScopedCoroutine<'scope, (), T, ()>);

impl<T> Iterator for ScopedGenerator<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        match self.0.try_send(()) {
            Ok(CoroutineState::Yielded(item)) => Some(item),
            Ok(CoroutineState::Complete(())) | Err(_) => None,
        }
    }
}

impl<T> FusedIterator for ScopedGenerator<'_, T> {}
