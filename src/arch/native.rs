//! The switch by this crate's own instructions: `asm/x86_64/` with the registers of `x86_64.rs`, or
//! `asm/aarch64/` with those of `aarch64.rs`.

use std::arch::global_asm;
use std::mem::offset_of;
use std::ptr::NonNull;

use super::registers::{depth, instructions, leave, switch_in, switch_out, switch_over};
use super::{Link, Parked, Root, Word};

/// Assembles a function from a file of instructions.
macro_rules! function {
    ($file:literal, $function:ident $(, $name:ident = $value:expr)?) => {
        #[cfg(not(target_vendor = "apple"))]
        global_asm!(
            include_str!("../../asm/elf/begin.s"),
            instructions!($file),
            include_str!("../../asm/elf/end.s"),
            function = sym $function,
            $($name = const $value,)?
        );
        #[cfg(target_vendor = "apple")]
        global_asm!(
            include_str!("../../asm/macho/begin.s"),
            instructions!($file),
            include_str!("../../asm/macho/end.s"),
            function = sym $function,
            $($name = const $value,)?
        );
    };
}

function!("root.s", root, ENTRY = offset_of!(Root, entry));
function!("on_stack.s", call_on_stack);
#[cfg(feature = "runtime")]
function!("as_callee.s", call_as_callee);

// The version in the names separates two versions of this crate in one program.
// SAFETY: the symbols are defined by the assembly above, for the C calling convention.
unsafe extern "C" {
    #[link_name = concat!("selvedge_root_", env!("CARGO_PKG_VERSION"))]
    fn root();
    #[link_name = concat!("selvedge_on_stack_", env!("CARGO_PKG_VERSION"))]
    fn call_on_stack(base: NonNull<u8>, f: unsafe extern "C" fn(*mut ()), data: *mut ());
    #[cfg(feature = "runtime")]
    #[link_name = concat!("selvedge_as_callee_", env!("CARGO_PKG_VERSION"))]
    fn call_as_callee(sp: NonNull<u8>, f: unsafe extern "C" fn(*mut ()), data: *mut ());
}

// root.s and suspend.s write the frame record at the root's first two words.
const _: () = assert!(offset_of!(Root, link) == 0 && offset_of!(Root, return_address) == 8);

/// Lays out a stack below `top` so that resuming the result enters the root's function.
///
/// # Safety
/// `top` is aligned to 16 bytes, at least 16 writable bytes of the stack lie below it, and the root block
/// does not move while the coroutine exists.
#[inline]
pub(crate) unsafe fn prepare(top: NonNull<u8>, root_block: *const Root) -> Parked {
    // SAFETY: the caller guarantees that two words fit below `top`.
    unsafe {
        let sp = top.sub(16);
        sp.cast::<unsafe extern "C" fn()>().write(root);
        sp.add(8).cast::<*const Root>().write(root_block);
        Parked(sp)
    }
}

/// Enters a parked coroutine. Returns the word with which it comes back, and its new parked address, or
/// `None` if it has finished.
///
/// # Safety
/// The coroutine is parked at `parked`, on this thread; word and tag are what it expects.
#[inline(always)]
pub(crate) unsafe fn resume(parked: Parked, word: Word, tag: usize) -> (Word, Option<Parked>) {
    let new_word: Word;
    let sp: *mut u8;
    // SAFETY: everything that resume.s and the coroutine change is declared. The caller guarantees that
    // the coroutine is parked there.
    unsafe { switch_in!("resume.s", word => new_word, parked.0.as_ptr() => sp, tag) }
    (new_word, NonNull::new(sp).map(Parked))
}

/// Enters a parked task, as [`resume`] enters a coroutine; it comes back by [`park`], or by its end.
///
/// # Safety
/// As [`resume`].
#[cfg(feature = "runtime")]
#[inline(always)]
pub(crate) unsafe fn enter(parked: Parked, word: Word, tag: usize) -> (Word, Option<Parked>) {
    let new_word: Word;
    let sp: *mut u8;
    // SAFETY: as in `resume`.
    unsafe { switch_in!("enter.s", word => new_word, parked.0.as_ptr() => sp, tag) }
    (new_word, NonNull::new(sp).map(Parked))
}

/// Parks the running coroutine with a word for its resumer. Returns, when it is entered again, the new
/// word, its tag and the new link.
///
/// # Safety
/// The running code is on the stack of a coroutine that was entered through `link`, and everything that
/// was entered since has come back.
#[inline(always)]
pub(crate) unsafe fn suspend(link: Link, word: Word) -> (Word, usize, Link) {
    let new_word: Word;
    let tag: usize;
    let new_link: usize;
    // SAFETY: everything that suspend.s and the resumer change is declared. The caller guarantees that
    // the resumer waits at the link.
    unsafe { switch_out!("suspend.s", word => new_word, tag, link.0 => new_link) }
    (new_word, tag, Link(new_link))
}

/// Parks the running task and everything that it has called, as [`suspend`] parks a coroutine that was
/// entered by [`resume`].
///
/// # Safety
/// The running code is on the stack of a task that was entered through `link`, or on one that was entered
/// from there and has not come back.
#[cfg(feature = "runtime")]
#[inline(always)]
pub(crate) unsafe fn park(link: Link, word: Word) -> (Word, usize, Link) {
    let new_word: Word;
    let tag: usize;
    let new_link: usize;
    // SAFETY: as in `suspend`.
    unsafe { switch_out!("park.s", word => new_word, tag, link.0 => new_link) }
    (new_word, tag, Link(new_link))
}

/// Parks the running coroutine, stores its address in `save`, and enters another one, which takes over
/// the resumer. Returns as [`suspend`] does.
///
/// # Safety
/// As [`suspend`] for the running coroutine and as [`resume`] for the other one, which is not the running
/// one; `save` is writable.
#[allow(dead_code, reason = "only the runtime and the ring transfer")]
#[inline(always)]
pub(crate) unsafe fn transfer(
    link: Link,
    save: *mut Parked,
    to: Parked,
    word: Word,
    tag: usize,
) -> (Word, usize, Link) {
    let new_word: Word;
    let new_tag: usize;
    let new_link: usize;
    let sp = to.0.as_ptr();
    // SAFETY: everything that transfer.s and the other coroutines change is declared. The caller
    // guarantees that the resumer waits at the link and the other coroutine is parked at `to`.
    unsafe {
        switch_over!(save, word => new_word, sp, tag => new_tag, link.0 => new_link);
    }
    (new_word, new_tag, Link(new_link))
}

/// Leaves the running coroutine for good, with a word for its resumer.
///
/// # Safety
/// As [`suspend`]. Nothing on this stack still has to be dropped, and what the word points to stays until
/// the resumer has read it.
#[inline(always)]
pub(crate) unsafe fn finish(link: Link, word: Word) -> ! {
    // SAFETY: the caller guarantees that the resumer waits at the link.
    unsafe { leave!("finish.s", word, link.0) }
}

/// Leaves the running task for good, with a word for its scheduler: [`finish`] for a coroutine that was
/// entered as a task.
///
/// # Safety
/// As [`finish`].
#[inline(always)]
pub(crate) unsafe fn exit(link: Link, word: Word) -> ! {
    // SAFETY: the caller guarantees that the scheduler waits at the link.
    unsafe { leave!("exit.s", word, link.0) }
}

/// Calls a function on another stack.
///
/// # Safety
/// `base` is the base of an unused stack, aligned to 16 bytes; `f` may be called with `data` and does not
/// unwind.
pub(crate) unsafe fn on_stack(base: NonNull<u8>, f: unsafe extern "C" fn(*mut ()), data: *mut ()) {
    // SAFETY: forwarded to the caller; on_stack.s follows the calling convention.
    unsafe { call_on_stack(base, f, data) }
}

/// Calls a function so that an unwinder sees the parked code as its caller.
///
/// # Safety
/// A coroutine that has begun is parked at `parked`, and stays parked until this returns; `f` may be called
/// with `data` and does not unwind.
#[cfg(feature = "runtime")]
pub(crate) unsafe fn as_callee(parked: Parked, f: unsafe extern "C" fn(*mut ()), data: *mut ()) {
    // SAFETY: forwarded to the caller; as_callee.s follows the calling convention.
    unsafe { call_as_callee(parked.0, f, data) }
}

/// The number of bytes from the stack pointer up to an address, wrapping if the stack pointer is above.
#[inline(always)]
pub(crate) fn depth_below(address: usize) -> usize {
    let depth;
    // SAFETY: depth.s only computes.
    unsafe { depth!(address => depth) }
    depth
}

/// Whether a coroutine's link is a frame record, by which an unwinder reaches its resumer.
#[allow(dead_code, reason = "only the runtime walks")]
pub(crate) const CAN_BE_WALKED: bool = true;

/// An address in the root function, for the frame record at the root.
pub(super) fn root_return_address() -> usize {
    root as *const () as usize + 1
}
