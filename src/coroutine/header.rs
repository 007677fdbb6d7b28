//! The control block of a coroutine, at the base of its stack.
//!
//! ```text
//! stack record   for the pool and the overflow report
//! header         this file: root block, the span in which suspending is allowed, the close request
//! block          the host's, for example a task's control block; absent without a host
//! body           the closure; a large one is on the heap and only its box is here
//! two words      popped by the first resume
//! frames         entry, body, ... grow down from here
//! ```
//!
//! All of it shares one page. A parked coroutine with a small body commits no other page.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr::NonNull;

use crate::arch::{self, EntryFn, Link, Root};
use crate::stack::{Record, Stack};

/// The control block. Its address is the address of its root block.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Header {
    root: Root,
    /// The coroutine may suspend while the stack pointer is less than this many bytes below the header:
    /// the size of the stack, or 0 while a frame is open ([`OpenFrame`](super::open_frame::OpenFrame)).
    span: Cell<usize>,
    /// The close request that is being delivered, 0 for none. While there is one, the coroutine is entered.
    close_request: Cell<u64>,
    /// While a request is being delivered by a coroutine that is being closed itself: the outermost coroutine such that
    /// all from it to this one are being closed. A walk over the entered coroutines continues there.
    pub(super) closed_from: Cell<Option<NonNull<Self>>>,
    /// The number of open frames.
    n_open: Cell<u32>,
    /// How many suspensions the body has attempted since a close that was requested while the thread
    /// was panicking.
    pub(super) n_swallowed: Cell<u32>,
    /// Whether the thread was panicking when the close was requested.
    pub(super) closed_in_panic: Cell<bool>,
    /// What makes the coroutine's end more than a return of a stack of the default size to the pool: [`ABANDONED`],
    /// [`CLOSING`] and [`OTHER_SIZE`]. One comparison tells.
    at_end: Cell<u8>,
    /// Whether a frame that refers to the running task, or is referred to on its behalf, is open on this
    /// coroutine or on an abandoned one that it entered.
    has_task_frame: Cell<bool>,
    /// A word for the host. It is here because entering the coroutine touches this cache line.
    pub(super) flags: Cell<u32>,
}

const _: () = assert!(size_of::<Header>() == 64);

/// The coroutine was abandoned.
const ABANDONED: u8 = 1;
/// A close request is being delivered.
const CLOSING: u8 = 2;
/// The stack has not the default size.
const OTHER_SIZE: u8 = 4;

impl Header {
    /// Initialises the header of the first coroutine on a stack.
    ///
    /// # Safety
    /// `header` is writable and not in use.
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn format(header: NonNull<Self>, stack: Stack, entry: EntryFn) {
        let span = stack.record().usable().len() - size_of::<Self>();
        // SAFETY: forwarded to the caller.
        unsafe {
            header.write(Self {
                root: Root::new(entry),
                span: Cell::new(span),
                close_request: Cell::new(0),
                closed_from: Cell::new(None),
                n_open: Cell::new(0),
                n_swallowed: Cell::new(0),
                closed_in_panic: Cell::new(false),
                at_end: Cell::new(if stack.record().is_default() {
                    0
                } else {
                    OTHER_SIZE
                }),
                has_task_frame: Cell::new(false),
                flags: Cell::new(0),
            });
        }
    }

    /// Reuses the header of a coroutine that was [released](Self::release): everything but the root
    /// block is already as [`format`](Self::format) writes it.
    #[inline]
    pub(super) fn renew(&self, entry: EntryFn) {
        self.root.renew(entry);
    }

    /// The header of the coroutine that uses a stack.
    pub(super) fn of(record: &Record) -> Option<NonNull<Self>> {
        let address = std::ptr::from_ref(record) as usize - size_of::<Self>();
        record
            .has_header()
            .then(|| NonNull::new(address as *mut Self))?
    }

    /// Returns the stack to the pool, with the header on it.
    ///
    /// # Safety
    /// The coroutine is over, nothing of it is left on the stack, and the header is not used any more.
    #[inline]
    pub(super) unsafe fn release(header: NonNull<Self>) {
        // SAFETY: the caller guarantees that the header is not used elsewhere.
        unsafe {
            debug_assert!(!header.as_ref().has_open_frame() && !header.as_ref().has_task_frame());
            match header.as_ref().ends_simply() {
                true => Self::stack_of(header).release_default(),
                false => Self::release_slow(header),
            }
        }
    }

    /// # Safety
    /// As [`release`](Self::release).
    #[cold]
    unsafe fn release_slow(header: NonNull<Self>) {
        // SAFETY: as in `release`. A header on a pooled stack is as `format` wrote it, except for its entry and its link.
        unsafe {
            header.as_ref().set_close_request(0);
            Self::stack_of(header).release();
        }
    }

    /// Whether the coroutine was neither abandoned nor is being closed, and its stack has the default size.
    #[inline(always)]
    pub(super) fn ends_simply(&self) -> bool {
        self.at_end.get() == 0
    }

    /// The close request that is being delivered, 0 for none.
    pub(super) fn close_request(&self) -> u64 {
        self.close_request.get()
    }

    pub(super) fn set_close_request(&self, request: u64) {
        self.close_request.set(request);
        let closing = if request == 0 { 0 } else { CLOSING };
        self.at_end.set(self.at_end.get() & !CLOSING | closing);
    }

    /// The stack of a header, computed from the header's address.
    ///
    /// # Safety
    /// The header was laid out by [`build`](super::entry::build) and its stack was not released.
    #[inline(always)]
    pub(super) unsafe fn stack_of(header: NonNull<Self>) -> Stack {
        // SAFETY: `build` puts the header right below the stack's base; the caller guarantees the rest.
        unsafe { Stack::at(header.add(1).cast()) }
    }

    /// Whether the body has begun: the first switch to it stores a link.
    pub(super) fn has_started(&self) -> bool {
        self.root.link.get() != Link::NONE
    }

    #[inline(always)]
    pub(super) fn link(&self) -> Link {
        self.root.link.get()
    }

    /// Stores the resumer's link if it has changed: a store costs more than a comparison.
    #[inline(always)]
    pub(super) fn set_link(&self, link: Link) {
        if self.root.link.get() != link {
            self.root.link.set(link);
        }
    }

    /// Replaces the resumer's link and returns the old one.
    ///
    /// # Safety
    /// The caller restores the resumer's link before the coroutine is entered, parked or left.
    #[cfg(feature = "runtime")]
    pub(super) unsafe fn replace_link(&self, link: Link) -> Link {
        self.root.link.replace(link)
    }

    /// Whether the coroutine may suspend now: the running code is on this coroutine's stack, which makes
    /// it the innermost running coroutine, and no frame is open.
    #[inline(always)]
    pub(super) fn may_suspend(&self) -> bool {
        arch::depth_below(std::ptr::from_ref(self) as usize) < self.span.get()
    }

    pub(super) fn set_abandoned(&self) {
        self.at_end.set(self.at_end.get() | ABANDONED);
    }

    /// Whether control left the coroutine for good with frames on its stack, which is leaked.
    pub(super) fn is_abandoned(&self) -> bool {
        self.at_end.get() & ABANDONED != 0
    }

    /// Counts an open frame; the coroutine can't suspend while one is open.
    pub(super) fn open_frame(&self) {
        self.n_open.set(self.n_open.get() + 1);
        self.span.set(0);
    }

    /// Uncounts an open frame, and clears the task's mark if that frame set it.
    ///
    /// # Safety
    /// As [`stack_of`](Self::stack_of).
    pub(super) unsafe fn close_frame(this: NonNull<Self>, is_first_of_task: bool) {
        // SAFETY: forwarded to the caller.
        let (header, stack) = unsafe { (this.as_ref(), Self::stack_of(this)) };
        if is_first_of_task {
            header.has_task_frame.set(false);
        }
        header.n_open.set(header.n_open.get() - 1);
        if !header.has_open_frame() {
            let span = stack.record().usable().len() - size_of::<Self>();
            header.span.set(span);
        }
    }

    /// Whether a frame is open.
    pub(super) fn has_open_frame(&self) -> bool {
        self.n_open.get() > 0
    }

    pub(super) fn has_task_frame(&self) -> bool {
        self.has_task_frame.get()
    }

    pub(super) fn set_task_frame(&self) {
        self.has_task_frame.set(true);
    }
}

/// The address of a `B` below a header.
#[inline(always)]
pub(super) fn block_below<B>(header: NonNull<Header>) -> NonNull<B> {
    const { assert!(size_of::<B>().is_multiple_of(align_of::<B>())) };
    // The header is aligned to a cache line, and a block to at most that.
    let address = (header.as_ptr() as usize - size_of::<B>()) & !(align_of::<B>() - 1);
    // SAFETY: a header lies far above the address zero.
    unsafe { NonNull::new_unchecked(address as *mut B) }
}
