//! The control block at the base of a coroutine's stack, and what runs first on it.
//!
//! ```text
//! stack record   the pool's and the overflow report's
//! header         this file's: root block, where suspending is allowed, the request to close
//! block          of whoever hosts the coroutine, for example a task's control block
//! body           the closure, unless it is large
//! two words      what the first resume pops
//! frames         entry, body, ... grow down from here
//! ```
//!
//! All of it lies on one page, the only one that a parked coroutine of a modest body has.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::ptr::NonNull;

use super::unwind::Payload;
use super::value;
use super::yielder::Yielder;
use crate::arch::{self, Entry, Link, Parked, Root, VALUE, Word};
use crate::stack::{Record, Stack, Use};

/// The tag of a word that is the address of a payload to raise; [`VALUE`] is for values.
pub(super) const RAISE: usize = 1;
/// The tag that has a fresh coroutine drop its body instead of running it.
pub(super) const DISCARD: usize = 2;

/// Bodies up to this size lie on the stack, larger ones on the heap.
const MAX_INLINE_BODY: usize = 512;

/// The control block. Its address is the root's.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Header {
    root: Root,
    /// How far below this header the stack pointer may be for a suspension: the size of the
    /// stack, or 0 while a frame is open that must not be left.
    span: Cell<usize>,
    /// The request to close that is being delivered, 0 for none.
    pub(super) close_request: Cell<u64>,
    /// How many frames are open that must not be left, and [`OF_TASK`].
    n_open: Cell<u32>,
    /// How often the body went on after a close during somebody's panic.
    pub(super) n_swallowed: Cell<u32>,
    /// Whether the thread was panicking when the close was requested.
    pub(super) closed_in_panic: Cell<bool>,
    /// Whether the coroutine was left for ever with frames on its stack, which is leaked.
    abandoned: Cell<bool>,
    /// A word for whoever hosts the coroutine. It is here because entering one touches this line.
    pub(super) flags: Cell<u32>,
}

const _: () = assert!(size_of::<Header>() == 64);

/// The bit of `n_open` that says that one of the frames is known to the task that it belongs to, or
/// knows that task.
const OF_TASK: u32 = 1 << 31;

/// How a coroutine's body ended.
pub(super) enum Outcome<Ret> {
    Returned(Ret),
    Unwound(Payload),
    /// It never ran, as was asked.
    Discarded,
}

impl Header {
    /// Lays out a coroutine on a stack, and labels the stack. Right below the header stays room
    /// for a `B`, which is the caller's.
    #[inline]
    pub(super) fn build<In, Out, Ret, F, B>(
        stack: Stack,
        name: Option<*const [u8]>,
        site: &'static Location<'static>,
        body: F,
    ) -> (NonNull<Self>, Parked)
    where
        F: FnOnce(&Yielder<In, Out>, In) -> Ret,
    {
        let had_header = stack.record().in_use() == Use::Coroutine;
        stack.record().label(Use::Coroutine, name, site);
        let entry = entry::<In, Out, Ret, F, B> as Entry;
        const { assert!(size_of::<B>() <= 256 && align_of::<B>() <= 64) };
        // SAFETY: `Stack::acquire` gives 16 KiB at least below the base, which is aligned to a
        // cache line; header, block, body (512 bytes, aligned to 64, at most) and the two words of
        // `prepare` take less than 1 KiB of it, and nobody else uses it.
        unsafe {
            let header = stack.base().sub(size_of::<Self>()).cast::<Self>();
            let place = BodyPlace::<F>::below(block_below::<B>(header).as_ptr());
            if BodyPlace::<F>::INLINE {
                place.0.cast::<F>().write(body);
            } else {
                place.0.cast::<Box<F>>().write(Box::new(body));
            }
            if had_header {
                // The coroutine before left all else as a new one has it.
                header.as_ref().root.renew(entry);
            } else {
                Self::format(header, stack, entry);
            }
            let top = NonNull::new_unchecked((place.0 as usize & !15) as *mut u8);
            (header, arch::prepare(top, header.as_ptr().cast()))
        }
    }

    /// Writes the header of the first coroutine on a stack.
    ///
    /// # Safety
    /// The header's place is writable and nobody else uses it.
    #[cold]
    #[inline(never)]
    unsafe fn format(header: NonNull<Self>, stack: Stack, entry: Entry) {
        let span = stack.record().usable().len() - size_of::<Self>();
        // SAFETY: forwarded to the caller.
        unsafe {
            header.write(Self {
                root: Root::new(entry),
                span: Cell::new(span),
                close_request: Cell::new(0),
                n_open: Cell::new(0),
                n_swallowed: Cell::new(0),
                closed_in_panic: Cell::new(false),
                abandoned: Cell::new(false),
                flags: Cell::new(0),
            });
        }
    }

    /// The header of the coroutine that uses a stack.
    pub(super) fn of(record: &Record) -> Option<NonNull<Self>> {
        let address = std::ptr::from_ref(record) as usize - size_of::<Self>();
        (record.in_use() == Use::Coroutine).then(|| NonNull::new(address as *mut Self))?
    }

    /// Gives the stack back, with the header on it.
    ///
    /// # Safety
    /// The coroutine is over, nothing of it is left on the stack, and the header is not used
    /// any more.
    #[inline]
    pub(super) unsafe fn release(header: NonNull<Self>) {
        // SAFETY: by the caller's word nobody uses the original any more. A header on a stack
        // of the pool is as `format` wrote it, but for its entry and its link.
        unsafe {
            debug_assert_eq!(header.as_ref().n_open.get(), 0);
            if header.as_ref().close_request.get() != 0 {
                header.as_ref().close_request.set(0);
            }
            Self::stack_of(header).release();
        }
    }

    /// The stack that a header is on. It is by its address that one is found from the other.
    ///
    /// # Safety
    /// The header was laid out by [`Header::build`] and its stack not given back.
    #[inline(always)]
    pub(super) unsafe fn stack_of(header: NonNull<Self>) -> Stack {
        // SAFETY: `build` puts the header right below the stack's base; the rest is the
        // caller's word.
        unsafe { Stack::at(header.add(1).cast()) }
    }

    /// Whether the body has begun: the first switch to it leaves a link.
    pub(super) fn has_started(&self) -> bool {
        self.root.link.get() != Link::NONE
    }

    #[inline(always)]
    pub(super) fn link(&self) -> Link {
        self.root.link.get()
    }

    /// Notes the resumer, if it is another than before: a store costs more than a look.
    #[inline(always)]
    pub(super) fn set_link(&self, link: Link) {
        if self.root.link.get() != link {
            self.root.link.set(link);
        }
    }

    /// Puts another link in the place of the resumer's, which it answers.
    ///
    /// # Safety
    /// The resumer's is put back before the coroutine is entered, parked or left.
    #[cfg(feature = "runtime")]
    pub(super) unsafe fn replace_link(&self, link: Link) -> Link {
        self.root.link.replace(link)
    }

    /// Whether the running code is on this coroutine's stack, which makes it the innermost one
    /// running, with no frame open that must not be left.
    #[inline(always)]
    pub(super) fn may_be_left(&self) -> bool {
        arch::depth_below(std::ptr::from_ref(self) as usize) < self.span.get()
    }

    /// Leaves the coroutine for ever, as it is. Its stack, and so this header, is never given
    /// back.
    ///
    /// # Safety
    /// The running code is on this coroutine's stack, or on one that it called to; whoever
    /// borrowed from or lent to what is left behind is left behind as well, or never returns.
    pub(super) unsafe fn abandon(&self) -> ! {
        #[cfg(feature = "runtime")]
        super::undo::undo_all(self);
        self.abandoned.set(true);
        // SAFETY: the innermost coroutine's resumer waits at its link; nothing of what is left
        // behind is ever freed.
        unsafe { arch::finish(self.link(), Word::uninit()) }
    }

    /// Whether the coroutine was left for ever.
    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.get()
    }

    /// Notes a frame that must not be left.
    pub(super) fn frame_opens(&self) {
        self.n_open.set(self.n_open.get() + 1);
        self.span.set(0);
    }

    /// Takes a frame back that must not be left; the task's too, if it was the first of those.
    ///
    /// # Safety
    /// As [`stack_of`](Self::stack_of).
    pub(super) unsafe fn frame_closes(this: NonNull<Self>, is_first_of_task: bool) {
        // SAFETY: forwarded to the caller.
        let (header, stack) = unsafe { (this.as_ref(), Self::stack_of(this)) };
        if is_first_of_task {
            header.n_open.set(header.n_open.get() & !OF_TASK);
        }
        header.n_open.set(header.n_open.get() - 1);
        if !header.has_open_frame() {
            let span = stack.record().usable().len() - size_of::<Self>();
            header.span.set(span);
        }
    }

    /// Whether a frame is open that must not be left.
    pub(super) fn has_open_frame(&self) -> bool {
        self.n_open.get() > 0
    }

    /// Whether one of the open frames is the running task's.
    pub(super) fn has_task_frame(&self) -> bool {
        self.n_open.get() & OF_TASK != 0
    }

    /// Notes that something of the task's is left behind above this coroutine.
    pub(super) fn set_task_frame(&self) {
        self.n_open.set(self.n_open.get() | OF_TASK);
    }
}

/// The stack pointer of the running code.
#[inline(always)]
pub(super) fn stack_pointer() -> usize {
    arch::depth_below(0).wrapping_neg()
}

/// The room for a `B` below a header.
#[inline(always)]
pub(super) fn block_below<B>(header: NonNull<Header>) -> NonNull<B> {
    const { assert!(size_of::<B>().is_multiple_of(align_of::<B>())) };
    // The header is aligned to a cache line, and a block to that at most.
    let address = (header.as_ptr() as usize - size_of::<B>()) & !(align_of::<B>() - 1);
    // SAFETY: a header lies far above the address zero.
    unsafe { NonNull::new_unchecked(address as *mut B) }
}

/// Where a body lies: below its header and the block of the caller's.
struct BodyPlace<F>(*mut F);

impl<F> BodyPlace<F> {
    const INLINE: bool = size_of::<F>() <= MAX_INLINE_BODY && align_of::<F>() <= 64;

    fn below<B>(block: *mut B) -> Self {
        let (size, align) = if Self::INLINE {
            (size_of::<F>(), align_of::<F>())
        } else {
            (size_of::<Box<F>>(), align_of::<Box<F>>())
        };
        Self(((block as usize - size) & !(align - 1)) as *mut F)
    }

    /// Drops the body where it is: it may be larger than the stack.
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

/// The first function on a coroutine's stack: runs the body, catches whatever unwinds out of
/// it and leaves with the outcome.
///
/// # Safety
/// Called by the root frame of a coroutine that [`Header::build`] laid out with the same types.
unsafe extern "C" fn entry<In, Out, Ret, F, B>(root: *const Root, word: Word, tag: usize) -> !
where
    F: FnOnce(&Yielder<In, Out>, In) -> Ret,
{
    let header = root.cast::<Header>().cast_mut();
    // SAFETY: the root is at the start of a header.
    let block = block_below::<B>(unsafe { NonNull::new_unchecked(header) });
    let place = BodyPlace::<F>::below(block.as_ptr());
    let caught = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: this is the only time that the body is taken; a value comes with its tag; the
        // header outlives the body's run.
        unsafe {
            if tag == VALUE {
                let body = place.take();
                let first = value::decode::<In>(word);
                Outcome::Returned(body(Yielder::at(header), first))
            } else {
                place.discard();
                Outcome::Discarded
            }
        }
    }));
    let mut outcome = ManuallyDrop::new(caught.unwrap_or_else(Outcome::Unwound));
    let word = Word::new((&raw mut outcome).cast());
    // SAFETY: this is the coroutine's own stack, entered through the link; the outcome stays
    // in this frame until the resumer has read it.
    unsafe {
        if size_of::<B>() == 0 {
            arch::finish((*header).link(), word)
        } else {
            // It is somebody's task, and was entered as one.
            arch::exit((*header).link(), word)
        }
    }
}
