// Purpose: park the running task, with everything that it has called, and jump to its scheduler.
// Entry:   r15 = the link: the address of the scheduler's frame record, r12 = a word.
// Exit:    as in suspend.s: r12, r14 and r15 as set by the code that enters the task again.
// Frame:   the parked stack of suspend.s, so enter.s, resume.s and transfer.s can all enter it.
// Not saved: as in suspend.s.
// Unwinding: as in suspend.s.
// Leaves by: an indirect jump to the return address in the scheduler's record, never `ret`:
//          see enter.s. The change of rsp pops the record.
    push rbp
    push rbx
    lea r13, [rip + 2f]
    push r13
    mov r13, rsp
    mov rbp, [r15]
    mov rax, [r15 + 8]
    lea rsp, [r15 + 16]
    jmp rax
2:
    mov [rsp - 8], rbp
    lea r15, [rsp - 8]
    lea rsp, [r13 + 8]
    pop rbx
    pop rbp
