// Purpose: call a function with known patterns in the registers that it must keep, and report
//          what is in them afterwards.
// Entry:   System V: rdi = the function, rsi = its argument, rdx = six patterns, rcx = room for
//          nine words.
// Exit:    the room holds rbx, rbp, r12 to r15, the flags, MXCSR and the x87 control word as the
//          call left them; the System V callee-saved registers are the caller's again.
// Frame:   (higher addresses first)
//
//              return address
//              rbp, rbx, r12, r13, r14, r15
//              room                                                                <- rsp
//
//          Six registers and one word: rsp is a multiple of 16 at the call.
// Not saved: whatever System V lets a callee change.
// Unwinding: the frame is found through rsp, since rbp holds a pattern during the call. The
//          function must not unwind.
// Leaves by: `ret`, the partner of the `call` that came here.
    .cfi_startproc
    push rbp
    .cfi_def_cfa_offset 16
    .cfi_offset rbp, -16
    push rbx
    .cfi_def_cfa_offset 24
    .cfi_offset rbx, -24
    push r12
    .cfi_def_cfa_offset 32
    .cfi_offset r12, -32
    push r13
    .cfi_def_cfa_offset 40
    .cfi_offset r13, -40
    push r14
    .cfi_def_cfa_offset 48
    .cfi_offset r14, -48
    push r15
    .cfi_def_cfa_offset 56
    .cfi_offset r15, -56
    push rcx
    .cfi_def_cfa_offset 64
    mov rax, rdi
    mov rdi, rsi
    mov rbx, [rdx]
    mov rbp, [rdx + 8]
    mov r12, [rdx + 16]
    mov r13, [rdx + 24]
    mov r14, [rdx + 32]
    mov r15, [rdx + 40]
    call rax
    pushfq
    pop rax
    mov rcx, [rsp]
    mov [rcx], rbx
    mov [rcx + 8], rbp
    mov [rcx + 16], r12
    mov [rcx + 24], r13
    mov [rcx + 32], r14
    mov [rcx + 40], r15
    mov [rcx + 48], rax
    mov qword ptr [rcx + 56], 0
    stmxcsr [rcx + 56]
    mov qword ptr [rcx + 64], 0
    fnstcw [rcx + 64]
    pop rcx
    .cfi_def_cfa_offset 56
    pop r15
    .cfi_def_cfa_offset 48
    .cfi_restore r15
    pop r14
    .cfi_def_cfa_offset 40
    .cfi_restore r14
    pop r13
    .cfi_def_cfa_offset 32
    .cfi_restore r13
    pop r12
    .cfi_def_cfa_offset 24
    .cfi_restore r12
    pop rbx
    .cfi_def_cfa_offset 16
    .cfi_restore rbx
    pop rbp
    .cfi_def_cfa_offset 8
    .cfi_restore rbp
    ret
    .cfi_endproc
