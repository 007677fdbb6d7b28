// Purpose: leave a coroutine for good.
// Entry:   rsi = the link: the address of the resumer's frame record, rdi = the final word.
// Exit:    never returns. The resumer sees r12 = the word and r13 = 0.
// Frame:   nothing is preserved: the coroutine is never resumed again.
// Not saved: everything; a finished coroutine needs no registers.
// Unwinding: never happens here; the word points to the outcome, which includes a panic's
//          payload.
// Leaves by: `ret` to the resumer's `call`, as suspend.s does; the trap after it is unreachable.
    mov rsp, rsi
    mov r12, rdi
    xor r13d, r13d
    pop rbp
    ret
    ud2
