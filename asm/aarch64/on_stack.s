// Purpose: call a function on another stack and come back.
// Entry:   AAPCS64: x0 = the other stack's base, 16-byte aligned, x1 = the function,
//          x2 = its argument.
// Exit:    returns when the function does; the AAPCS64 callee-saved registers are preserved.
// Frame:   an ordinary frame on the old stack, to which x29 points while the function runs.
// Not saved: the registers that AAPCS64 lets a callee change.
// Unwinding: as in x86_64/on_stack.s.
// Leaves by: `ret`, the partner of the `bl` that came here.
    .cfi_startproc
    .cfi_signal_frame
    stp x29, x30, [sp, #-16]!
    .cfi_def_cfa_offset 16
    .cfi_offset x30, -8
    .cfi_offset x29, -16
    mov x29, sp
    .cfi_def_cfa_register x29
    mov sp, x0
    mov x0, x2
    blr x1
    mov sp, x29
    ldp x29, x30, [sp], #16
    .cfi_def_cfa sp, 0
    ret
    .cfi_endproc
