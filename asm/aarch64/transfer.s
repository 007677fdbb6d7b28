// Purpose: park the running coroutine and enter another at once, which takes over the
//          resumer: as if the resumer had got control back and resumed the other.
// Entry:   x23 = the address of the common resumer's frame record, save = where the
//          sp of the coroutine that parks is written, x21 = the parked sp of the one that
//          runs next, x20 = a word for it, x22 = its tag.
// Exit:    as suspend.s: x20, x22 and x23 from whoever enters this coroutine again.
// Frame:   the same parked stack as in suspend.s, so either can be entered by either.
// Not saved: as in suspend.s.
// Unwinding: as in suspend.s.
// Leaves by: an indirect jump, as x86_64/transfer.s; x30 carries the resumer's return
//          address, which the far side stores again.
    adr x16, 2f
    stp x16, x19, [sp, #-32]!
    str x29, [sp, #16]
    mov x16, sp
    str x16, [{save}]
    mov sp, x23
    ldp x29, x30, [sp], #16
    ldr x16, [x21]
    br x16
2:
    stp x29, x30, [sp, #-16]!
    mov x23, sp
    mov sp, x21
    ldr x29, [sp, #16]
    ldr x19, [sp, #8]
    add sp, sp, #32
