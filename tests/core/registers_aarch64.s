// Purpose: call a function with known patterns in the registers that it must keep, and report
//          what is in them afterwards.
// Entry:   AAPCS64: x0 = the function, x1 = its argument, x2 = nineteen patterns, x3 = room for
//          twenty words.
// Exit:    the room holds x19 to x29, d8 to d15 and FPCR as the call left them; the AAPCS64
//          callee-saved registers are the caller's again.
// Frame:   (higher addresses first)
//
//              room, padding
//              d8 to d15
//              x19 to x28
//              x29, x30                                                            <- sp
//
// Not saved: whatever AAPCS64 lets a callee change, the high halves of v8 to v15 included.
// Unwinding: the frame is found through sp, since x29 holds a pattern during the call. The
//          function must not unwind.
// Leaves by: `ret`, the partner of the `blr` that came here.
    .cfi_startproc
    stp x29, x30, [sp, #-176]!
    .cfi_def_cfa_offset 176
    .cfi_offset x29, -176
    .cfi_offset x30, -168
    stp x19, x20, [sp, #16]
    .cfi_offset x19, -160
    .cfi_offset x20, -152
    stp x21, x22, [sp, #32]
    .cfi_offset x21, -144
    .cfi_offset x22, -136
    stp x23, x24, [sp, #48]
    .cfi_offset x23, -128
    .cfi_offset x24, -120
    stp x25, x26, [sp, #64]
    .cfi_offset x25, -112
    .cfi_offset x26, -104
    stp x27, x28, [sp, #80]
    .cfi_offset x27, -96
    .cfi_offset x28, -88
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    str x3, [sp, #160]
    mov x9, x0
    mov x0, x1
    ldp x19, x20, [x2]
    ldp x21, x22, [x2, #16]
    ldp x23, x24, [x2, #32]
    ldp x25, x26, [x2, #48]
    ldp x27, x28, [x2, #64]
    ldr x29, [x2, #80]
    ldp d8, d9, [x2, #88]
    ldp d10, d11, [x2, #104]
    ldp d12, d13, [x2, #120]
    ldp d14, d15, [x2, #136]
    blr x9
    ldr x3, [sp, #160]
    stp x19, x20, [x3]
    stp x21, x22, [x3, #16]
    stp x23, x24, [x3, #32]
    stp x25, x26, [x3, #48]
    stp x27, x28, [x3, #64]
    str x29, [x3, #80]
    stp d8, d9, [x3, #88]
    stp d10, d11, [x3, #104]
    stp d12, d13, [x3, #120]
    stp d14, d15, [x3, #136]
    mrs x9, fpcr
    str x9, [x3, #152]
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    ldp x29, x30, [sp], #176
    .cfi_def_cfa_offset 0
    ret
    .cfi_endproc
