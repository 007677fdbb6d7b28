//! Backtraces of hosted coroutines, from outside: where a parked one stands.
//!
//! The unwinder is started on the running stack, by code that the parked chain seems to have called
//! (`arch::as_callee`), so nothing runs on the parked stack and it needs no room there. It goes through
//! the nested coroutines of the chain by their links, which hold as long as the chain is parked. At the
//! hosted coroutine's own root it must stop, because whoever resumed that one last has long gone on:
//! its link is a dead end meanwhile.
//!
//! Nothing here knows what a task is.

#![allow(unsafe_code)]

use std::backtrace::Backtrace;
use std::panic::Location;
use std::ptr::NonNull;

use super::OpenFrame;
use super::header::{Header, stack_pointer};
use super::hosted::Hosted;
use super::on_stack::caller_of;
use crate::arch::{self, Link, Parked};
use crate::stack::{self, Use};

impl<B> Hosted<B> {
    /// Where the coroutine was made.
    ///
    /// # Safety
    /// The coroutine was not released.
    pub(crate) unsafe fn site(block: NonNull<B>) -> Option<&'static Location<'static>> {
        // SAFETY: forwarded to the caller.
        unsafe { Header::stack_of(Self::header(block)) }
            .record()
            .site()
    }

    /// Whether the coroutine was entered and has not come back: the running code is on its stack, or
    /// on one that was entered from there. `None` where the backend's stacks can't be walked.
    ///
    /// # Safety
    /// The coroutine is this thread's and was not released.
    pub(crate) unsafe fn is_entered(block: NonNull<B>) -> Option<bool> {
        if !arch::CAN_BE_WALKED {
            return None;
        }
        let header = Self::header(block);
        let mut address = stack_pointer();
        while let Some(record) = stack::find(address) {
            address = match (record.in_use(), Header::of(record)) {
                (Use::Call, _) => caller_of(record),
                (_, Some(running)) if running == header => return Some(true),
                // SAFETY: it runs, so it has a header, and its resumer waits at the link.
                (_, Some(running)) => unsafe { running.as_ref() }.link().address(),
                (_, None) => break,
            };
        }
        Some(false)
    }

    /// The backtrace of a coroutine that is parked there, or of one that is entered; it ends at the
    /// coroutine's root. `None` where the backend's stacks can't be walked.
    ///
    /// # Safety
    /// The coroutine is this thread's, has begun and is not over; it is parked there, or it is
    /// [entered](Self::is_entered). Nobody enters or parks it until this returns: nothing of a program's
    /// runs meanwhile but its allocator, which might try.
    pub(crate) unsafe fn backtrace(block: NonNull<B>, parked: Option<Parked>) -> Option<Backtrace> {
        if !arch::CAN_BE_WALKED {
            return None;
        }
        let mut backtrace = None;
        // Nor does a nested coroutine suspend from here, and leave the dead end behind.
        let _open = OpenFrame::open();
        // SAFETY: the header stays as long as the block. By the caller's word nobody comes or goes by
        // the link while the dead end is in its place.
        let dead_end = unsafe { DeadEnd::put(Self::header(block)) };
        match parked {
            // SAFETY: the coroutine has begun and is parked there. `capture` is called with what it
            // wants, and does not unwind, as a function of this convention.
            Some(parked) => unsafe {
                arch::as_callee(parked, capture, (&raw mut backtrace).cast());
            },
            None => backtrace = Some(Backtrace::force_capture()),
        }
        drop(dead_end);
        backtrace
    }
}

/// # Safety
/// `place` is an `Option<Backtrace>`, which nobody else uses meanwhile.
unsafe extern "C" fn capture(place: *mut ()) {
    // SAFETY: the caller's word.
    unsafe { *place.cast::<Option<Backtrace>>() = Some(Backtrace::force_capture()) };
}

/// While it lives, unwinders end at a coroutine's root.
struct DeadEnd {
    header: NonNull<Header>,
    link: Link,
}

impl DeadEnd {
    /// # Safety
    /// The header outlives the guard, while which lives nobody enters or leaves the coroutine.
    unsafe fn put(header: NonNull<Header>) -> Self {
        // SAFETY: the caller's word; the destructor puts the link back.
        let link = unsafe { header.as_ref().replace_link(Link::dead_end()) };
        Self { header, link }
    }
}

impl Drop for DeadEnd {
    fn drop(&mut self) {
        // SAFETY: by the word of `put`'s caller the header is there.
        unsafe { self.header.as_ref().replace_link(self.link) };
    }
}
