// Purpose: park the running coroutine and return to its resumer with a word.
// Entry:   x23 = the link: the address of the resumer's frame record, x20 = the word.
// Exit:    when resumed: x20 = the word sent, x22 = its tag, x23 = the link of the new
//          resumer, which may differ from the old one.
// Frame:   the parked stack, from the sp that is passed to the resumer in x21:
//
//              padding
//              x29
//              x19
//              resume address (label 2)                                            <- x21
//
// Not saved: as in resume.s; x19 and x29 are saved by hand because the compiler rejects them as
//          clobbers.
// Unwinding: as in x86_64/suspend.s.
// Leaves by: `ret` to the resumer's `blr`. There is no red zone: label 2 reads the parked stack
//          before sp moves past what it reads.
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
