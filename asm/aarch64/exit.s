// Purpose: leave a task for the last time: finish.s for what was entered by enter.s.
// Entry:   x23 = the link: the address of the scheduler's frame record, x20 = the final word.
// Exit:    does not return here. The scheduler sees x20 = the word and x21 = 0.
// Frame:   nothing is kept.
// Not saved: everything.
// Unwinding: as x86_64/finish.s.
// Leaves by: an indirect jump, never `ret`: see x86_64/exit.s. The trap behind it can't be reached.
    mov sp, x23
    mov x21, #0
    ldp x29, x30, [sp], #16
    br x30
    brk #1
