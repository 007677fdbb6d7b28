// Purpose: park the running coroutine and return to its resumer with a word.
// Entry:   x23 = the link: the address of the resumer's frame record, x20 = the word.
// Exit:    when resumed: x20 = the word sent, x22 = its tag, x23 = the link of the new
//          resumer, which need not be the old one.
// Frame:   the parked stack, from the sp that travels to the resumer in x21:
//
//              padding
//              x29
//              x19
//              resume address (label 2)                                            <- x21
//
// Not saved: as in resume.s; x19 and x29 are saved by hand because the compiler refuses
//          them as clobbers.
// Unwinding: as x86_64/suspend.s.
// Leaves by: `ret` to the resumer's `blr`. There is no red zone: what label 2 reads from the
//          parked stack it reads before sp moves past it.
    adr x21, 2f
    stp x21, x19, [sp, #-32]!
    str x29, [sp, #16]
    mov x21, sp
    mov sp, x23
    ldp x29, x30, [sp], #16
    ret
2:
    stp x29, x30, [sp, #-16]!
    mov x23, sp
    mov sp, x21
    ldr x29, [sp, #16]
    ldr x19, [sp, #8]
    add sp, sp, #32
