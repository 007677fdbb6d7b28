// Purpose: the first frame of every coroutine; resume.s enters it the first time.
// Entry:   as a parked coroutine: sp = the resumer's stack, x30 = the return address into
//          it, x21 = the initial sp, x20 = the first word, x22 = its tag. From the initial sp
//          upwards lie the address of this function and the address of the root block.
// Exit:    calls the entry function, whose address is in the root block, with the root block,
//          the word and the tag as arguments. The entry function leaves by finish.s or exit.s
//          and never returns.
// Frame:   as in x86_64/root.s, with x29 instead of rbp.
// Not saved: nothing has to be saved: this frame has no caller of its own.
// Unwinding: as in x86_64/root.s. The expression of the canonical frame address is:
//          0x0f def_cfa_expression, 5 bytes, 0x8d 0x00 x29 + 0, 0x06 dereference,
//          0x23 0x20 plus 32 (x29, x30, x19, padding).
// Leaves by: a return address and a jump, as in x86_64/root.s.
    .cfi_startproc
    .cfi_signal_frame
    .cfi_def_cfa sp, 16
    .cfi_offset x19, -16
    stp x29, x30, [sp, #-16]!
    .cfi_def_cfa_offset 32
    .cfi_offset x30, -24
    .cfi_offset x29, -32
    ldr x0, [x21, #8]
    mov x16, sp
    str x16, [x0]
    mov x29, x0
    .cfi_escape 0x0f, 0x05, 0x8d, 0x00, 0x06, 0x23, 0x20
    add sp, x21, #16
    mov x1, x20
    mov x2, x22
    ldr x16, [x0, {ENTRY}]
    adr x30, 2f
    br x16
2:
    brk #1
    .cfi_endproc
