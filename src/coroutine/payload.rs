//! Panic payloads, and dropping values without letting a panic out.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(feature = "runtime")]
use std::task::Waker;
#[cfg(feature = "runtime")]
use std::thread;

/// The payload of an unwind.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Drops a payload that nothing takes. If its destructor panics, the new payload is leaked: dropping
/// it could panic again, without end.
pub(crate) fn drop_payload(payload: Payload) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(another);
    }
}

/// Wakes a waker, which may be code of any executor. While the thread is panicking, a panic of that code is discarded: it would
/// abort the process if a destructor wakes.
#[cfg(feature = "runtime")]
pub(crate) fn wake(waker: Waker) {
    if !thread::panicking() {
        waker.wake();
    } else if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
        drop_payload(payload);
    }
}

/// Drops a value and discards the panic of its destructor.
#[cfg(feature = "runtime")]
pub(crate) fn drop_quietly<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        drop_payload(payload);
    }
}
