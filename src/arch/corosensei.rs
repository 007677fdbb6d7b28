//! The switch by the `corosensei` crate, for architectures without instructions of ours.
//!
//! A parked coroutine is named by the address of a [`Fiber`] at the top of its own stack. Its
//! coroutine object is type-erased to words; it is never unwound or dropped by that crate:
//! throw and close arrive as tagged words, as with our own instructions.

use std::cell::UnsafeCell;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::{self, NonNull};

use corosensei::stack::{Stack, StackPointer};
use corosensei::{Coroutine, CoroutineResult, Yielder};

use super::{Link, Parked, Root, Word};
use crate::stack;

type Input = (Word, usize);

/// What comes out of a fiber.
enum Output {
    Suspended(Word),
    Finished(Word),
    Transferred {
        save: *mut Parked,
        to: Parked,
        word: Word,
        tag: usize,
    },
}

/// The part of a stack that is left below an address.
struct Below {
    base: StackPointer,
    limit: StackPointer,
}

impl Below {
    fn new(base: usize) -> Self {
        let record = stack::find(base - 1).expect("coroutines are laid out on stacks of ours");
        let address = |address| StackPointer::new(address).expect("stacks are not at zero");
        Self {
            base: address(base),
            limit: address(record.usable().start),
        }
    }
}

// SAFETY: stacks of ours are writable between their limit, below which is a guard, and their base;
// whoever makes a `Below` keeps the stack.
unsafe impl Stack for Below {
    fn base(&self) -> StackPointer {
        self.base
    }

    fn limit(&self) -> StackPointer {
        self.limit
    }
}

/// A coroutine of that crate and what its inside needs to leave it.
struct Fiber {
    coroutine: UnsafeCell<ManuallyDrop<Coroutine<Input, Output, (), Below>>>,
    yielder: UnsafeCell<*const Yielder<Input, Output>>,
}

/// As with our own instructions.
///
/// # Safety
/// `top` is aligned to 16 bytes, at least a kilobyte of the stack lies below it, and the root
/// stays where it is as long as the coroutine runs.
pub(crate) unsafe fn prepare(top: NonNull<u8>, root: *const Root) -> Parked {
    let fiber = ((top.as_ptr() as usize - size_of::<Fiber>()) & !15) as *mut Fiber;
    let address = fiber as usize;
    let coroutine =
        Coroutine::with_stack(Below::new(address), move |yielder, (word, tag): Input| {
            let fiber = address as *const Fiber;
            // SAFETY: the fiber was written before anybody could enter it and stays; the root
            // stays by the word of `prepare`'s caller.
            unsafe {
                *(*fiber).yielder.get() = yielder;
                (*root).link.set(Link(address));
                ((*root).entry.get())(root, word, tag)
            }
        });
    // SAFETY: the fiber fits below `top`, where nothing lives.
    unsafe {
        fiber.write(Fiber {
            coroutine: UnsafeCell::new(ManuallyDrop::new(coroutine)),
            yielder: UnsafeCell::new(ptr::null()),
        });
    }
    Parked(NonNull::new(fiber.cast()).expect("stacks are not at zero"))
}

/// As with our own instructions.
///
/// # Safety
/// The coroutine is parked there, on this thread; word and tag are what it expects.
pub(crate) unsafe fn resume(parked: Parked, word: Word, tag: usize) -> (Word, Option<Parked>) {
    let mut parked = parked;
    let mut input = (word, tag);
    loop {
        let fiber = parked.0.as_ptr() as *const Fiber;
        // SAFETY: the caller says that the coroutine is parked there, so nobody else is in it.
        let output = unsafe { (*(*fiber).coroutine.get()).resume(input) };
        match output {
            CoroutineResult::Yield(Output::Suspended(word)) => return (word, Some(parked)),
            CoroutineResult::Yield(Output::Finished(word)) => return (word, None),
            CoroutineResult::Yield(Output::Transferred {
                save,
                to,
                word,
                tag,
            }) => {
                // SAFETY: `transfer`'s caller says that the place is writable.
                unsafe { save.write(parked) };
                (parked, input) = (to, (word, tag));
            }
            CoroutineResult::Return(()) => unreachable!("an entry leaves by `finish`"),
        }
    }
}

/// Leaves the fiber that the link names.
///
/// # Safety
/// As [`suspend`].
unsafe fn leave(link: Link, output: Output) -> (Word, usize, Link) {
    let fiber = link.0 as *const Fiber;
    // SAFETY: the callers' callers say that the fiber at the link is the running one, so its
    // yielder is set and alive.
    let (word, tag) = unsafe { (**(*fiber).yielder.get()).suspend(output) };
    (word, tag, link)
}

/// As with our own instructions; the link names the coroutine itself here.
///
/// # Safety
/// The running code is on the stack of the coroutine that `link` belongs to, and nothing was
/// entered since that has not come back.
pub(crate) unsafe fn suspend(link: Link, word: Word) -> (Word, usize, Link) {
    // SAFETY: forwarded to the caller.
    unsafe { leave(link, Output::Suspended(word)) }
}

/// As with our own instructions; here nothing distinguishes it from [`resume`].
///
/// # Safety
/// As [`resume`].
#[cfg(feature = "runtime")]
pub(crate) unsafe fn enter(parked: Parked, word: Word, tag: usize) -> (Word, Option<Parked>) {
    // SAFETY: forwarded to the caller.
    unsafe { resume(parked, word, tag) }
}

/// As with our own instructions; here nothing distinguishes it from [`suspend`].
///
/// # Safety
/// The running code is on the stack of the coroutine that `link` belongs to, or on one that was
/// entered from there and has not come back.
#[cfg(feature = "runtime")]
pub(crate) unsafe fn park(link: Link, word: Word) -> (Word, usize, Link) {
    // SAFETY: forwarded to the caller.
    unsafe { suspend(link, word) }
}

/// As with our own instructions.
///
/// # Safety
/// As [`suspend`]; nothing on this stack is expected to be dropped, and what the word points
/// to stays until the resumer has read it.
pub(crate) unsafe fn finish(link: Link, word: Word) -> ! {
    // SAFETY: forwarded to the caller.
    unsafe { leave(link, Output::Finished(word)) };
    unreachable!("a finished coroutine was entered")
}

/// As with our own instructions; here nothing distinguishes it from [`finish`].
///
/// # Safety
/// As [`finish`].
pub(crate) unsafe fn exit(link: Link, word: Word) -> ! {
    // SAFETY: forwarded to the caller.
    unsafe { finish(link, word) }
}

/// As with our own instructions.
///
/// # Safety
/// As [`suspend`] for the running one and as [`resume`] for the other, which is not the
/// running one; `save` is writable.
pub(crate) unsafe fn transfer(
    link: Link,
    save: *mut Parked,
    to: Parked,
    word: Word,
    tag: usize,
) -> (Word, usize, Link) {
    // SAFETY: forwarded to the caller.
    unsafe {
        leave(
            link,
            Output::Transferred {
                save,
                to,
                word,
                tag,
            },
        )
    }
}

/// Calls a function on another stack.
///
/// # Safety
/// `base` is the base of an unused stack, aligned to 16 bytes; `f` may be called with `data`
/// and does not unwind.
pub(crate) unsafe fn on_stack(base: NonNull<u8>, f: unsafe extern "C" fn(*mut ()), data: *mut ()) {
    let below = Below::new(base.as_ptr() as usize);
    // SAFETY: forwarded to the caller.
    corosensei::on_stack(below, || unsafe { f(data) });
}

/// There is no way to do this here, see [`CAN_BE_WALKED`].
///
/// # Safety
/// It is never called.
#[cfg(feature = "runtime")]
pub(crate) unsafe fn as_callee(_: Parked, _: unsafe extern "C" fn(*mut ()), _: *mut ()) {
    unreachable!("how this backend parks is not known to unwinders");
}

/// The link names the coroutine itself, and what a parked one has saved is that crate's affair.
#[cfg(feature = "runtime")]
pub(crate) const CAN_BE_WALKED: bool = false;

/// How many bytes the stack pointer is below an address, wrapping if it is above.
///
/// The stack pointer is taken to be where a local lies, which is near enough to tell stacks
/// apart.
#[inline(always)]
pub(crate) fn depth_below(address: usize) -> usize {
    let local = MaybeUninit::<u8>::uninit();
    address.wrapping_sub(std::hint::black_box(local.as_ptr()) as usize)
}

/// There is no root function of ours here.
pub(super) fn root_return_address() -> usize {
    0
}
