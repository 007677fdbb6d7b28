//! The switch on aarch64, AAPCS64: registers and clobbers for `asm/aarch64/`.
//!
//! x20 carries the word, x21 the coroutine's stack pointer, x22 the tag, x23 the link: all of
//! them callee-saved, so that what the compiler does between two switches seldom has to move
//! them.

use std::arch::{asm, global_asm};
use std::mem::offset_of;
use std::ptr::NonNull;

use super::{Link, Parked, Root, Word};

#[cfg(not(target_vendor = "apple"))]
global_asm!(
    include_str!("../../asm/elf/begin.s"),
    include_str!("../../asm/aarch64/root.s"),
    include_str!("../../asm/elf/end.s"),
    function = sym root,
    ENTRY = const offset_of!(Root, entry),
);
#[cfg(target_vendor = "apple")]
global_asm!(
    include_str!("../../asm/macho/begin.s"),
    include_str!("../../asm/aarch64/root.s"),
    include_str!("../../asm/macho/end.s"),
    function = sym root,
    ENTRY = const offset_of!(Root, entry),
);
#[cfg(not(target_vendor = "apple"))]
global_asm!(
    include_str!("../../asm/elf/begin.s"),
    include_str!("../../asm/aarch64/on_stack.s"),
    include_str!("../../asm/elf/end.s"),
    function = sym call_on_stack,
);
#[cfg(target_vendor = "apple")]
global_asm!(
    include_str!("../../asm/macho/begin.s"),
    include_str!("../../asm/aarch64/on_stack.s"),
    include_str!("../../asm/macho/end.s"),
    function = sym call_on_stack,
);
#[cfg(all(feature = "runtime", not(target_vendor = "apple")))]
global_asm!(
    include_str!("../../asm/elf/begin.s"),
    include_str!("../../asm/aarch64/as_callee.s"),
    include_str!("../../asm/elf/end.s"),
    function = sym call_as_callee,
);
#[cfg(all(feature = "runtime", target_vendor = "apple"))]
global_asm!(
    include_str!("../../asm/macho/begin.s"),
    include_str!("../../asm/aarch64/as_callee.s"),
    include_str!("../../asm/macho/end.s"),
    function = sym call_as_callee,
);

// The version in the names keeps two versions of this crate in one program apart.
// SAFETY: the symbols are defined by the assembly above, for these conventions.
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

/// Lays out a stack below `top` so that resuming what is returned enters the root's function.
///
/// # Safety
/// `top` is aligned to 16 bytes, at least 16 writable bytes of the stack lie below it, and the
/// root stays where it is as long as the coroutine runs.
#[inline]
pub(crate) unsafe fn prepare(top: NonNull<u8>, root_block: *const Root) -> Parked {
    // SAFETY: two words fit below `top` by the caller's word.
    unsafe {
        let sp = top.sub(16);
        sp.cast::<unsafe extern "C" fn()>().write(root);
        sp.add(8).cast::<*const Root>().write(root_block);
        Parked(sp)
    }
}

/// Enters a parked coroutine; answers the word it comes back with, and where it is parked now,
/// or `None` if it has finished.
///
/// # Safety
/// The coroutine is parked there, on this thread; word and tag are what it expects.
#[inline(always)]
pub(crate) unsafe fn resume(parked: Parked, word: Word, tag: usize) -> (Word, Option<Parked>) {
    let answer: Word;
    let sp: *mut u8;
    // SAFETY: resume.s keeps x19 and x29 and leaves sp as it was; everything else that the
    // far side changes is declared. The caller says that the coroutine is there.
    unsafe {
        asm!(
            include_str!("../../asm/aarch64/resume.s"),
            inlateout("x20") word => answer,
            inlateout("x21") parked.0.as_ptr() => sp,
            inlateout("x22") tag => _,
            lateout("x23") _,
            lateout("x24") _, lateout("x25") _, lateout("x26") _, lateout("x27") _, lateout("x28") _,
            lateout("v8") _, lateout("v9") _, lateout("v10") _, lateout("v11") _,
            lateout("v12") _, lateout("v13") _, lateout("v14") _, lateout("v15") _,
            clobber_abi("C"),
        );
    }
    (answer, NonNull::new(sp).map(Parked))
}

/// Enters a parked task, as [`resume`] enters a coroutine; it comes back by [`park`], or by its end.
///
/// # Safety
/// As [`resume`].
#[cfg(feature = "runtime")]
#[inline(always)]
pub(crate) unsafe fn enter(parked: Parked, word: Word, tag: usize) -> (Word, Option<Parked>) {
    let answer: Word;
    let sp: *mut u8;
    // SAFETY: enter.s keeps x19 and x29 and leaves sp as it was; everything else that the
    // far side changes is declared. The caller says that the coroutine is there.
    unsafe {
        asm!(
            include_str!("../../asm/aarch64/enter.s"),
            inlateout("x20") word => answer,
            inlateout("x21") parked.0.as_ptr() => sp,
            inlateout("x22") tag => _,
            lateout("x23") _,
            lateout("x24") _, lateout("x25") _, lateout("x26") _, lateout("x27") _, lateout("x28") _,
            lateout("v8") _, lateout("v9") _, lateout("v10") _, lateout("v11") _,
            lateout("v12") _, lateout("v13") _, lateout("v14") _, lateout("v15") _,
            clobber_abi("C"),
        );
    }
    (answer, NonNull::new(sp).map(Parked))
}

/// Parks the running coroutine; returns when it is entered again, with the word, its tag, and
/// the new link.
///
/// # Safety
/// The running code is on the stack of a coroutine that was entered through `link`, and nothing
/// was entered since that has not come back.
#[inline(always)]
pub(crate) unsafe fn suspend(link: Link, word: Word) -> (Word, usize, Link) {
    let answer: Word;
    let tag: usize;
    let new_link: usize;
    // SAFETY: suspend.s keeps x19, x29 and sp; everything else is declared. The caller says
    // that the resumer waits at the link.
    unsafe {
        asm!(
            include_str!("../../asm/aarch64/suspend.s"),
            inlateout("x20") word => answer,
            out("x21") _,
            lateout("x22") tag,
            inlateout("x23") link.0 => new_link,
            lateout("x24") _, lateout("x25") _, lateout("x26") _, lateout("x27") _, lateout("x28") _,
            lateout("v8") _, lateout("v9") _, lateout("v10") _, lateout("v11") _,
            lateout("v12") _, lateout("v13") _, lateout("v14") _, lateout("v15") _,
            clobber_abi("C"),
        );
    }
    (answer, tag, Link(new_link))
}

/// Parks the running task and what it has called, as [`suspend`] does a coroutine that was
/// entered by [`resume`].
///
/// # Safety
/// The running code is on the stack of a task that was entered through `link`, or on one that was
/// entered from there and has not come back.
#[cfg(feature = "runtime")]
#[inline(always)]
pub(crate) unsafe fn park(link: Link, word: Word) -> (Word, usize, Link) {
    let answer: Word;
    let tag: usize;
    let new_link: usize;
    // SAFETY: park.s keeps x19, x29 and sp; everything else is declared. The caller says
    // that the resumer waits at the link.
    unsafe {
        asm!(
            include_str!("../../asm/aarch64/park.s"),
            inlateout("x20") word => answer,
            out("x21") _,
            lateout("x22") tag,
            inlateout("x23") link.0 => new_link,
            lateout("x24") _, lateout("x25") _, lateout("x26") _, lateout("x27") _, lateout("x28") _,
            lateout("v8") _, lateout("v9") _, lateout("v10") _, lateout("v11") _,
            lateout("v12") _, lateout("v13") _, lateout("v14") _, lateout("v15") _,
            clobber_abi("C"),
        );
    }
    (answer, tag, Link(new_link))
}

/// Leaves the running coroutine for ever, handing its resumer a word.
///
/// # Safety
/// As [`suspend`]; nothing on this stack is expected to be dropped, and what the word points
/// to stays until the resumer has read it.
#[inline(always)]
pub(crate) unsafe fn finish(link: Link, word: Word) -> ! {
    // SAFETY: the caller says that the resumer waits at the link.
    unsafe {
        asm!(
            include_str!("../../asm/aarch64/finish.s"),
            in("x23") link.0,
            in("x20") word,
            options(noreturn),
        );
    }
}

/// Leaves the running task for ever, handing its scheduler a word: as [`finish`] leaves what was
/// entered by [`resume`].
///
/// # Safety
/// As [`finish`].
#[inline(always)]
pub(crate) unsafe fn exit(link: Link, word: Word) -> ! {
    // SAFETY: the caller says that the scheduler waits at the link.
    unsafe {
        asm!(
            include_str!("../../asm/aarch64/exit.s"),
            in("x23") link.0,
            in("x20") word,
            options(noreturn),
        );
    }
}

/// Parks the running coroutine, notes where in `save`, and enters another one, which answers to
/// the same resumer; returns as [`suspend`] does.
///
/// # Safety
/// As [`suspend`] for the running one and as [`resume`] for the other, which is not the
/// running one; `save` is writable.
#[inline(always)]
pub(crate) unsafe fn transfer(
    link: Link,
    save: *mut Parked,
    to: Parked,
    word: Word,
    tag: usize,
) -> (Word, usize, Link) {
    let answer: Word;
    let answer_tag: usize;
    let new_link: usize;
    // SAFETY: transfer.s keeps x19, x29 and sp; everything else is declared. The caller says
    // who waits where.
    unsafe {
        asm!(
            include_str!("../../asm/aarch64/transfer.s"),
            save = in(reg) save,
            inlateout("x20") word => answer,
            inout("x21") to.0.as_ptr() => _,
            inlateout("x22") tag => answer_tag,
            inlateout("x23") link.0 => new_link,
            out("x16") _,
            lateout("x24") _, lateout("x25") _, lateout("x26") _, lateout("x27") _, lateout("x28") _,
            lateout("v8") _, lateout("v9") _, lateout("v10") _, lateout("v11") _,
            lateout("v12") _, lateout("v13") _, lateout("v14") _, lateout("v15") _,
            clobber_abi("C"),
        );
    }
    (answer, answer_tag, Link(new_link))
}

/// Calls a function on another stack.
///
/// # Safety
/// `base` is the base of an unused stack, aligned to 16 bytes; `f` may be called with `data`
/// and does not unwind.
pub(crate) unsafe fn on_stack(base: NonNull<u8>, f: unsafe extern "C" fn(*mut ()), data: *mut ()) {
    // SAFETY: forwarded to the caller; on_stack.s follows the calling convention.
    unsafe { call_on_stack(base, f, data) }
}

/// Calls a function as if the code that is parked there had called it, as far as an unwinder can see.
///
/// # Safety
/// A coroutine that was entered before is parked there, and stays so until this returns; `f` may be
/// called with `data` and does not unwind.
#[cfg(feature = "runtime")]
pub(crate) unsafe fn as_callee(parked: Parked, f: unsafe extern "C" fn(*mut ()), data: *mut ()) {
    // SAFETY: forwarded to the caller; as_callee.s follows the calling convention.
    unsafe { call_as_callee(parked.0, f, data) }
}

/// How many bytes the stack pointer is below an address, wrapping if it is above.
#[inline(always)]
pub(crate) fn depth_below(address: usize) -> usize {
    let depth;
    // SAFETY: depth.s only computes.
    unsafe {
        asm!(
            include_str!("../../asm/aarch64/depth.s"),
            depth = inout(reg) address => depth,
            scratch = out(reg) _,
            options(nomem, nostack),
        );
    }
    depth
}

/// Whether a coroutine's link is a frame record, by which an unwinder gets to its resumer.
#[cfg(feature = "runtime")]
pub(crate) const CAN_BE_WALKED: bool = true;

/// An address in the root function, for the frame record at the root.
pub(super) fn root_return_address() -> usize {
    root as *const () as usize + 1
}
