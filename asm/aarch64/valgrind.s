// Purpose: a Valgrind client request, which registers stacks with memcheck; no effect elsewhere.
// Entry:   x4 = the address of six words (request and five arguments), x3 = the answer
//          when not under Valgrind.
// Exit:    x3 = the answer.
// Frame:   none.
// Not saved: nothing changes.
// Unwinding: nothing to unwind.
// Leaves by: falling through; see x86_64/valgrind.s.
    ror x12, x12, #3
    ror x12, x12, #13
    ror x12, x12, #51
    ror x12, x12, #61
    orr x10, x10, x10
