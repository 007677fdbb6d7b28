// Purpose: call a function as if parked code had called it, so that a backtrace taken in the
//          function shows the parked code.
// Entry:   AAPCS64: x0 = the parked sp, x1 = the function, x2 = its argument.
// Exit:    returns when the function does; the AAPCS64 callee-saved registers are preserved. The
//          unwinder only reads the parked stack.
// Frame:   an ordinary frame on the running stack; while the function runs, x19 is the parked
//          sp. The frame there is shown in suspend.s.
// Not saved: the registers that AAPCS64 lets a callee change.
// Unwinding: as in x86_64/as_callee.s, with x19 and x29 instead of rbx and rbp.
// Leaves by: `ret`, the partner of the `bl` that came here.
    .cfi_startproc
    .cfi_signal_frame
    stp x19, x30, [sp, #-16]!
    .cfi_def_cfa_offset 16
    .cfi_offset x30, -8
    .cfi_offset x19, -16
    mov x19, x0
    mov x0, x2
    .cfi_remember_state
    .cfi_def_cfa x19, 32
    .cfi_offset x30, -32
    .cfi_offset x19, -24
    .cfi_offset x29, -16
    blr x1
    .cfi_restore_state
    ldp x19, x30, [sp], #16
    .cfi_def_cfa_offset 0
    ret
    .cfi_endproc
