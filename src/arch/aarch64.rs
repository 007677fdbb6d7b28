//! The registers of the switch on aarch64, AAPCS64: operands and clobbers for `asm/aarch64/`.
//!
//! x20 carries the word, x21 the coroutine's stack pointer, x22 the tag, x23 the link. All of them are
//! callee-saved, so that the code which the compiler puts between two switches seldom has to move them.

/// The text of a file of instructions.
macro_rules! instructions {
    ($file:literal) => {
        include_str!(concat!("../../asm/aarch64/", $file))
    };
}

/// For `resume.s` and `enter.s`, which keep x19 and x29 and leave sp as it was.
macro_rules! switch_in {
    ($file:literal, $word:expr => $new_word:ident, $sp:expr => $new_sp:ident, $tag:expr) => {
        std::arch::asm!(
            include_str!(concat!("../../asm/aarch64/", $file)),
            inlateout("x20") $word => $new_word,
            inlateout("x21") $sp => $new_sp,
            inlateout("x22") $tag => _,
            lateout("x23") _,
            lateout("x24") _, lateout("x25") _, lateout("x26") _, lateout("x27") _, lateout("x28") _,
            lateout("v8") _, lateout("v9") _, lateout("v10") _, lateout("v11") _,
            lateout("v12") _, lateout("v13") _, lateout("v14") _, lateout("v15") _,
            clobber_abi("C"),
        )
    };
}

/// For `suspend.s` and `park.s`, which keep x19, x29 and sp.
macro_rules! switch_out {
    ($file:literal, $word:expr => $new_word:ident, $new_tag:ident, $link:expr => $new_link:ident) => {
        std::arch::asm!(
            include_str!(concat!("../../asm/aarch64/", $file)),
            inlateout("x20") $word => $new_word,
            out("x21") _,
            lateout("x22") $new_tag,
            inlateout("x23") $link => $new_link,
            lateout("x24") _, lateout("x25") _, lateout("x26") _, lateout("x27") _, lateout("x28") _,
            lateout("v8") _, lateout("v9") _, lateout("v10") _, lateout("v11") _,
            lateout("v12") _, lateout("v13") _, lateout("v14") _, lateout("v15") _,
            clobber_abi("C"),
        )
    };
}

/// For `transfer.s`, which keeps x19, x29 and sp.
macro_rules! switch_over {
    (
        $save:expr, $word:expr => $new_word:ident, $sp:expr,
        $tag:expr => $new_tag:ident, $link:expr => $new_link:ident
    ) => {
        std::arch::asm!(
            include_str!("../../asm/aarch64/transfer.s"),
            save = in(reg) $save,
            inlateout("x20") $word => $new_word,
            inout("x21") $sp => _,
            inlateout("x22") $tag => $new_tag,
            inlateout("x23") $link => $new_link,
            out("x16") _,
            lateout("x24") _, lateout("x25") _, lateout("x26") _, lateout("x27") _, lateout("x28") _,
            lateout("v8") _, lateout("v9") _, lateout("v10") _, lateout("v11") _,
            lateout("v12") _, lateout("v13") _, lateout("v14") _, lateout("v15") _,
            clobber_abi("C"),
        )
    };
}

/// For `finish.s` and `exit.s`, which don't return.
macro_rules! leave {
    ($file:literal, $word:expr, $link:expr) => {
        std::arch::asm!(
            include_str!(concat!("../../asm/aarch64/", $file)),
            in("x23") $link,
            in("x20") $word,
            options(noreturn),
        )
    };
}

/// For `depth.s`, which only computes.
macro_rules! depth {
    ($address:expr => $depth:ident) => {
        std::arch::asm!(
            include_str!("../../asm/aarch64/depth.s"),
            depth = inout(reg) $address => $depth,
            scratch = out(reg) _,
            options(nomem, nostack),
        )
    };
}

pub(super) use {depth, instructions, leave, switch_in, switch_out, switch_over};
