//! [`PromiseFuture`]: a promise as a std future.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::Promise;
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
    listening: Option<(CallbackId, Rc<Cell<Option<Waker>>>)>,
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
        let (_, listener) = listening.get_or_insert_with(|| {
            let listener = Rc::<Cell<Option<Waker>>>::default();
            let told = Rc::clone(&listener);
            let wake = move |_: &Promise<T>| told.take().map_or((), Waker::wake);
            (promise.add_done_callback(wake), listener)
        });
        // The waker before is dropped where nothing is borrowed: its destructor is the executor's code.
        drop(listener.replace(Some(waker)));
        Poll::Pending
    }
}

impl<T> Drop for PromiseFuture<T> {
    fn drop(&mut self) {
        if let Some((callback, _)) = self.listening {
            self.promise.remove_done_callback(callback);
        }
    }
}

impl_fmt!([T] Debug for PromiseFuture<T>, |this, f| {
    f.debug_tuple("PromiseFuture").field(&this.promise).finish()
});
