//! The yielder: how a body suspends its coroutine.

#![allow(unsafe_code)]

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

use super::header::Header;
use super::payload::Payload;
use super::state::Thrown;
use super::unwind::{Raised, is_close, raise, refuse};
use super::value;
use crate::arch::{self, VALUE, Word};

/// A body's handle to its own coroutine, by which it suspends.
///
/// The body can pass it to the functions that it calls. Only the innermost running coroutine can
/// suspend, on its own stack: any other use panics with a message and switches nothing.
#[repr(transparent)]
pub struct Yielder<In, Out> {
    pub(super) header: Header,
    values: PhantomData<*mut (In, Out)>,
}

impl<In, Out> Yielder<In, Out> {
    /// The yielder of a header's coroutine.
    ///
    /// # Safety
    /// The header is initialised, its coroutine has these types, and it lives for `'a`.
    pub(super) unsafe fn at<'a>(header: *mut Header) -> &'a Self {
        // SAFETY: a yielder has the layout of its header; the caller guarantees the rest.
        unsafe { &*header.cast::<Self>() }
    }

    /// Suspends: parks the coroutine, passes `out` to its resumer, and returns the next value that is
    /// sent.
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
    /// If this is not the innermost running coroutine, on its own stack; if a
    /// [`scope`](crate::coroutine::scope) is open on it; if the thread is panicking. Then `out` is
    /// dropped and nothing is switched. In a destructor that runs because of a panic this aborts the
    /// process, as any panic does there: use [`suspend_catching`](Self::suspend_catching).
    ///
    /// # Cancellation
    /// [`close`](crate::Coroutine::close), dropping the handle and [`throw`](crate::Coroutine::throw)
    /// unwind from here: destructors run, the panic hook does not.
    // Inlined into the body, so that the `ret` of the switch matches the `call` of the resumer. Not
    // without optimisation: there each call site would add its copies of the value to the body's frame.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    #[track_caller]
    pub fn suspend(&self, out: Out) -> In {
        match self.switch(out) {
            Ok(value) => value,
            Err(raised) => raise(raised),
        }
    }

    /// Suspends like [`suspend`](Self::suspend), but returns a close or a thrown payload as an error
    /// instead of unwinding with it.
    ///
    /// # Errors
    /// [`Thrown::Close`] and [`Thrown::Payload`] in place of a value; [`Thrown::Panicking`] if the
    /// thread is panicking: then `out` is dropped and nothing is switched.
    ///
    /// # Panics
    /// If this is not the innermost running coroutine, on its own stack, or a scope is open.
    ///
    /// ```
    /// use selvedge::coroutine::Thrown;
    /// use selvedge::{Coroutine, Yielder};
    ///
    /// let mut server = Coroutine::new(|yielder: &Yielder<u32, u32>, mut request: u32| {
    ///     let mut served = 0;
    ///     loop {
    ///         served += 1;
    ///         match yielder.suspend_catching(request + 1) {
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
    #[doc(alias = "try_suspend")]
    pub fn suspend_catching(&self, out: Out) -> Result<In, Thrown> {
        self.switch(out).map_err(|raised| match raised {
            Raised::Payload(payload) if is_close(&payload, self.header.close_request()) => {
                Thrown::Close
            }
            Raised::Payload(payload) => Thrown::Payload(payload),
            Raised::Panicking => Thrown::Panicking,
        })
    }

    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    #[track_caller]
    pub(super) fn switch(&self, out: Out) -> Result<In, Raised> {
        if value::fits::<Out>() && value::fits::<In>() {
            self.switch_here(out)
        } else {
            self.switch_out_of_line(out)
        }
    }

    /// For large values: their copies take up one frame, instead of the body's once per call site.
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
        if !header.may_suspend() || std::thread::panicking() {
            drop(out);
            return Err(refuse(header));
        }
        let mut out = ManuallyDrop::new(out);
        // SAFETY: the running code is on this coroutine's stack, so it is the innermost one and its
        // resumer waits at the link; the resumer reads `out` immediately.
        unsafe {
            let (word, tag, link) = arch::suspend(link, value::encode(&mut out));
            header.set_link(link);
            received(word, tag)
        }
    }
}

/// Decodes a word: a value, or a payload to raise.
///
/// # Safety
/// With the tag [`VALUE`] the word is an encoded value of this type; with any other tag it is the
/// address of a payload on the sender's stack, which this takes.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
pub(super) unsafe fn received<In>(word: Word, tag: usize) -> Result<In, Raised> {
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
    /// Suspends once with each item.
    ///
    /// ```
    /// use selvedge::Generator;
    ///
    /// let generator = Generator::new(|y| {
    ///     y.yield_from([1, 2]);
    ///     y.yield_from(10..13);
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
