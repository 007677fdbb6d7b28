// Purpose: enter a parked task from its scheduler: resume.s for code that is parked in
//          functions called by the body, where no return address matches.
// Entry:   r13 = the parked sp, r12 = the word, r14 = the tag; all other registers belong to
//          the scheduler and are declared clobbered, save rbx and rbp.
// Exit:    as resume.s: r12 = the word that came back, r13 = the new parked sp, or 0. Control
//          comes from park.s, suspend.s or finish.s.
// Frame:   as in resume.s; the return address is pushed by hand.
// Not saved: as in resume.s.
// Unwinding: as in resume.s.
// Leaves by: an indirect jump, answered by the jump in park.s. A task parks in a library
//          function; what it returns through next was called before some other task's
//          dispatch, so `call` and `ret` would leave the processor's return predictor one off
//          at each of them (benches/scheduler_shape.rs: 21 ns a dispatch against 9). With
//          jumps the predictor sees the calls and returns of the tasks as those of one program.
    push rbx
    lea rbx, [rip + 2f]
    push rbx
    jmp [r13]
2:
    pop rbx
