// Purpose: leave a coroutine for good.
// Entry:   x23 = the link: the address of the resumer's frame record, x20 = the final word.
// Exit:    never returns. The resumer sees x20 = the word and x21 = 0.
// Frame:   nothing is preserved.
// Not saved: everything.
// Unwinding: as in x86_64/finish.s.
// Leaves by: `ret` to the resumer's `blr`; the trap after it is unreachable.
    mov sp, x23
    mov x21, #0
    ldp x29, x30, [sp], #16
    ret
    brk #1
