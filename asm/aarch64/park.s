// Purpose: park the running task, with everything that it has called, and jump to its scheduler.
// Entry:   x23 = the link: the address of the scheduler's frame record, x20 = a word.
// Exit:    as in suspend.s: x20, x22 and x23 as set by the code that enters the task again.
// Frame:   the parked stack of suspend.s, so enter.s, resume.s and transfer.s can all enter it.
// Not saved: as in suspend.s.
// Unwinding: as in suspend.s.
// Leaves by: an indirect jump to the return address in the scheduler's record, never `ret`:
//          see x86_64/enter.s.
    adr x21, 2f
    stp x21, x19, [sp, #-32]!
    str x29, [sp, #16]
    mov x21, sp
    mov sp, x23
    ldp x29, x30, [sp], #16
    br x30
2:
    stp x29, x30, [sp, #-16]!
    mov x23, sp
    mov sp, x21
    ldr x29, [sp, #16]
    ldr x19, [sp, #8]
    add sp, sp, #32
