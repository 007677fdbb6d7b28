// Purpose: leave a task for good. As finish.s, for code that was entered by enter.s.
// Entry:   x23 = the link: the address of the scheduler's frame record, x20 = the final word.
// Exit:    never returns. The scheduler sees x20 = the word and x21 = 0.
// Frame:   nothing is preserved.
// Not saved: everything.
// Unwinding: as in x86_64/finish.s.
// Leaves by: an indirect jump, never `ret`: see x86_64/exit.s. The trap after it is unreachable.
    mov sp, x23
    mov x21, #0
    ldp x29, x30, [sp], #16
    br x30
    brk #1
