// Purpose: leave a coroutine for the last time.
// Entry:   r15 = the link: the address of the resumer's frame record, r12 = the final word.
// Exit:    does not return here. The resumer sees r12 = the word and r13 = 0.
// Frame:   nothing is kept: the stack is as it was and nobody resumes it.
// Not saved: everything; the registers of a finished coroutine are of no interest.
// Unwinding: never happens here; the outcome, a panic's payload included, is what the word
//          points to.
// Leaves by: `ret` to the resumer's `call`, as suspend.s does; the trap behind it can't be
//          reached.
    mov rsp, r15
    xor r13d, r13d
    pop rbp
    ret
    ud2
