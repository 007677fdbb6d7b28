// Purpose: park the running coroutine and enter another at once, which takes over the
//          resumer: as if the resumer had got control back and resumed the other.
// Entry:   r15 = the address of the common resumer's frame record, save = where the
//          sp of the coroutine that parks is written, r13 = the parked sp of the one that
//          runs next, r12 = a word for it, r14 = its tag.
// Exit:    as suspend.s: r12, r14 and r15 from whoever enters this coroutine again.
// Frame:   the same parked stack as in suspend.s, so either can be entered by either.
// Not saved: as in suspend.s.
// Unwinding: as in suspend.s.
// Leaves by: an indirect jump, never `ret`: no `call` of ours is on top of the processor's
//          return stack, and a mispredicted return costs more than the rest of the switch
//          (benches/switch.rs). The resumer's frame record is popped to its return address
//          and completed again by the far side, which costs one load and one store.
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
