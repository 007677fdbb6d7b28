//! The context switch, bound from `asm/`, one file for each architecture.
//!
//! What each backend supplies, under the same names:
//! - [`resume`]: enter a parked coroutine with a word and a tag, and learn what it answers;
//! - [`suspend`]: park the running coroutine, answering a word;
//! - [`finish`]: leave it for the last time;
//! - `enter`, `park` and [`exit`]: these three for tasks and their scheduler, where returns don't match;
//! - [`transfer`]: park the running coroutine and enter another in its place;
//! - [`prepare`]: lay out a fresh stack so that the first `resume` enters its root;
//! - [`on_stack`]: call a function on another stack;
//! - `as_callee`: call a function as if parked code had called it, for a backtrace;
//! - [`depth_below`]: how far the stack pointer is below an address.
//!
//! Where `asm/` has no instructions for the architecture, and under
//! `--cfg selvedge_backend="corosensei"`, the crate of that name does the switching.
//!
//! Nothing here knows what a coroutine is: a [`Root`] at its base, a word in, a word out. Next
//! floor: `crate::coroutine`.

#![allow(unsafe_code)]

#[cfg(any(
    selvedge_backend = "corosensei",
    not(any(target_arch = "x86_64", target_arch = "aarch64"))
))]
#[path = "corosensei.rs"]
mod backend;
#[cfg(all(not(selvedge_backend = "corosensei"), target_arch = "x86_64"))]
#[path = "x86_64.rs"]
mod backend;
#[cfg(all(not(selvedge_backend = "corosensei"), target_arch = "aarch64"))]
#[path = "aarch64.rs"]
mod backend;

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

#[cfg(feature = "runtime")]
pub(crate) use backend::{CAN_BE_WALKED, as_callee, enter, park};
pub(crate) use backend::{depth_below, exit, finish, on_stack, prepare, resume, suspend, transfer};

use crate::sys::prefetch::prefetch;

/// What travels through a switch: a value that fits, or the address of one that does not.
pub(crate) type Word = MaybeUninit<*mut ()>;

/// The stack pointer of a parked coroutine, which is all that is needed to enter it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Parked(NonNull<u8>);

impl Parked {
    /// Starts to load what entering the coroutine will touch first: two lines of its frames.
    #[inline(always)]
    pub(crate) fn prefetch(self) {
        Self::prefetch_any(Some(self));
        prefetch(self.0.as_ptr().cast_const().wrapping_add(64));
    }

    /// Starts to load a line of the frames: 0 is the innermost one's, those below it will come.
    #[cfg(feature = "runtime")]
    #[inline(always)]
    pub(crate) fn prefetch_line(self, n: isize) {
        prefetch(self.0.as_ptr().cast_const().wrapping_offset(64 * n));
    }

    /// The first of these lines, without a look whether there is anything: prefetching from the
    /// address zero does nothing.
    #[inline(always)]
    pub(crate) fn prefetch_any(parked: Option<Self>) {
        prefetch(parked.map_or(std::ptr::null(), |parked| parked.0.as_ptr().cast_const()));
    }
}

/// What kind of word it is that a coroutine is entered with: a value. Anything else is up to
/// the floor above.
pub(crate) const VALUE: usize = 0;

/// Where the resumer is found: the address of the frame record that it left on its stack.
///
/// An integer, because the optimiser replaces equal integers by each other but not equal
/// pointers: it is to take the link from the register in which it came, not from memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Link(usize);

impl Link {
    /// The link of a coroutine that was never entered.
    pub(crate) const NONE: Self = Self(0);

    /// A link at which walkers end: a frame record whose caller is the address zero.
    #[cfg(feature = "runtime")]
    pub(crate) fn dead_end() -> Self {
        /// As long as what `resume.s` leaves on a stack, on every architecture.
        static DEAD_END: [usize; 4] = [0; 4];
        Self((&raw const DEAD_END) as usize)
    }

    /// Where it is: an address on the resumer's stack, if coroutines [can be walked](CAN_BE_WALKED).
    #[cfg(feature = "runtime")]
    pub(crate) fn address(self) -> usize {
        self.0
    }
}

/// What runs on a fresh stack: gets the root block, the first word and its tag, and leaves by
/// [`finish`].
pub(crate) type Entry = unsafe extern "C" fn(*const Root, Word, usize) -> !;

/// The root block, at the base of every coroutine's stack. Its first two words are a frame
/// record, by which walkers of frame pointers get from the coroutine to its resumer.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Root {
    /// The resumer, as of the last time it entered.
    pub(crate) link: Cell<Link>,
    return_address: usize,
    entry: Cell<Entry>,
}

impl Root {
    pub(crate) fn new(entry: Entry) -> Self {
        let return_address = backend::root_return_address();
        Self {
            link: Cell::new(Link::NONE),
            return_address,
            entry: Cell::new(entry),
        }
    }

    /// Makes the root of a coroutine that is over that of another.
    #[inline]
    pub(crate) fn renew(&self, entry: Entry) {
        self.link.set(Link::NONE);
        self.entry.set(entry);
    }
}
