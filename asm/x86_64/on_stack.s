// Purpose: call a function on another stack and come back.
// Entry:   System V: rdi = the other stack's base, 16-byte aligned, rsi = the function,
//          rdx = its argument.
// Exit:    returns when the function does; the System V callee-saved registers are preserved.
// Frame:   an ordinary frame on the old stack, to which rbp points while the function runs.
// Not saved: the registers that System V lets a callee change.
// Unwinding: the CFI finds the frame through rbp, whichever stack is current, so backtraces
//          continue into the caller; marked as a signal frame for the reason given in root.s.
//          The function must not unwind into this frame: its Rust wrapper catches.
// Leaves by: `ret`, the partner of the `call` that came here.
    .cfi_startproc
    .cfi_signal_frame
    push rbp
    .cfi_def_cfa_offset 16
    .cfi_offset rbp, -16
    mov rbp, rsp
    .cfi_def_cfa_register rbp
    mov rsp, rdi
    mov rdi, rdx
    call rsi
    mov rsp, rbp
    pop rbp
    .cfi_def_cfa rsp, 8
    ret
    .cfi_endproc
