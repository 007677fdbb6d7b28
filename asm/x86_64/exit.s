// Purpose: leave a task for the last time: finish.s for what was entered by enter.s.
// Entry:   r15 = the link: the address of the scheduler's frame record, r12 = the final word.
// Exit:    does not return here. The scheduler sees r12 = the word and r13 = 0.
// Frame:   nothing is kept, as in finish.s.
// Not saved: everything, as in finish.s.
// Unwinding: never happens here, as in finish.s.
// Leaves by: an indirect jump, never `ret`: enter.s has called nothing, so that a `ret` would be
//          mispredicted (benches/spawn.rs: 7 ns a task of 42). The trap behind it can't be reached.
    mov rsp, r15
    xor r13d, r13d
    pop rbp
    pop rax
    jmp rax
    ud2
