// Purpose: leave a task for good. As finish.s, for code that was entered by enter.s.
// Entry:   rsi = the link: the address of the scheduler's frame record, rdi = the final word.
// Exit:    never returns. The scheduler sees r12 = the word and r13 = 0.
// Frame:   nothing is kept, as in finish.s.
// Not saved: everything, as in finish.s.
// Unwinding: never happens here, as in finish.s.
// Leaves by: an indirect jump, never `ret`: enter.s makes no call, so a `ret` would be
//          mispredicted (benches/spawn.rs: 7 ns a task of 42). The trap after it is unreachable.
    mov rsp, rsi
    mov r12, rdi
    xor r13d, r13d
    pop rbp
    pop rax
    jmp rax
    ud2
