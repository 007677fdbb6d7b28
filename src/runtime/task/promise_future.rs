//! [`PromiseFuture`]: a promise as a std future.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::Promise;
use crate::coroutine::wake;
use crate::error::TaskError;
use crate::runtime::core::CallbackId;
use crate::util::fmt::impl_fmt;

/// A [`Promise`] that any executor on this thread can await. It moves the result out.
///
/// The promise's loop has to run meanwhile, since the loop wakes the executor. Dropping the future leaves the
/// promise as it is.
///
/// ```
/// use std::pin::pin;
/// use std::task::{Context, Poll, Waker};
/// use selvedge::{Promise, run};
///
/// run(|| {
///     let promise = Promise::new();
///     let mut future = pin!(promise.clone().into_future());
///     let mut context = Context::from_waker(Waker::noop());
///     assert!(future.as_mut().poll(&mut context).is_pending());
///     promise.set_result(42).unwrap();
///     assert!(matches!(future.poll(&mut context), Poll::Ready(Ok(42))));
/// });
/// ```
pub struct PromiseFuture<T: 'static> {
    promise: Promise<T>,
    /// The callback that wakes the executor, and the waker to use; `None` before the first poll.
    listening: Option<(CallbackId, Rc<Listener>)>,
}

/// Holds the waker of the last poll. A callback shares this object, and also wakes the waker if the callback is
/// dropped uncalled because the loop was closed.
#[derive(Default)]
struct Listener(Cell<Option<Waker>>);

struct WakesOnDrop(Rc<Listener>);

impl Drop for WakesOnDrop {
    fn drop(&mut self) {
        if let Some(waker) = self.0.0.take() {
            wake(waker);
        }
    }
}

impl<T> IntoFuture for Promise<T> {
    type Output = Result<T, TaskError>;
    type IntoFuture = PromiseFuture<T>;

    fn into_future(self) -> PromiseFuture<T> {
        PromiseFuture {
            promise: self,
            listening: None,
        }
    }
}

impl<T> Future for PromiseFuture<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A waker's clone is the executor's code, which may complete the promise.
        let waker = context.waker().clone();
        if self.promise.is_done() {
            return Poll::Ready(self.promise.try_take());
        }
        let Self { promise, listening } = &mut *self;
        // `clear_done_callbacks` removes this callback as well, so it is added again.
        let is_listening = |(_, listener): &(_, Rc<_>)| Rc::strong_count(listener) > 1;
        if !listening.as_ref().is_some_and(is_listening) {
            let listener = Rc::<Listener>::default();
            let wakes = WakesOnDrop(Rc::clone(&listener));
            *listening = Some((promise.add_done_callback(|_| drop(wakes)), listener));
        }
        let before = listening
            .as_ref()
            .and_then(|(_, listener)| listener.0.replace(Some(waker)));
        // The waker is dropped while nothing is borrowed, because its destructor is the executor's
        // code.
        drop(before);
        Poll::Pending
    }
}

impl<T> Drop for PromiseFuture<T> {
    fn drop(&mut self) {
        if let Some((callback, listener)) = self.listening.take() {
            let waker = listener.0.take();
            self.promise.remove_done_callback(callback);
            drop(waker);
        }
    }
}

impl_fmt!([T] Debug for PromiseFuture<T>, |this, f| {
    f.debug_tuple("PromiseFuture").field(&this.promise).finish()
});
