// Purpose: the first frame of every coroutine; resume.s enters it the first time.
// Entry:   as a parked coroutine: rsp = the resumer's stack with the return address on top,
//          r13 = the initial sp, r12 = the first word, r14 = its tag. From the initial sp
//          upwards lie the address of this function and the address of the root block.
// Exit:    calls the entry function, whose address is in the root block, with the root block,
//          the word and the tag as arguments. The entry function leaves by finish.s or exit.s
//          and never returns.
// Frame:   the root block begins with a frame record: the link, rewritten when the resumer
//          changes, and a return address that lies in this function, written once.
//
//              root block + 8   return address
//              root block       link: the resumer's frame record                   <- rbp
//              ...              the closure
//              rsp              first frame of the entry function grows down from here
//
// Not saved: nothing has to be saved: this frame has no caller of its own.
// Unwinding: the CFI says that this frame's caller is the resumer, whose frame it finds through
//          the link. The entry function, above, catches every unwind. The frame is marked as a
//          signal frame because otherwise gdb rejects a caller whose frame lies at a lower
//          address; for a signal frame unwinders look up the exact return address, hence the
//          instruction after the jump. The expression of the canonical frame address is:
//          0x0f def_cfa_expression, 5 bytes, 0x76 0x00 rbp + 0, 0x06 dereference,
//          0x23 0x18 plus 24 (rbp, return address, rbx).
// Leaves by: a pushed return address and a jump, not `call`: the entry function never returns
//          here, and after a `call` the processor's return stack would be one ahead of the
//          `ret` with which the coroutine first suspends or finishes. The trap is unreachable.
    .cfi_startproc
    .cfi_signal_frame
    .cfi_def_cfa rsp, 16
    .cfi_offset rip, -16
    .cfi_offset rbx, -8
    push rbp
    .cfi_def_cfa_offset 24
    .cfi_offset rbp, -24
    mov rdi, [r13 + 8]
    mov [rdi], rsp
    mov rbp, rdi
    .cfi_escape 0x0f, 0x05, 0x76, 0x00, 0x06, 0x23, 0x18
    lea rsp, [r13 + 16]
    mov rsi, r12
    mov rdx, r14
    lea rax, [rip + 2f]
    push rax
    jmp [rdi + {ENTRY}]
2:
    ud2
    .cfi_endproc
