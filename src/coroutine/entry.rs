//! How a coroutine begins and ends on its own stack: laying it out, running the body, leaving with the
//! outcome.

#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::ptr::NonNull;

use super::header::{Header, block_below};
use super::payload::Payload;
use super::value;
use super::yielder::Yielder;
use crate::arch::{self, EntryFn, Parked, Root, VALUE, Word};
use crate::stack::Stack;

/// The tag that makes a coroutine which has not begun drop its body instead of running it.
pub(super) const DISCARD: usize = 2;

/// Bodies up to this size lie on the stack, larger ones on the heap.
const MAX_INLINE_BODY: usize = 512;

/// How a coroutine's body ended.
pub(super) enum Outcome<Ret> {
    Returned(Ret),
    Unwound(Payload),
    /// The body never ran, on request.
    Discarded,
}

/// Lays out a coroutine on a stack, and labels the stack with the number of the task whose body this is, or 0. Right
/// below the header it leaves room for a `B`, which the caller initialises.
#[inline]
pub(super) fn build<In, Out, Ret, F, B>(
    stack: Stack,
    name: Option<*const [u8]>,
    task: u64,
    site: &'static Location<'static>,
    body: F,
) -> (NonNull<Header>, Parked)
where
    F: FnOnce(&Yielder<In, Out>, In) -> Ret,
{
    let has_header = stack.record().label(name, task, site);
    let entry = entry::<In, Out, Ret, F, B> as EntryFn;
    const { assert!(size_of::<B>() <= 256 && size_of::<B>().is_multiple_of(64)) };
    // SAFETY: `Stack::acquire` gives at least 16 KiB below the base, which is aligned to a cache line.
    // Header, block, body (at most 512 bytes, aligned to 64) and the two words of `prepare` take less
    // than 1 KiB of it, and nothing else uses it.
    unsafe {
        let header = stack.base().sub(size_of::<Header>()).cast::<Header>();
        let block = block_below::<B>(header);
        let slot = BodySlot::<F>::below(block);
        if BodySlot::<F>::INLINE {
            slot.0.cast::<F>().write(body);
        } else {
            slot.0.cast::<Box<F>>().write(Box::new(body));
        }
        if has_header {
            header.as_ref().renew(entry);
        } else {
            Header::format(header, stack, entry);
        }
        let top = block.cast::<u8>().sub(BodySlot::<F>::n_bytes(16));
        (header, arch::prepare(top, header.as_ptr().cast()))
    }
}

/// The address of a body, below its header and the host's block.
struct BodySlot<F>(*mut F);

impl<F> BodySlot<F> {
    const INLINE: bool = size_of::<F>() <= MAX_INLINE_BODY && align_of::<F>() <= 64;

    /// The size of the body, rounded up to its alignment and to at least `align`. The block above is aligned
    /// to a cache line, so the address at this distance below the block is aligned too.
    const fn n_bytes(align: usize) -> usize {
        let (size, own_align) = if Self::INLINE {
            (size_of::<F>(), align_of::<F>())
        } else {
            (size_of::<Box<F>>(), align_of::<Box<F>>())
        };
        size.next_multiple_of(if align > own_align { align } else { own_align })
    }

    fn below<B>(block: NonNull<B>) -> Self {
        Self((block.as_ptr() as usize - const { Self::n_bytes(1) }) as *mut F)
    }

    /// Drops the body in place: it may be larger than the stack.
    ///
    /// # Safety
    /// The body was written there, and is dropped or taken once.
    unsafe fn discard(self) {
        // SAFETY: forwarded to the caller.
        unsafe {
            if Self::INLINE {
                self.0.drop_in_place();
            } else {
                self.0.cast::<Box<F>>().drop_in_place();
            }
        }
    }

    /// # Safety
    /// The body was written there, and is dropped or taken once.
    unsafe fn take(self) -> F {
        // SAFETY: forwarded to the caller.
        unsafe {
            if Self::INLINE {
                self.0.read()
            } else {
                *self.0.cast::<Box<F>>().read()
            }
        }
    }
}

/// The first function on a coroutine's stack: runs the body, catches what unwinds out of it and leaves
/// with the outcome.
///
/// # Safety
/// Called by the root frame of a coroutine that [`build`] laid out with the same types.
unsafe extern "C" fn entry<In, Out, Ret, F, B>(root: *const Root, word: Word, tag: usize) -> !
where
    F: FnOnce(&Yielder<In, Out>, In) -> Ret,
{
    let header = root.cast::<Header>().cast_mut();
    // SAFETY: the root is at the start of a header.
    let block = block_below::<B>(unsafe { NonNull::new_unchecked(header) });
    let slot = BodySlot::<F>::below(block);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the body is taken only here; a word with the tag `VALUE` is an encoded value; the
        // header outlives the body's run.
        unsafe {
            if tag == VALUE {
                let body = slot.take();
                let first = value::decode::<In>(word);
                Outcome::Returned(body(Yielder::at(header), first))
            } else {
                slot.discard();
                Outcome::Discarded
            }
        }
    }));
    let mut outcome = ManuallyDrop::new(caught.unwrap_or_else(Outcome::Unwound));
    let word = Word::new((&raw mut outcome).cast());
    // SAFETY: this is the coroutine's own stack, entered through the link; the outcome stays in this
    // frame until the resumer has read it.
    unsafe {
        if size_of::<B>() == 0 {
            arch::finish((*header).link(), word)
        } else {
            // A coroutine with a block is a task, and the scheduler entered it as one.
            arch::exit((*header).link(), word)
        }
    }
}
