//! Backtraces of hosted coroutines that are parked, taken from outside.
//!
//! The unwinder starts on the running stack, in a function that appears to be called by the parked chain
//! (`arch::as_callee`). So nothing runs on the parked stack and no room is needed there. The unwinder
//! follows the nested coroutines of the chain by their links, which are valid as long as the chain is
//! parked. It must stop at the hosted coroutine's own root, whose last resumer has continued since: a dead
//! end replaces that link meanwhile.
//!
//! Nothing here knows what a task is.

#![allow(unsafe_code)]

use std::backtrace::Backtrace;
use std::panic::Location;
use std::ptr::NonNull;

use super::header::Header;
use super::hosted::Hosted;
use super::open_frame::{OpenFrame, is_entered};
use crate::arch::{self, Link, Parked};

impl<B> Hosted<B> {
    /// Where the coroutine was created.
    ///
    /// # Safety
    /// The coroutine was not released.
    pub(crate) unsafe fn site(block: NonNull<B>) -> Option<&'static Location<'static>> {
        // SAFETY: forwarded to the caller.
        unsafe { Header::stack_of(Self::header(block)) }
            .record()
            .site()
    }

    /// Whether the coroutine was entered and has not come back: the running code is on its stack, or on one
    /// that was entered from there. `None` where this is unknown: the backend's stacks can't be walked, or
    /// another library's stack is among the running ones.
    ///
    /// # Safety
    /// The coroutine belongs to this thread and was not released.
    pub(crate) unsafe fn is_entered(block: NonNull<B>) -> Option<bool> {
        if !arch::CAN_BE_WALKED {
            return None;
        }
        is_entered(Self::header(block)).ok()
    }

    /// The backtrace of a coroutine that is parked at `parked`, or that is entered, up to the coroutine's
    /// root. `None` where the backend's stacks can't be walked.
    ///
    /// # Safety
    /// The coroutine belongs to this thread, has begun and is not over; it is parked at `parked`, or it is
    /// [entered](Self::is_entered). It is neither entered nor parked before this returns: the only code of
    /// the program that runs meanwhile is its allocator, which must not do that.
    pub(crate) unsafe fn backtrace(block: NonNull<B>, parked: Option<Parked>) -> Option<Backtrace> {
        if !arch::CAN_BE_WALKED {
            return None;
        }
        let mut backtrace = None;
        // So that no nested coroutine suspends from here, with the dead end in place.
        let _open = OpenFrame::open();
        // SAFETY: the header lives as long as the block. The caller guarantees that the link is not used
        // while the dead end is in its place.
        let dead_end = unsafe { DeadEnd::put(Self::header(block)) };
        match parked {
            // SAFETY: the coroutine has begun and is parked there. `capture` gets the pointer that it
            // expects, and does not unwind: its calling convention aborts instead.
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
/// `slot` points to an `Option<Backtrace>` that nothing else uses meanwhile.
unsafe extern "C" fn capture(slot: *mut ()) {
    // SAFETY: guaranteed by the caller.
    unsafe { *slot.cast::<Option<Backtrace>>() = Some(Backtrace::force_capture()) };
}

/// While the guard lives, unwinders stop at a coroutine's root.
struct DeadEnd {
    header: NonNull<Header>,
    link: Link,
}

impl DeadEnd {
    /// # Safety
    /// The header outlives the guard. The coroutine is neither entered nor left while the guard lives.
    unsafe fn put(header: NonNull<Header>) -> Self {
        // SAFETY: guaranteed by the caller; the destructor restores the link.
        let link = unsafe { header.as_ref().replace_link(Link::dead_end()) };
        Self { header, link }
    }
}

impl Drop for DeadEnd {
    fn drop(&mut self) {
        // SAFETY: the caller of `put` guarantees that the header is alive.
        unsafe { self.header.as_ref().replace_link(self.link) };
    }
}
