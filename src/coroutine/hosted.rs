//! A coroutine for a scheduler: it carries the scheduler's control block on its own first page,
//! and it parks with everything that it has called, nested coroutines included.
//!
//! A [`Yielder`](super::Yielder) suspends one coroutine to its resumer. A hosted coroutine parks
//! the whole chain that runs on it to its host, from whichever stack of the chain is the innermost:
//! what is parked is where the innermost one stands, and nothing but the host enters it there. So
//! the coroutines in between stay *running* as far as their handles can tell, and open scopes
//! don't matter, because nothing of the chain can be touched before it goes on.
//!
//! The control block is named by its address, which stays until [`Hosted::release`].

#![allow(unsafe_code)]

use std::cell::Cell;
use std::io;
use std::marker::PhantomData;
use std::panic::Location;
use std::ptr::NonNull;

use super::header::{Header, Outcome, block_below};
use super::yielder::Yielder;
use crate::arch::{self, Parked, VALUE, Word};
use crate::stack::Stack;

/// What a coroutine with a block of type `B` can do; the block's address is its name.
pub(crate) struct Hosted<B>(PhantomData<B>);

/// How a hosted coroutine ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With nothing left on its stack but the block.
    Over,
    /// It was left for ever with frames on its stack, which stays.
    Abandoned,
}

impl<B> Hosted<B> {
    const BLOCK_FITS: () = assert!(size_of::<B>().is_multiple_of(64) && align_of::<B>() == 64);

    /// Lays a coroutine out on a stack from the thread's pool: its block, and where it is parked.
    ///
    /// # Safety
    /// The name stays where it is until the coroutine is released. What the body borrows outlives
    /// its run.
    ///
    /// # Errors
    /// If there is no stack to be had.
    #[inline]
    pub(crate) unsafe fn build<F>(
        stack_size: usize,
        name: Option<*const [u8]>,
        site: &'static Location<'static>,
        block: impl FnOnce(Parked) -> B,
        body: F,
    ) -> io::Result<(NonNull<B>, Parked)>
    where
        F: FnOnce(NonNull<B>),
    {
        const { Self::BLOCK_FITS };
        let stack = Stack::acquire(stack_size)?;
        let body = move |yielder: &Yielder<(), ()>, ()| {
            body(block_below(NonNull::from(yielder).cast::<Header>()));
        };
        let (header, parked) = Header::build::<(), (), (), _, B>(stack, name, site, body);
        let place = block_below::<B>(header);
        // SAFETY: `build` left room for it there.
        unsafe { place.write(block(parked)) };
        Ok((place, parked))
    }

    /// Enters the coroutine; answers how it came back: where it is parked and the word that it sent, or
    /// by its end, with a word for [`ending`](Self::ending).
    ///
    /// # Safety
    /// A hosted coroutine is parked there, on this thread.
    #[inline(always)]
    pub(crate) unsafe fn enter(parked: Parked) -> Result<(Parked, *mut ()), Word> {
        // SAFETY: forwarded to the caller; a hosted coroutine expects no value.
        let (word, parked) = unsafe { arch::enter(parked, Word::uninit(), VALUE) };
        match parked {
            // SAFETY: whoever parks sends a whole word.
            Some(parked) => Ok((parked, unsafe { word.assume_init() })),
            None => Err(word),
        }
    }

    /// Parks the chain that runs on this coroutine, to its host, with a word.
    ///
    /// # Safety
    /// The block is that of the hosted coroutine that was entered last and has not parked since.
    #[inline(always)]
    pub(crate) unsafe fn park(block: NonNull<B>, word: *mut ()) {
        // SAFETY: the running code is on this coroutine's stack, or on one that was entered from
        // there and has not come back, so that the host waits at the link. Whoever enters it
        // again sends no value.
        unsafe {
            let header = Self::header(block).as_ref();
            let (_, _, link) = arch::park(header.link(), Word::new(word));
            header.set_link(link);
        }
    }

    /// Parks the chain that runs on this coroutine, as [`park`](Self::park) does, notes where in `save`,
    /// and enters another coroutine, whose host is the same.
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

    /// A word that is the host's, beside what entering the coroutine touches anyway: a line less than
    /// if it were in the block. It is whatever it was when the stack came from the pool.
    ///
    /// # Safety
    /// The block was laid out by [`build`](Self::build) and not released, and outlives the answer.
    #[inline(always)]
    pub(crate) unsafe fn flags<'a>(block: NonNull<B>) -> &'a Cell<u32> {
        // SAFETY: the header lives as long as the block.
        &unsafe { Self::header(block).as_ref() }.flags
    }

    /// Whether the body was entered.
    pub(crate) fn has_begun(block: NonNull<B>) -> bool {
        // SAFETY: whoever has a block has a header beside it.
        unsafe { Self::header(block).as_ref() }.has_started()
    }

    /// How a coroutine ended that came back by its end, with the word that came with it.
    ///
    /// # Safety
    /// [`enter`](Self::enter) answered the word for this coroutine, just now.
    pub(crate) unsafe fn ending(block: NonNull<B>, word: Word) -> Ending {
        // SAFETY: the header stays until the stack is released. The outcome lies in the entry
        // function's frame, on that stack; it is moved out once.
        unsafe {
            if Self::header(block).as_ref().is_abandoned() {
                return Ending::Abandoned;
            }
            if let Outcome::Unwound(payload) = word.assume_init().cast::<Outcome<()>>().read() {
                // A task's body catches everything; this is only to lose nothing.
                super::drop_payload(payload);
            }
        }
        Ending::Over
    }

    /// Has the overflow report forget the coroutine's name, which may go now.
    ///
    /// # Safety
    /// The coroutine was not released.
    pub(crate) unsafe fn forget_name(block: NonNull<B>) {
        // SAFETY: forwarded to the caller.
        unsafe { Header::stack_of(Self::header(block)) }
            .record()
            .forget_name();
    }

    /// Gives the stack back, with the block on it, which is not dropped.
    ///
    /// # Safety
    /// [`ending`](Self::ending) answered [`Ending::Over`], and nobody uses the block any more.
    #[inline]
    pub(crate) unsafe fn release(block: NonNull<B>) {
        // SAFETY: forwarded to the caller.
        unsafe { Header::release(Self::header(block)) }
    }

    /// The header is right above the block: the block's size is a multiple of its alignment, which
    /// is that of the header.
    #[inline(always)]
    pub(super) fn header(block: NonNull<B>) -> NonNull<Header> {
        // SAFETY: `build` put the block there.
        unsafe { block.add(1).cast() }
    }
}
