// Purpose: enter a parked task from its scheduler: resume.s for code that is parked in
//          functions called by the body, where no return address matches.
// Entry:   x21 = the parked sp, x20 = the word, x22 = the tag; all other registers belong to
//          the scheduler and are declared clobbered, save x19 and x29.
// Exit:    as resume.s: x20 = the word that came back, x21 = the new parked sp, or 0. Control
//          comes from park.s, suspend.s or finish.s.
// Frame:   as in resume.s; the return address is set by hand.
// Not saved: as in resume.s.
// Unwinding: as in resume.s.
// Leaves by: an indirect jump, answered by the jump in park.s; why is in x86_64/enter.s.
    str x19, [sp, #-16]!
    ldr x16, [x21]
    adr x30, 2f
    br x16
2:
    ldr x19, [sp], #16
