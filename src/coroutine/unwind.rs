//! How coroutines end before their body returns: by a close, which unwinds them, or by abandoning them.
//!
//! A close unwinds the body with a [`CloseRequest`] as its payload, by `resume_unwind`, so that no panic
//! hook runs. The payload names the request: only the root that is being closed under the same request
//! takes the payload as its close; anywhere else, and later, the payload is an ordinary panic.

#![allow(unsafe_code)]

use std::panic::resume_unwind;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::header::Header;
use super::open_frame::innermost;
use super::payload::Payload;
use crate::arch::{self, Word, stack_pointer};
use crate::stack;
use crate::sys::signal::write_stderr;

/// The tag of a word that is the address of a payload to raise.
pub(super) const RAISE: usize = 1;

/// How often an unwind is repeated for a body that swallows it, before its stack is abandoned.
pub(crate) const MAX_UNWIND_RETRIES: u32 = 1024;

/// The payload of a close.
struct CloseRequest {
    number: u64,
    _noted: Option<InPanic>,
}

/// What unwinds: a close, or a forced unwind of a task, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unwind {
    Close(u64),
    #[cfg(feature = "runtime")]
    Task(u64),
}

/// A part of a payload that is made while its thread is panicking. While the payload exists, the unwind may be in
/// progress.
pub(crate) struct InPanic(Unwind);

static IN_PANICS: Mutex<Vec<Unwind>> = Mutex::new(Vec::new());

fn in_panics() -> MutexGuard<'static, Vec<Unwind>> {
    IN_PANICS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl InPanic {
    /// Notes an unwind if the thread is panicking.
    pub(crate) fn note(unwind: Unwind) -> Option<Self> {
        thread::panicking().then(|| {
            in_panics().push(unwind);
            Self(unwind)
        })
    }

    /// Whether a payload exists that was noted for this unwind.
    pub(crate) fn has(unwind: Unwind) -> bool {
        in_panics().contains(&unwind)
    }
}

impl Drop for InPanic {
    fn drop(&mut self) {
        let mut all = in_panics();
        let place = all.iter().position(|unwind| *unwind == self.0);
        place.map(|place| all.swap_remove(place));
        if all.is_empty() {
            // An unwind leaves no memory behind.
            *all = Vec::new();
        }
    }
}

/// A fresh number for a close request, never reused.
pub(super) fn next_request() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Relaxed)
}

/// The payload of a request.
pub(super) fn close_payload(request: u64) -> Payload {
    Box::new(CloseRequest {
        number: request,
        _noted: InPanic::note(Unwind::Close(request)),
    })
}

/// Whether a payload is the request's.
pub(super) fn is_close(payload: &Payload, request: u64) -> bool {
    request != 0
        && payload
            .downcast_ref::<CloseRequest>()
            .is_some_and(|close| close.number == request)
}

/// The result of a suspension that received no value.
pub(super) enum Raised {
    /// A payload to unwind with.
    Payload(Payload),
    /// The thread is panicking: nothing was switched.
    Panicking,
}

/// Why a coroutine may not suspend here.
///
/// Abandons a coroutine that is being closed while its thread panics, and that keeps suspending: it
/// could neither be parked nor ended.
///
/// # Panics
/// If the running code is not on the coroutine's stack, or a frame is open.
#[cold]
#[inline(never)]
#[track_caller]
pub(super) fn refuse(header: &Header) -> Raised {
    if thread::panicking() {
        let innermost = stack::find(stack_pointer()).and_then(Header::of);
        if header.close_request() != 0 && innermost == Some(NonNull::from(header)) {
            abandon_if_stuck(header);
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

/// Counts a suspension of a coroutine that is being closed while its thread panics, and abandons the
/// coroutine if that keeps happening.
fn abandon_if_stuck(header: &Header) {
    header.n_swallowed.set(header.n_swallowed.get() + 1);
    if header.n_swallowed.get() <= MAX_UNWIND_RETRIES {
        return;
    }
    // The panic is the closer's, unless the coroutine's own unwind has not been caught.
    if header.closed_in_panic.get() && !InPanic::has(Unwind::Close(header.close_request())) {
        abandon_innermost();
    }
    abort_in_unwind()
}

/// Aborts, because what can't be ended can't finish its own unwind either. Abandoning that would make the thread count
/// as panicking for good.
pub(crate) fn abort_in_unwind() -> ! {
    write_stderr(&[
        b"\nselvedge: a destructor in a coroutine or a task that is being closed tries to suspend again and \
          again, which is impossible in the middle of an unwind; aborting\n",
    ]);
    std::process::abort()
}

/// Unwinds from a suspension that received no value.
#[cold]
#[inline(never)]
#[track_caller]
pub(super) fn raise(raised: Raised) -> ! {
    match raised {
        Raised::Payload(payload) => resume_unwind(payload),
        Raised::Panicking => panic!(
            "selvedge: a coroutine can't suspend while its thread is panicking; use suspend_catching in \
             destructors"
        ),
    }
}

/// Abandons the innermost coroutine because one that it entered was abandoned with frames of the task on
/// its stack. Each coroutine below does the same, down to the task itself, which those frames refer to.
#[cold]
pub(super) fn abandon_with_task() -> ! {
    if let Ok(Some(header)) = innermost() {
        // SAFETY: the header of the running coroutine.
        unsafe { header.as_ref() }.set_task_frame();
    }
    abandon_innermost()
}

/// Abandons the innermost coroutine because something on its stack can't be ended: control leaves it for
/// good and its stack is leaked. Its resumer learns that it was abandoned.
///
/// Neither a thread's own stack nor another library's can be abandoned: on those the process aborts with a
/// message.
pub(crate) fn abandon_innermost() -> ! {
    if let Ok(Some(header)) = innermost() {
        // SAFETY: the running code is on this coroutine's stack, or on one that it called to. If the
        // coroutine is itself a scope's child, that scope sees it abandoned and abandons its own host.
        unsafe { abandon(header.as_ref()) }
    }
    write_stderr(&[
        b"\nselvedge: a scoped coroutine can't be ended: it suspends again each time it is closed \
          (or panics abort in this program), and its scope is on a thread's own stack, or on another \
          library's, which can't be abandoned; aborting\n",
    ]);
    std::process::abort()
}

/// Leaves a coroutine for good, as it is. Its stack, with this header on it, is never released.
///
/// # Safety
/// The running code is on this coroutine's stack, or on one that it called to. Code that borrows from
/// the abandoned frames, or lends to them, is abandoned too, or never returns.
unsafe fn abandon(header: &Header) -> ! {
    #[cfg(feature = "runtime")]
    super::undo::undo_all(header);
    header.set_abandoned();
    // SAFETY: the innermost coroutine's resumer waits at its link; nothing on the abandoned stack is
    // ever freed.
    unsafe { arch::finish(header.link(), Word::uninit()) }
}
