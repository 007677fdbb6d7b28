// Purpose: enter a parked coroutine with a word and a tag.
// Entry:   x21 = the coroutine's parked sp, x20 = the word, x22 = the tag; all other
//          registers belong to the resumer and are declared clobbered, except x19 and x29.
// Exit:    x20 = the word that came back, x21 = the coroutine's new parked sp, or 0 if it has
//          finished. Control comes from suspend.s or finish.s.
// Frame:   on the resumer's stack while the coroutine runs (higher addresses first):
//
//              x19, padding    pushed here
//              x29, x30        pushed by the far side (suspend.s label 2, root.s)   <- link
//
// Not saved: x20 to x28 and v8 to v15 (their low halves are callee-saved here). The compiler
//          spills them only where they are live. FPCR is not switched.
// Unwinding: as in x86_64/resume.s.
// Leaves by: `blr`, matched by the `ret` in suspend.s.
    str x19, [sp, #-16]!
    ldr x16, [x21]
    blr x16
    ldr x19, [sp], #16
