// Purpose: call a function as if parked code had called it, so that a backtrace taken in the
//          function shows the parked code.
// Entry:   System V: rdi = the parked sp, rsi = the function, rdx = its argument.
// Exit:    returns when the function does; the System V callee-saved registers are preserved.
//          The unwinder only reads the parked stack.
// Frame:   an ordinary frame on the running stack, on which the function runs as well: an
//          unwinder does not need the stack pointer to be elsewhere. While it runs, rbx is the
//          parked sp; the frame there is shown in suspend.s.
// Not saved: the registers that System V lets a callee change.
// Unwinding: while the function runs, the CFI says that this frame's caller is the parked code:
//          it continues at its resume address with the rbx and rbp that it has saved and with
//          rsp behind them. The other callee-saved registers need not be right: the parking
//          code declares them clobbered, so the functions below have saved those that they use.
//          Walkers of frame pointers see the real caller. Marked as a signal frame for the
//          reason given in root.s. The function must not unwind into this frame: it aborts.
// Leaves by: `ret`, the partner of the `call` that came here.
    .cfi_startproc
    .cfi_signal_frame
    push rbx
    .cfi_def_cfa_offset 16
    .cfi_offset rbx, -16
    mov rbx, rdi
    mov rdi, rdx
    .cfi_remember_state
    .cfi_def_cfa rbx, 24
    .cfi_offset rip, -24
    .cfi_offset rbx, -16
    .cfi_offset rbp, -8
    call rsi
    .cfi_restore_state
    pop rbx
    .cfi_def_cfa_offset 8
    ret
    .cfi_endproc
