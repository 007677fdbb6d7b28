//! The context switch.
//!
//! A backend supplies:
//! - [`resume`]: enters a parked coroutine with a word and a tag, and returns the word that comes back;
//! - [`suspend`]: parks the running coroutine with a word for its resumer;
//! - [`finish`]: leaves the running coroutine for good;
//! - `enter`, `park` and [`exit`]: the same for tasks and their scheduler, where calls and returns don't
//!   match;
//! - `transfer`: parks the running coroutine and enters another in its place;
//! - [`prepare`]: lays out a fresh stack so that the first `resume` enters its root;
//! - [`on_stack`]: calls a function on another stack;
//! - `as_callee`: calls a function as if parked code had called it, for a backtrace;
//! - [`depth_below`]: the distance from the stack pointer up to an address.
//!
//! `native` is the backend with the instructions of `asm/`. The crate `corosensei` is the backend for
//! architectures without such instructions, and under `--cfg selvedge_backend="corosensei"`.
//!
//! Nothing here knows what a coroutine is: there is a [`Root`] at the stack's base, a word in, a word out.
//! Next floor: `crate::coroutine`.

#![allow(unsafe_code)]

#[cfg(any(
    selvedge_backend = "corosensei",
    not(any(target_arch = "x86_64", target_arch = "aarch64"))
))]
#[path = "corosensei.rs"]
mod backend;
#[cfg(all(
    not(selvedge_backend = "corosensei"),
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
#[path = "native.rs"]
mod backend;
#[cfg(all(not(selvedge_backend = "corosensei"), target_arch = "x86_64"))]
#[path = "x86_64.rs"]
mod registers;
#[cfg(all(not(selvedge_backend = "corosensei"), target_arch = "aarch64"))]
#[path = "aarch64.rs"]
mod registers;

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

#[allow(unused_imports, reason = "only the runtime and the ring transfer")]
pub(crate) use backend::transfer;
#[cfg(feature = "runtime")]
pub(crate) use backend::{CAN_BE_WALKED, as_callee, enter, park};
pub(crate) use backend::{depth_below, exit, finish, on_stack, prepare, resume, suspend};

use crate::sys::prefetch::prefetch;

/// What a switch passes: a value that fits, or the address of one that does not.
pub(crate) type Word = MaybeUninit<*mut ()>;

/// The stack pointer of a parked coroutine: enough to enter it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Parked(NonNull<u8>);

#[allow(dead_code, reason = "only the runtime and the ring prefetch frames")]
impl Parked {
    /// Prefetches a cache line of the frames: 0 is the innermost frame's, negative ones lie below it, where
    /// the coroutine's next frames will be.
    #[inline(always)]
    pub(crate) fn prefetch_line(self, n: isize) {
        prefetch(self.0.as_ptr().cast_const().wrapping_offset(64 * n));
    }

    /// The stack pointer, if the backend's parked stacks [can be walked](CAN_BE_WALKED).
    #[cfg(feature = "runtime")]
    pub(crate) fn stack_pointer(self) -> Option<usize> {
        CAN_BE_WALKED.then_some(self.0.as_ptr() as usize)
    }

    /// Prefetches line 0, or the address zero, which does nothing: there is no branch.
    #[inline(always)]
    pub(crate) fn prefetch_any(parked: Option<Self>) {
        prefetch(parked.map_or(std::ptr::null(), |parked| parked.0.as_ptr().cast_const()));
    }
}

/// The stack pointer of the running code.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    depth_below(0).wrapping_neg()
}

/// The tag of a word that is a value. Other tags are defined by the floor above.
pub(crate) const VALUE: usize = 0;

/// The address of the frame record that the resumer left on its stack.
///
/// An integer, because the optimiser replaces equal integers by each other but not equal pointers: it
/// should take the link from the register in which it arrived, not from memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Link(usize);

impl Link {
    /// The link of a coroutine that was never entered.
    pub(crate) const NONE: Self = Self(0);

    /// A link at which stack walkers stop: a frame record whose caller is the address zero.
    #[cfg(feature = "runtime")]
    pub(crate) fn dead_end() -> Self {
        /// As many words as `resume.s` leaves on a stack, on every architecture.
        static DEAD_END: [usize; 4] = [0; 4];
        Self((&raw const DEAD_END) as usize)
    }

    /// An address on the resumer's stack, if coroutines [can be walked](CAN_BE_WALKED).
    #[cfg(feature = "runtime")]
    pub(crate) fn address(self) -> usize {
        self.0
    }
}

/// The function that runs on a fresh stack. It gets the root block, the first word and its tag, and leaves
/// by [`finish`].
pub(crate) type EntryFn = unsafe extern "C" fn(*const Root, Word, usize) -> !;

/// The root block, at the base of every coroutine's stack. Its first two words are a frame record, by
/// which walkers of frame pointers get from the coroutine to its resumer.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Root {
    /// The resumer that entered last.
    pub(crate) link: Cell<Link>,
    return_address: usize,
    entry: Cell<EntryFn>,
}

impl Root {
    pub(crate) fn new(entry: EntryFn) -> Self {
        let return_address = backend::root_return_address();
        Self {
            link: Cell::new(Link::NONE),
            return_address,
            entry: Cell::new(entry),
        }
    }

    /// Reuses the root block of a finished coroutine for a new one.
    #[inline]
    pub(crate) fn renew(&self, entry: EntryFn) {
        self.link.set(Link::NONE);
        self.entry.set(entry);
    }
}
