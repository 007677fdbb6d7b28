// Purpose: enter a parked coroutine, handing it a word and a tag.
// Entry:   r13 = the coroutine's parked sp, r12 = the word, r14 = the tag; all other
//          registers belong to the resumer and are declared clobbered, save rbx and rbp.
// Exit:    r12 = the word that came back, r13 = the coroutine's new parked sp, or 0 when
//          it has finished. Control comes from suspend.s or finish.s.
// Frame:   what the resumer's stack holds while the coroutine runs (higher addresses first):
//
//              rbx             pushed here
//              return address  pushed by `call`: the label after it
//              rbp             pushed by the far side (suspend.s label 2, root.s)   <- link
//
//          The last two words form an ordinary frame record, which is why a walker of frame
//          pointers goes on from the coroutine's root into this function.
// Not saved: r12 to r15 and the vector registers, which the compiler spills only where they
//          are live, because the block declares them clobbered. MXCSR and the x87 control
//          word are not switched: changing them is outside Rust's rules.
// Unwinding: no unwind crosses this block; the coroutine's entry catches at its root.
// Leaves by: `call`, answered by the `ret` in suspend.s, so that the processor's return
//          predictor stays in step (benches/switch.rs: 30% faster than two jumps when one
//          body is resumed from several places).
    push rbx
    call [r13]
    pop rbx
