//! Registers stacks with Valgrind, so that memcheck understands a switch of stacks.
//!
//! The requests are plain instructions that do nothing on a real processor; see
//! `asm/x86_64/valgrind.s`.

#![allow(unsafe_code)]

use std::ops::Range;

const STACK_REGISTER: usize = 0x1501;
const STACK_DEREGISTER: usize = 0x1502;
/// A request of memcheck.
const MAKE_UNDEFINED: usize = 0x4d43_0001;

/// The result without Valgrind.
const NO_VALGRIND: usize = usize::MAX;

/// Registers the addresses as a stack. Under Valgrind it returns the stack's number, for [`deregister`].
pub(crate) fn register(stack: Range<usize>) -> Option<u32> {
    let number = request([STACK_REGISTER, stack.start, stack.end, 0, 0, 0]);
    (number != NO_VALGRIND).then_some(number as u32)
}

/// Deregisters a stack.
pub(crate) fn deregister(number: u32) {
    request([STACK_DEREGISTER, number as usize, 0, 0, 0, 0]);
}

/// Tells memcheck that the program may use a stack again, whose frames have all returned. Memcheck takes such frames for
/// freed memory.
pub(crate) fn reuse(stack: Range<usize>) {
    request([MAKE_UNDEFINED, stack.start, stack.len(), 0, 0, 0]);
}

#[cfg(target_arch = "x86_64")]
fn request(words: [usize; 6]) -> usize {
    let answer;
    // SAFETY: on a processor the instructions preserve every register; Valgrind reads the six words and
    // writes its answer to rdx.
    unsafe {
        std::arch::asm!(
            include_str!("../../asm/x86_64/valgrind.s"),
            in("rax") &raw const words,
            inlateout("rdx") NO_VALGRIND => answer,
            options(nostack),
        );
    }
    answer
}

#[cfg(target_arch = "aarch64")]
fn request(words: [usize; 6]) -> usize {
    let answer;
    // SAFETY: on a processor the instructions preserve every register; Valgrind reads the six words and
    // writes its answer to x3.
    unsafe {
        std::arch::asm!(
            include_str!("../../asm/aarch64/valgrind.s"),
            in("x4") &raw const words,
            inlateout("x3") NO_VALGRIND => answer,
            options(nostack),
        );
    }
    answer
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn request(_words: [usize; 6]) -> usize {
    NO_VALGRIND
}
