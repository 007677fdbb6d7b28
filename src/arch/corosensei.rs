//! The switch by the crate `corosensei`, for architectures without instructions in `asm/`.
//!
//! A parked coroutine is identified by the address of a [`Fiber`] at the top of its own stack. Its
//! `corosensei` object is type-erased to words. That crate never unwinds or drops it: throw and close
//! arrive as tagged words, as in `native`.

use std::cell::UnsafeCell;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::{self, NonNull};

use corosensei::stack::{Stack, StackPointer};
use corosensei::{Coroutine, CoroutineResult, Yielder};

use super::{Link, Parked, Root, Word};
use crate::stack;

// Here a task is switched as any coroutine.
pub(crate) use self::finish as exit;
#[cfg(feature = "runtime")]
pub(crate) use self::{resume as enter, suspend as park};

type Input = (Word, usize);

/// The reason why a fiber switched out.
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

/// The part of a stack below an address.
struct Below {
    base: StackPointer,
    limit: StackPointer,
}

impl Below {
    fn new(base: usize) -> Self {
        let record = stack::find(base - 1).expect("coroutines are laid out on this crate's stacks");
        let address = |address| StackPointer::new(address).expect("stacks are not at zero");
        Self {
            base: address(base),
            limit: address(record.usable().start),
        }
    }
}

// SAFETY: this crate's stacks are writable between their limit, below which is a guard, and their base;
// the code that creates a `Below` keeps the stack.
unsafe impl Stack for Below {
    fn base(&self) -> StackPointer {
        self.base
    }

    fn limit(&self) -> StackPointer {
        self.limit
    }
}

/// A coroutine of that crate, and the yielder by which its body leaves it.
struct Fiber {
    coroutine: UnsafeCell<ManuallyDrop<Coroutine<Input, Output, (), Below>>>,
    yielder: UnsafeCell<*const Yielder<Input, Output>>,
}

/// As in `native`.
///
/// # Safety
/// `top` is aligned to 16 bytes, at least a kilobyte of the stack lies below it, and the root block does not
/// move while the coroutine exists.
pub(crate) unsafe fn prepare(top: NonNull<u8>, root: *const Root) -> Parked {
    let fiber = ((top.as_ptr() as usize - size_of::<Fiber>()) & !15) as *mut Fiber;
    let address = fiber as usize;
    let coroutine =
        Coroutine::with_stack(Below::new(address), move |yielder, (word, tag): Input| {
            let fiber = address as *const Fiber;
            // SAFETY: the fiber was written before it could be entered, and stays; the caller of `prepare`
            // guarantees that the root stays.
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

/// As in `native`.
///
/// # Safety
/// The coroutine is parked there, on this thread; word and tag are what it expects.
pub(crate) unsafe fn resume(parked: Parked, word: Word, tag: usize) -> (Word, Option<Parked>) {
    let mut parked = parked;
    let mut input = (word, tag);
    loop {
        let fiber = parked.0.as_ptr() as *const Fiber;
        // SAFETY: the caller guarantees that the coroutine is parked there, so nothing runs in it.
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
                // SAFETY: the caller of `transfer` guarantees that `save` is writable.
                unsafe { save.write(parked) };
                (parked, input) = (to, (word, tag));
            }
            CoroutineResult::Return(()) => unreachable!("an entry leaves by `finish`"),
        }
    }
}

/// Switches out of the fiber of the link.
///
/// # Safety
/// As [`suspend`].
unsafe fn leave(link: Link, output: Output) -> (Word, usize, Link) {
    let fiber = link.0 as *const Fiber;
    // SAFETY: the callers' callers guarantee that the fiber at the link is the running one, so its yielder
    // is set and alive.
    let (word, tag) = unsafe { (**(*fiber).yielder.get()).suspend(output) };
    (word, tag, link)
}

/// As in `native`; here the link is the address of the coroutine's own fiber.
///
/// # Safety
/// The running code is on the stack of the coroutine that `link` belongs to, and everything that was
/// entered since has come back.
pub(crate) unsafe fn suspend(link: Link, word: Word) -> (Word, usize, Link) {
    // SAFETY: forwarded to the caller.
    unsafe { leave(link, Output::Suspended(word)) }
}

/// As in `native`.
///
/// # Safety
/// As [`suspend`]. Nothing on this stack still has to be dropped, and what the word points to stays until
/// the resumer has read it.
pub(crate) unsafe fn finish(link: Link, word: Word) -> ! {
    // SAFETY: forwarded to the caller.
    unsafe { leave(link, Output::Finished(word)) };
    unreachable!("a finished coroutine was entered")
}

/// As in `native`.
///
/// # Safety
/// As [`suspend`] for the running coroutine and as [`resume`] for the other one, which is not the running
/// one; `save` is writable.
#[allow(dead_code, reason = "only the runtime and the ring transfer")]
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

/// Not supported by this backend, see [`CAN_BE_WALKED`].
///
/// # Safety
/// It is never called.
#[cfg(feature = "runtime")]
pub(crate) unsafe fn as_callee(_: Parked, _: unsafe extern "C" fn(*mut ()), _: *mut ()) {
    unreachable!("unwinders don't know how this backend parks");
}

/// The link is not a frame record here, and the frame of a parked coroutine is that crate's.
#[allow(dead_code, reason = "only the runtime walks")]
pub(crate) const CAN_BE_WALKED: bool = false;

/// The number of bytes from the stack pointer up to an address, wrapping if the stack pointer is above.
///
/// The address of a local stands for the stack pointer, which is precise enough to tell stacks apart.
#[inline(always)]
pub(crate) fn depth_below(address: usize) -> usize {
    let local = MaybeUninit::<u8>::uninit();
    address.wrapping_sub(std::hint::black_box(local.as_ptr()) as usize)
}

/// This backend has no root function.
pub(super) fn root_return_address() -> usize {
    0
}
