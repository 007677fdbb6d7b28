//! [`Yielder::delegate`]: one coroutine in place of another.

use super::handle::Coroutine;
use super::payload::Payload;
use super::state::CoroutineState;
use super::unwind::{Raised, close_payload, is_close, raise, refuse};
use super::yielder::Yielder;

impl<In, Out> Yielder<In, Out> {
    /// Runs another coroutine to completion in place of this one: passes on each value that it suspends
    /// with, and returns what it returns.
    ///
    /// Sends, throws and closes reach the inner coroutine meanwhile. A close that ends the inner one ends
    /// this one too.
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
    /// As [`suspend`](Self::suspend); if the inner coroutine is done; if it panics, with the same payload.
    #[track_caller]
    pub fn delegate<R>(&self, inner: &mut Coroutine<In, Out, R>, first: In) -> R {
        if !self.header.may_suspend() {
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

    /// Throws a payload that this coroutine received at an inner one.
    fn throw_into<R>(
        &self,
        inner: &mut Coroutine<In, Out, R>,
        payload: Payload,
    ) -> CoroutineState<Out, R> {
        let request = self.header.close_request();
        if !is_close(&payload, request) {
            return inner.throw(payload);
        }
        match inner.close() {
            Ok(_) => raise(Raised::Payload(close_payload(request))),
            Err(ignored) => match ignored.into_value() {
                Some(out) => CoroutineState::Yielded(out),
                // Only where panics abort, and there nothing is ever raised.
                None => unreachable!("a close arrived in a program whose panics abort"),
            },
        }
    }
}
