// Purpose: a Valgrind client request, which registers stacks with memcheck; no effect elsewhere.
// Entry:   rax = the address of six words (request and five arguments), rdx = the answer
//          when not under Valgrind.
// Exit:    rdx = the answer.
// Frame:   none.
// Not saved: the flags.
// Unwinding: nothing to unwind.
// Leaves by: falling through. The four rotations add up to a full rotation and the exchange has no
//          effect; Valgrind recognises the sequence.
    rol rdi, 3
    rol rdi, 13
    rol rdi, 61
    rol rdi, 51
    xchg rbx, rbx
