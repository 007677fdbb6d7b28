//! The registers of the switch on x86_64, System V: operands and clobbers for `asm/x86_64/`.
//!
//! r12 carries the word, r13 the coroutine's stack pointer, r14 the tag, r15 the link. All of them are
//! callee-saved, so that the code which the compiler puts between two switches seldom has to move them.

/// The text of a file of instructions.
macro_rules! instructions {
    ($file:literal) => {
        include_str!(concat!("../../asm/x86_64/", $file))
    };
}

/// For `resume.s` and `enter.s`, which keep rbx and rbp and leave rsp as it was.
macro_rules! switch_in {
    ($file:literal, $word:expr => $new_word:ident, $sp:expr => $new_sp:ident, $tag:expr) => {
        std::arch::asm!(
            include_str!(concat!("../../asm/x86_64/", $file)),
            inlateout("r12") $word => $new_word,
            inlateout("r13") $sp => $new_sp,
            inlateout("r14") $tag => _,
            lateout("r15") _,
            clobber_abi("sysv64"),
        )
    };
}

/// For `suspend.s` and `park.s`, which keep rbx, rbp and rsp.
macro_rules! switch_out {
    ($file:literal, $word:expr => $new_word:ident, $new_tag:ident, $link:expr => $new_link:ident) => {
        std::arch::asm!(
            include_str!(concat!("../../asm/x86_64/", $file)),
            inlateout("r12") $word => $new_word,
            out("r13") _,
            lateout("r14") $new_tag,
            inlateout("r15") $link => $new_link,
            clobber_abi("sysv64"),
        )
    };
}

/// For `transfer.s`, which keeps rbx, rbp and rsp.
macro_rules! switch_over {
    (
        $save:expr, $word:expr => $new_word:ident, $sp:expr,
        $tag:expr => $new_tag:ident, $link:expr => $new_link:ident
    ) => {
        std::arch::asm!(
            include_str!("../../asm/x86_64/transfer.s"),
            save = in(reg) $save,
            inlateout("r12") $word => $new_word,
            inout("r13") $sp => _,
            inlateout("r14") $tag => $new_tag,
            inlateout("r15") $link => $new_link,
            out("rax") _,
            clobber_abi("sysv64"),
        )
    };
}

/// For `finish.s` and `exit.s`, which don't return.
macro_rules! leave {
    ($file:literal, $word:expr, $link:expr) => {
        std::arch::asm!(
            include_str!(concat!("../../asm/x86_64/", $file)),
            in("rsi") $link,
            in("rdi") $word,
            options(noreturn),
        )
    };
}

/// For `depth.s`, which only computes.
macro_rules! depth {
    ($address:expr => $depth:ident) => {
        std::arch::asm!(
            include_str!("../../asm/x86_64/depth.s"),
            depth = inout(reg) $address => $depth,
            options(nomem, nostack),
        )
    };
}

pub(super) use {depth, instructions, leave, switch_in, switch_out, switch_over};
