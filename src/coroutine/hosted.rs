//! Hosted coroutines: coroutines of a scheduler. Each carries the scheduler's control block on its own
//! first page, and parks together with everything that it has called, nested coroutines included.
//!
//! A [`Yielder`](super::Yielder) suspends one coroutine to its resumer. A hosted coroutine parks its
//! whole chain to its host, from the innermost stack of the chain: the parked address is that of the
//! innermost coroutine, and only the host enters it there. So the handles of the coroutines in between
//! report *running*, and open frames don't matter, because nothing can touch the chain before it
//! continues.
//!
//! The control block is identified by its address, which is stable until [`Hosted::release`].

#![allow(unsafe_code)]

use std::cell::Cell;
use std::io;
use std::marker::PhantomData;
use std::ops::Range;
use std::panic::Location;
use std::ptr::NonNull;

use super::entry::{self, Outcome};
use super::header::{Header, block_below};
use super::payload::drop_payload;
use super::yielder::Yielder;
use crate::arch::{self, Parked, VALUE, Word};
use crate::stack::Stack;

/// The operations on a coroutine with a block of type `B`, which is identified by the block's address.
pub(crate) struct Hosted<B>(PhantomData<B>);

/// Bytes below the stack pointer that parked code may use: 128 on x86_64, and none on aarch64.
const RED_ZONE_BYTES: usize = 128;

/// How a hosted coroutine ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With nothing left on its stack but the block.
    Completed,
    /// Control left it for good with frames on its stack, which is leaked.
    Abandoned,
}

impl<B> Hosted<B> {
    const BLOCK_FITS: () = assert!(size_of::<B>().is_multiple_of(64) && align_of::<B>() == 64);

    /// Lays a coroutine out on a stack from the thread's pool. The overflow report prints the coroutine's name, or its
    /// number, which is not 0. Returns its block and its parked address.
    ///
    /// # Safety
    /// The name does not move until the coroutine is released. What the body borrows outlives its run.
    ///
    /// # Errors
    /// If no stack can be allocated.
    #[inline]
    pub(crate) unsafe fn build<F>(
        stack_size_bytes: usize,
        name: Option<*const [u8]>,
        number: u64,
        site: &'static Location<'static>,
        block: impl FnOnce(Parked) -> B,
        body: F,
    ) -> io::Result<(NonNull<B>, Parked)>
    where
        F: FnOnce(NonNull<B>),
    {
        const { Self::BLOCK_FITS };
        let stack = Stack::acquire(stack_size_bytes)?;
        let body = move |yielder: &Yielder<(), ()>, ()| {
            body(block_below(NonNull::from(yielder).cast::<Header>()));
        };
        let (header, parked) = entry::build::<(), (), (), _, B>(stack, name, number, site, body);
        let at = block_below::<B>(header);
        // SAFETY: `build` left room for the block there.
        unsafe { at.write(block(parked)) };
        Ok((at, parked))
    }

    /// Enters the coroutine and returns how it came back: its parked address and the word that it sent,
    /// or, if it has ended, the word for [`ending`](Self::ending).
    ///
    /// # Safety
    /// A hosted coroutine is parked at `parked`, on this thread.
    #[inline(always)]
    pub(crate) unsafe fn enter(parked: Parked) -> Result<(Parked, *mut ()), Word> {
        // SAFETY: forwarded to the caller; a hosted coroutine expects no value.
        let (word, parked) = unsafe { arch::enter(parked, Word::uninit(), VALUE) };
        match parked {
            // SAFETY: `park` sends an initialised word.
            Some(parked) => Ok((parked, unsafe { word.assume_init() })),
            None => Err(word),
        }
    }

    /// Parks this coroutine's chain to its host, with a word.
    ///
    /// # Safety
    /// The block belongs to the hosted coroutine that was entered last and has not parked since.
    #[inline(always)]
    pub(crate) unsafe fn park(block: NonNull<B>, word: *mut ()) {
        // SAFETY: the running code is on this coroutine's stack, or on one that was entered from there and
        // has not come back, so the host waits at the link. The next `enter` sends no value.
        unsafe {
            let header = Self::header(block).as_ref();
            let (_, _, link) = arch::park(header.link(), Word::new(word));
            header.set_link(link);
        }
    }

    /// Parks this coroutine's chain as [`park`](Self::park) does, stores its address in `save`, and enters
    /// another coroutine of the same host.
    ///
    /// # Safety
    /// As [`park`](Self::park) for this one and as [`enter`](Self::enter) for the other; `save` is
    /// writable.
    #[inline(always)]
    pub(crate) unsafe fn transfer(block: NonNull<B>, save: *mut Parked, to: Parked) {
        // SAFETY: as in `park`; the other one expects no value.
        unsafe {
            let header = Self::header(block).as_ref();
            let (_, _, link) = arch::transfer(header.link(), save, to, Word::uninit(), VALUE);
            header.set_link(link);
        }
    }

    /// The host's word. It lies in the header, whose cache line is touched by entering the coroutine, so that
    /// the block's line need not be loaded. A new coroutine finds the value that the previous coroutine on
    /// the stack left.
    ///
    /// # Safety
    /// The block was laid out by [`build`](Self::build), was not released, and outlives the reference.
    #[inline(always)]
    pub(crate) unsafe fn flags<'a>(block: NonNull<B>) -> &'a Cell<u32> {
        // SAFETY: the header lives as long as the block.
        &unsafe { Self::header(block).as_ref() }.flags
    }

    /// Whether the body was entered.
    pub(crate) fn has_begun(block: NonNull<B>) -> bool {
        // SAFETY: every block has a header right above it.
        unsafe { Self::header(block).as_ref() }.has_started()
    }

    /// How a coroutine ended, by the word with which it came back.
    ///
    /// # Safety
    /// [`enter`](Self::enter) has just returned the word for this coroutine.
    pub(crate) unsafe fn ending(block: NonNull<B>, word: Word) -> Ending {
        // SAFETY: the header stays until the stack is released. The outcome lies in the entry
        // function's frame, on that stack; it is moved out once.
        unsafe {
            if Self::header(block).as_ref().is_abandoned() {
                return Ending::Abandoned;
            }
            if let Outcome::Unwound(payload) = word.assume_init().cast::<Outcome<()>>().read() {
                // Defensive: a task's body catches everything.
                drop_payload(payload);
            }
        }
        Ending::Completed
    }

    /// Removes the coroutine's name from the overflow report, so that the name may be freed.
    ///
    /// # Safety
    /// The coroutine was not released.
    pub(crate) unsafe fn forget_name(block: NonNull<B>) {
        // SAFETY: forwarded to the caller.
        unsafe { Header::stack_of(Self::header(block)) }
            .record()
            .forget_name();
    }

    /// The resident pages of the coroutine's own stack below its frames, if it is parked on its own stack. They count as
    /// returned to the system.
    ///
    /// # Safety
    /// The coroutine is parked at `parked`, and was not released. The caller gives the pages back before the coroutine is
    /// entered.
    pub(crate) unsafe fn take_unused_pages(
        block: NonNull<B>,
        parked: Parked,
    ) -> Option<Range<usize>> {
        let below = parked.stack_pointer()?.checked_sub(RED_ZONE_BYTES)?;
        // SAFETY: forwarded to the caller.
        unsafe { Header::stack_of(Self::header(block)) }.take_pages_below(below)
    }

    /// Releases the stack with the block on it; the block is not dropped.
    ///
    /// # Safety
    /// [`ending`](Self::ending) returned [`Ending::Completed`], and the block is not used any more.
    #[inline]
    pub(crate) unsafe fn release(block: NonNull<B>) {
        // SAFETY: forwarded to the caller.
        unsafe { Header::release(Self::header(block)) }
    }

    /// The header, right above the block: the block's size is a multiple of its alignment, which is the
    /// header's.
    #[inline(always)]
    pub(super) fn header(block: NonNull<B>) -> NonNull<Header> {
        // SAFETY: `build` put the block there.
        unsafe { block.add(1).cast() }
    }
}
