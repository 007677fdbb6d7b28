// Purpose: enter a parked task from its scheduler. As resume.s, for code that is parked in
//          functions called by the body, where calls and returns don't match.
// Entry:   x21 = the parked sp, x20 = the word, x22 = the tag; all other registers belong to
//          the scheduler and are declared clobbered, except x19 and x29.
// Exit:    as in resume.s: x20 = the word that came back, x21 = the new parked sp, or 0. Control
//          comes from park.s, suspend.s or finish.s.
// Frame:   as in resume.s; the return address is set by hand.
// Not saved: as in resume.s.
// Unwinding: as in resume.s.
// Leaves by: an indirect jump, matched by the jump in park.s; x86_64/enter.s has the reason.
    str x19, [sp, #-16]!
    ldr x16, [x21]
    adr x30, 2f
    br x16
2:
    ldr x19, [sp], #16
