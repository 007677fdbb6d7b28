// Purpose: park the running coroutine and return to its resumer with a word.
// Entry:   r15 = the link: the address of the resumer's frame record, r12 = the word. The link
//          has a fixed register because the compiler could choose rbp for a free one.
// Exit:    when resumed: r12 = the word sent, r14 = its tag, r15 = the link of the new
//          resumer, which may differ from the old one.
// Frame:   the parked stack, from the sp that is passed to the resumer in r13:
//
//              rbp
//              rbx
//              resume address (label 2)                                            <- r13
//
// Not saved: as in resume.s; rbx and rbp are saved by hand because the compiler reserves them
//          and rejects them as clobbers.
// Unwinding: throw and close arrive as a tag, and Rust code after this block raises them, so no
//          unwind crosses it.
// Leaves by: `ret` to the resumer's `call`. The next `call` enters at label 2, which completes
//          the resumer's frame record and only then switches stacks, so that rsp is a valid
//          stack at every instruction. The record's rbp is written and read by plain moves, the
//          write into the red zone, which signal handlers leave alone: a push and a pop around
//          the changes of rsp cost 10% of a round trip (benches/switch.rs).
    push rbp
    push rbx
    lea r13, [rip + 2f]
    push r13
    mov r13, rsp
    mov rbp, [r15]
    lea rsp, [r15 + 8]
    ret
2:
    mov [rsp - 8], rbp
    lea r15, [rsp - 8]
    lea rsp, [r13 + 8]
    pop rbx
    pop rbp
