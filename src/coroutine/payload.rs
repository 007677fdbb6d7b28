//! Panic payloads, and dropping values without letting a panic out.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The payload of an unwind.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Drops a payload that nothing takes. If its destructor panics, the new payload is leaked: dropping
/// it could panic again, without end.
pub(crate) fn drop_payload(payload: Payload) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(another);
    }
}

/// Drops a value and discards the panic of its destructor.
#[cfg(feature = "runtime")]
pub(crate) fn drop_quietly<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        drop_payload(payload);
    }
}
