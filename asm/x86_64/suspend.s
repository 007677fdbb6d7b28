// Purpose: park the running coroutine and return to its resumer with a word.
// Entry:   r15 = the link: the address of the resumer's frame record, r12 = the word. The
//          link has a register by name because the compiler may choose rbp for one it chooses.
// Exit:    when resumed: r12 = the word sent, r14 = its tag, r15 = the link of the new
//          resumer, which need not be the old one.
// Frame:   the parked stack, from the sp that travels to the resumer in r13:
//
//              rbp
//              rbx
//              resume address (label 2)                                            <- r13
//
// Not saved: as in resume.s; rbx and rbp are saved by hand because the compiler reserves
//          them and refuses them as clobbers.
// Unwinding: throw and close arrive as a tag and are raised by Rust code after this block,
//          so no unwind crosses it.
// Leaves by: `ret` to the resumer's `call`. On the way back label 2 is reached by that
//          `call`, completes the resumer's frame record and only then changes stacks, so that
//          sp is a valid stack at every instruction. The record's rbp is written and read by
//          plain moves, the write into the red zone, where signal handlers don't go: a push and
//          a pop around the changes of rsp cost 10% of a round trip (benches/switch.rs).
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
