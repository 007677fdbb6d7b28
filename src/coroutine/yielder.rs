//! The inside of a coroutine: suspending.

#![allow(unsafe_code)]

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

use super::Coroutine;
use super::header::Header;
use super::state::{CoroutineState, Thrown};
use super::unwind::{Payload, Raised, close_payload, is_close, raise, refuse};
use super::value;
use crate::arch::{self, Parked, VALUE, Word};

/// The inside of a coroutine: its body gets one, and suspends by it.
///
/// It can be passed down to any function that the body calls. Only the innermost coroutine that
/// runs can suspend, on its own stack: anything else panics with a sentence and switches
/// nothing.
#[repr(transparent)]
pub struct Yielder<In, Out> {
    header: Header,
    values: PhantomData<*mut (In, Out)>,
}

impl<In, Out> Yielder<In, Out> {
    /// The yielder of the coroutine with this header.
    ///
    /// # Safety
    /// The header is initialised, its coroutine's types are these, and it lives for `'a`.
    pub(super) unsafe fn at<'a>(header: *mut Header) -> &'a Self {
        // SAFETY: a yielder is its header, in another type; the rest is the caller's.
        unsafe { &*header.cast::<Self>() }
    }

    /// Suspends: parks the coroutine, hands `out` to whoever entered it, and returns what is
    /// sent next.
    ///
    /// ```
    /// use selvedge::{Coroutine, CoroutineState, Yielder};
    ///
    /// let mut doubler = Coroutine::new(|yielder: &Yielder<i32, i32>, mut n: i32| loop {
    ///     n = yielder.suspend(2 * n);
    /// });
    /// let doubled: [CoroutineState<i32, ()>; 2] = [doubler.send(1), doubler.send(21)];
    /// assert_eq!(doubled.map(CoroutineState::yielded), [Some(2), Some(42)]);
    /// ```
    ///
    /// # Panics
    /// If this is not the innermost coroutine that runs, on its own stack; if a
    /// [`scope`](crate::coroutine::scope) is open on it; if the thread is panicking. `out` is
    /// dropped then, and nothing is switched. In a destructor that runs because of a panic this
    /// aborts the process, as any panic does there: use [`try_suspend`](Self::try_suspend).
    ///
    /// # Cancellation
    /// [`close`](Coroutine::close), dropping the handle and [`throw`](Coroutine::throw) unwind
    /// from here, so destructors run. The panic hook does not.
    // Inlined into the body, so that the `ret` of the switch meets the `call` of the resumer; but
    // not without optimisation, where each place would add its copies of the value to the body's
    // frame.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    #[track_caller]
    pub fn suspend(&self, out: Out) -> In {
        match self.switch(out) {
            Ok(value) => value,
            Err(raised) => raise(raised),
        }
    }

    /// Suspends like [`suspend`](Self::suspend), but returns what is thrown instead of
    /// unwinding with it.
    ///
    /// # Errors
    /// [`Thrown::Close`] and [`Thrown::Payload`] in place of a value; [`Thrown::Panicking`] if
    /// the thread is panicking, when `out` is dropped and nothing is switched.
    ///
    /// # Panics
    /// If this is not the innermost coroutine that runs, on its own stack, or a scope is open.
    ///
    /// ```
    /// use selvedge::{Coroutine, Thrown, Yielder};
    ///
    /// let mut server = Coroutine::new(|yielder: &Yielder<u32, u32>, mut request: u32| {
    ///     let mut served = 0;
    ///     loop {
    ///         served += 1;
    ///         match yielder.try_suspend(request + 1) {
    ///             Ok(next) => request = next,
    ///             Err(Thrown::Close) => return served,
    ///             Err(other) => panic!("{other:?}"),
    ///         }
    ///     }
    /// });
    /// server.send(10);
    /// server.send(20);
    /// assert_eq!(server.close().unwrap(), Some(2));
    /// ```
    #[track_caller]
    pub fn try_suspend(&self, out: Out) -> Result<In, Thrown> {
        self.switch(out).map_err(|raised| match raised {
            Raised::Payload(payload) if is_close(&payload, self.header.close_request.get()) => {
                Thrown::Close
            }
            Raised::Payload(payload) => Thrown::Payload(payload),
            Raised::Panicking => Thrown::Panicking,
        })
    }

    /// Suspends with whatever another coroutine suspends with until that one completes, as if
    /// its body stood here; returns what it returned.
    ///
    /// What is sent, thrown or closed meanwhile reaches the inner one: a close that ends it
    /// ends this one as well.
    ///
    /// ```
    /// use selvedge::{Coroutine, CoroutineState, Yielder};
    ///
    /// let mut outer = Coroutine::new(|yielder: &Yielder<u32, u32>, first: u32| {
    ///     let mut inner = Coroutine::new(|yielder: &Yielder<u32, u32>, first: u32| {
    ///         first + yielder.suspend(first)
    ///     });
    ///     yielder.delegate(&mut inner, first)
    /// });
    /// assert_eq!(outer.send(2), CoroutineState::Yielded(2));
    /// assert_eq!(outer.send(40), CoroutineState::Complete(42));
    /// ```
    ///
    /// # Panics
    /// As [`suspend`](Self::suspend); if the inner one is done; with what the inner one panics
    /// with.
    #[track_caller]
    pub fn delegate<R>(&self, inner: &mut Coroutine<In, Out, R>, first: In) -> R {
        if !self.header.may_be_left() {
            drop(first);
            raise(refuse(&self.header));
        }
        let mut state = inner.send(first);
        loop {
            let out = match state {
                CoroutineState::Complete(ret) => return ret,
                CoroutineState::Yielded(out) => out,
            };
            state = match self.switch(out) {
                Ok(value) => inner.send(value),
                Err(Raised::Payload(payload)) => self.throw_into(inner, payload),
                Err(raised) => raise(raised),
            }
        }
    }

    /// Passes on to an inner coroutine what was thrown at this one.
    fn throw_into<R>(
        &self,
        inner: &mut Coroutine<In, Out, R>,
        payload: Payload,
    ) -> CoroutineState<Out, R> {
        let request = self.header.close_request.get();
        if !is_close(&payload, request) {
            return inner.throw(payload);
        }
        match inner.close() {
            Ok(_) => raise(Raised::Payload(close_payload(request))),
            Err(ignored) => match ignored.into_value() {
                Some(out) => CoroutineState::Yielded(out),
                // Panics abort: nothing is ever raised there.
                None => unreachable!("a close arrived in a program whose panics abort"),
            },
        }
    }

    /// Parks the coroutine, notes where, and enters another one with a value; that one takes over
    /// the resumer. Returns what is sent next.
    ///
    /// # Panics
    /// As [`suspend`](Self::suspend).
    ///
    /// # Safety
    /// Another coroutine that expects a value of the same type is parked at `to`; `save` is
    /// writable; whoever enters this one again knows that it is parked where `save` says.
    #[inline(always)]
    pub(super) unsafe fn transfer(&self, save: *mut Parked, to: Parked, value: In) -> In {
        let header = &self.header;
        let link = header.link();
        if !header.may_be_left() || std::thread::panicking() {
            drop(value);
            raise(refuse(header));
        }
        let mut value = ManuallyDrop::new(value);
        // SAFETY: as in `switch`; the rest is the caller's word.
        let received = unsafe {
            let word = value::encode(&mut value);
            let (word, tag, link) = arch::transfer(link, save, to, word, VALUE);
            header.set_link(link);
            received(word, tag)
        };
        received.unwrap_or_else(|raised| raise(raised))
    }

    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    #[track_caller]
    fn switch(&self, out: Out) -> Result<In, Raised> {
        if value::fits::<Out>() && value::fits::<In>() {
            self.switch_here(out)
        } else {
            self.switch_out_of_line(out)
        }
    }

    /// For large values: their copies live in one frame, not in the body's once for each place
    /// at which it suspends.
    #[inline(never)]
    #[track_caller]
    fn switch_out_of_line(&self, out: Out) -> Result<In, Raised> {
        self.switch_here(out)
    }

    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    #[track_caller]
    fn switch_here(&self, out: Out) -> Result<In, Raised> {
        let header = &self.header;
        let link = header.link();
        if !header.may_be_left() || std::thread::panicking() {
            drop(out);
            return Err(refuse(header));
        }
        let mut out = ManuallyDrop::new(out);
        // SAFETY: the running code is on this coroutine's stack, so it is the innermost one and
        // its resumer waits at the link; the resumer reads `out` at once.
        unsafe {
            let (word, tag, link) = arch::suspend(link, value::encode(&mut out));
            header.set_link(link);
            received(word, tag)
        }
    }
}

/// What came with a word.
///
/// # Safety
/// With a value's tag it is an encoded value of the type; otherwise it is the address of a
/// payload on its sender's stack, to be taken.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
unsafe fn received<In>(word: Word, tag: usize) -> Result<In, Raised> {
    // SAFETY: forwarded to the caller.
    unsafe {
        if tag == VALUE {
            Ok(value::decode(word))
        } else {
            Err(Raised::Payload(word.assume_init().cast::<Payload>().read()))
        }
    }
}

impl<Out> Yielder<(), Out> {
    /// Suspends with each item in turn.
    ///
    /// ```
    /// use selvedge::{Generator, Yielder};
    ///
    /// let generator = Generator::new(|yielder: &Yielder<(), u32>| {
    ///     yielder.yield_from([1, 2]);
    ///     yielder.yield_from(10..13);
    /// });
    /// assert_eq!(generator.collect::<Vec<_>>(), [1, 2, 10, 11, 12]);
    /// ```
    ///
    /// # Panics
    /// As [`suspend`](Self::suspend).
    #[track_caller]
    pub fn yield_from<I: IntoIterator<Item = Out>>(&self, items: I) {
        for item in items {
            self.suspend(item);
        }
    }
}

impl<In, Out> fmt::Debug for Yielder<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Yielder").finish_non_exhaustive()
    }
}
