// Purpose: enter a parked coroutine with a word and a tag.
// Entry:   r13 = the coroutine's parked sp, r12 = the word, r14 = the tag; all other
//          registers belong to the resumer and are declared clobbered, except rbx and rbp.
// Exit:    r12 = the word that came back, r13 = the coroutine's new parked sp, or 0 if it has
//          finished. Control comes from suspend.s or finish.s.
// Frame:   on the resumer's stack while the coroutine runs (higher addresses first):
//
//              rbx             pushed here
//              return address  pushed by `call`: the label after it
//              rbp             pushed by the far side (suspend.s label 2, root.s)   <- link
//
//          The last two words form an ordinary frame record, so a walker of frame pointers
//          continues from the coroutine's root into this function.
// Not saved: r12 to r15 and the vector registers. The block declares them clobbered, so that the
//          compiler spills them only where they are live. MXCSR and the x87 control word are not
//          switched: Rust does not allow changing them.
// Unwinding: no unwind crosses this block; the coroutine's entry function catches at its root.
// Leaves by: `call`, matched by the `ret` in suspend.s, so that the processor's return predictor
//          is right (benches/switch.rs: 30% faster than two jumps if one body is resumed from
//          several places).
    push rbx
    call [r13]
    pop rbx
