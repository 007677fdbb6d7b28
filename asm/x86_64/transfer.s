// Purpose: park the running coroutine and enter another one directly, which takes over the
//          resumer: as if the resumer had regained control and resumed the other one.
// Entry:   r15 = the address of the common resumer's frame record, save = the address at which
//          the parked sp of the running coroutine is stored, r13 = the parked sp of the one
//          that runs next, r12 = a word for that one, r14 = the word's tag.
// Exit:    as in suspend.s: r12, r14 and r15 as set by the code that enters this coroutine again.
// Frame:   the parked stack of suspend.s, so resume.s and transfer.s can both enter it.
// Not saved: as in suspend.s.
// Unwinding: as in suspend.s.
// Leaves by: an indirect jump, never `ret`: the top of the processor's return stack belongs to
//          another call, and a mispredicted return costs more than the rest of the switch
//          (benches/switch.rs). The resumer's frame record is popped down to its return
//          address, and the far side completes it again: one load and one store.
    push rbp
    push rbx
    lea rax, [rip + 2f]
    push rax
    mov [{save}], rsp
    mov rbp, [r15]
    lea rsp, [r15 + 8]
    jmp [r13]
2:
    mov [rsp - 8], rbp
    lea r15, [rsp - 8]
    lea rsp, [r13 + 8]
    pop rbx
    pop rbp
