// Purpose: park the running coroutine and enter another one directly, which takes over the
//          resumer: as if the resumer had regained control and resumed the other one.
// Entry:   x23 = the address of the common resumer's frame record, save = the address at which
//          the parked sp of the running coroutine is stored, x21 = the parked sp of the one
//          that runs next, x20 = a word for that one, x22 = the word's tag.
// Exit:    as in suspend.s: x20, x22 and x23 as set by the code that enters this coroutine again.
// Frame:   the parked stack of suspend.s, so resume.s and transfer.s can both enter it.
// Not saved: as in suspend.s.
// Unwinding: as in suspend.s.
// Leaves by: an indirect jump, as in x86_64/transfer.s; x30 carries the resumer's return address,
//          which the far side stores again.
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
