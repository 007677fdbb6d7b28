//! Payloads that end coroutines: requests to close, and what can't be ended.
//!
//! A close unwinds the body with a [`CloseRequest`] as its payload, by `resume_unwind`, so that
//! no panic hook runs. The payload names the request: only the root that is closing under that
//! very request takes it for its own, and anywhere else, and later, it is an ordinary panic.

#![allow(unsafe_code)]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::header::{Header, stack_pointer};
use super::open_frame::innermost;
use crate::stack;
use crate::sys::signal::write_stderr;

/// What unwinds.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Drops a payload that is one too many. What that panics with is leaked: it could go on for ever.
pub(crate) fn drop_payload(payload: Payload) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(another);
    }
}

/// How often a close is repeated for a body that swallows it before its stack is given up.
pub(super) const CLOSE_ATTEMPTS: u32 = 1024;

/// The payload of a close.
struct CloseRequest(u64);

/// A number for a request to close, never used before.
pub(super) fn next_request() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Relaxed)
}

/// The payload of a request.
pub(super) fn close_payload(request: u64) -> Payload {
    Box::new(CloseRequest(request))
}

/// Whether a payload is that of the request.
pub(super) fn is_close(payload: &Payload, request: u64) -> bool {
    request != 0
        && payload
            .downcast_ref::<CloseRequest>()
            .is_some_and(|close| close.0 == request)
}

/// What a suspension meets instead of a value.
pub(super) enum Raised {
    /// Something to unwind with.
    Payload(Payload),
    /// The thread is panicking: nothing was switched.
    Panicking,
}

/// Why a coroutine may not suspend where it tries to.
///
/// A coroutine that is being closed while its thread panics, and that goes on whatever it meets,
/// is given up: it could neither be parked nor ended.
///
/// # Panics
/// If the coroutine is not the one whose stack the running code is on, or a frame is open that
/// must not be left.
#[cold]
#[inline(never)]
#[track_caller]
pub(super) fn refuse(header: &Header) -> Raised {
    if std::thread::panicking() {
        let innermost = stack::find(stack_pointer()).and_then(Header::of);
        if header.close_request.get() != 0 && innermost == Some(NonNull::from(header)) {
            header.n_swallowed.set(header.n_swallowed.get() + 1);
            if header.n_swallowed.get() > CLOSE_ATTEMPTS {
                end_of_patience(header);
            }
        }
        return Raised::Panicking;
    }
    if header.has_open_frame() {
        panic!(
            "selvedge: a coroutine can't suspend while a scope, a wait for a future or a callback is open on \
             its stack, because others may refer to that; suspend before or after it"
        );
    }
    panic!(
        "selvedge: a yielder was used outside of its own coroutine: only the innermost coroutine \
         that runs can suspend, on its own stack; let the inner one suspend to its resumer, or \
         pass values out of it"
    );
}

/// A coroutine that is being closed while its thread panics goes on for ever.
fn end_of_patience(header: &Header) -> ! {
    if header.closed_in_panic.get() {
        give_up();
    }
    // It is its own unwind that it can't finish, and an unwind that is left behind would make
    // the thread panic for ever.
    write_stderr(&[
        b"\nselvedge: a destructor in a coroutine that is being closed tries to suspend again and \
          again, which is impossible in the middle of an unwind; aborting\n",
    ]);
    std::process::abort()
}

/// Raises what a suspension met.
#[cold]
#[inline(never)]
#[track_caller]
pub(super) fn raise(raised: Raised) -> ! {
    match raised {
        Raised::Payload(payload) => resume_unwind(payload),
        Raised::Panicking => panic!(
            "selvedge: a coroutine can't suspend while its thread is panicking; use try_suspend in \
             destructors"
        ),
    }
}

/// Leaves the innermost coroutine for ever because one that it has entered was left with frames of the
/// task on its stack: so it goes on down to the task itself, which they refer to.
#[cold]
pub(super) fn give_up_with_task() -> ! {
    if let Some(header) = innermost() {
        // SAFETY: the header of the coroutine that is running.
        unsafe { header.as_ref() }.set_task_frame();
    }
    give_up()
}

/// Leaves the innermost coroutine for ever, its stack with all that is on it being leaked,
/// because something on it can't be ended. Its resumer learns that it was abandoned.
///
/// On a thread's own stack there is nobody to return to: the process aborts with a sentence.
pub(crate) fn give_up() -> ! {
    if let Some(header) = innermost() {
        // SAFETY: the running code is on this coroutine's stack, or on one that it called to. If
        // the coroutine is itself a scope's child, that scope learns of it and gives up in turn.
        unsafe { header.as_ref().abandon() }
    }
    write_stderr(&[
        b"\nselvedge: a scoped coroutine can't be ended: it suspends again each time it is closed \
          (or panics abort in this program), and its scope is on a thread's own stack, which can't \
          be left behind; aborting\n",
    ]);
    std::process::abort()
}
