// Purpose: enter a parked task from its scheduler. As resume.s, for code that is parked in
//          functions called by the body, where calls and returns don't match.
// Entry:   r13 = the parked sp, r12 = the word, r14 = the tag; all other registers belong to
//          the scheduler and are declared clobbered, except rbx and rbp.
// Exit:    as in resume.s: r12 = the word that came back, r13 = the new parked sp, or 0. Control
//          comes from park.s, suspend.s or finish.s.
// Frame:   as in resume.s; the return address is pushed by hand.
// Not saved: as in resume.s.
// Unwinding: as in resume.s.
// Leaves by: an indirect jump, matched by the jump in park.s. A task parks in a library function;
//          the functions to which it then returns were called before another task's dispatch.
//          So with `call` and `ret` the processor's return predictor would be wrong at each of
//          them (21 ns a dispatch against 9: "The scheduler's shape" in ARCHITECTURE.md). With
//          jumps the predictor sees the calls and returns of all tasks as those of one program.
    push rbx
    lea rbx, [rip + 2f]
    push rbx
    jmp [r13]
2:
    pop rbx
