// Calls a function with every callee-saved register filled, and tells which of them it changed.
//
// AAPCS64: x0 = the function, x1 = its argument, x2 = the base of the patterns.
// Answers in x0 a bit for each register that came back different, in the order x19 to x29, then
// d8 to d15.
    .text
    .globl {keep}
    .balign 16
{keep}:
    sub sp, sp, #176
    stp x29, x30, [sp]
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    str x2, [sp, #160]
    mov x9, x0
    mov x0, x1
    add x19, x2, #1
    add x20, x2, #2
    add x21, x2, #3
    add x22, x2, #4
    add x23, x2, #5
    add x24, x2, #6
    add x25, x2, #7
    add x26, x2, #8
    add x27, x2, #9
    add x28, x2, #10
    add x29, x2, #11
    add x10, x2, #12
    fmov d8, x10
    add x10, x2, #13
    fmov d9, x10
    add x10, x2, #14
    fmov d10, x10
    add x10, x2, #15
    fmov d11, x10
    add x10, x2, #16
    fmov d12, x10
    add x10, x2, #17
    fmov d13, x10
    add x10, x2, #18
    fmov d14, x10
    add x10, x2, #19
    fmov d15, x10
    blr x9
    ldr x2, [sp, #160]
    mov x0, #0
    add x10, x2, #1
    cmp x19, x10
    b.eq 2f
    orr x0, x0, #1
2:
    add x10, x2, #2
    cmp x20, x10
    b.eq 2f
    orr x0, x0, #2
2:
    add x10, x2, #3
    cmp x21, x10
    b.eq 2f
    orr x0, x0, #4
2:
    add x10, x2, #4
    cmp x22, x10
    b.eq 2f
    orr x0, x0, #8
2:
    add x10, x2, #5
    cmp x23, x10
    b.eq 2f
    orr x0, x0, #16
2:
    add x10, x2, #6
    cmp x24, x10
    b.eq 2f
    orr x0, x0, #32
2:
    add x10, x2, #7
    cmp x25, x10
    b.eq 2f
    orr x0, x0, #64
2:
    add x10, x2, #8
    cmp x26, x10
    b.eq 2f
    orr x0, x0, #128
2:
    add x10, x2, #9
    cmp x27, x10
    b.eq 2f
    orr x0, x0, #256
2:
    add x10, x2, #10
    cmp x28, x10
    b.eq 2f
    orr x0, x0, #512
2:
    add x10, x2, #11
    cmp x29, x10
    b.eq 2f
    orr x0, x0, #1024
2:
    add x10, x2, #12
    fmov x11, d8
    cmp x11, x10
    b.eq 2f
    orr x0, x0, #2048
2:
    add x10, x2, #13
    fmov x11, d9
    cmp x11, x10
    b.eq 2f
    orr x0, x0, #4096
2:
    add x10, x2, #14
    fmov x11, d10
    cmp x11, x10
    b.eq 2f
    orr x0, x0, #8192
2:
    add x10, x2, #15
    fmov x11, d11
    cmp x11, x10
    b.eq 2f
    orr x0, x0, #16384
2:
    add x10, x2, #16
    fmov x11, d12
    cmp x11, x10
    b.eq 2f
    orr x0, x0, #32768
2:
    add x10, x2, #17
    fmov x11, d13
    cmp x11, x10
    b.eq 2f
    orr x0, x0, #65536
2:
    add x10, x2, #18
    fmov x11, d14
    cmp x11, x10
    b.eq 2f
    orr x0, x0, #131072
2:
    add x10, x2, #19
    fmov x11, d15
    cmp x11, x10
    b.eq 2f
    orr x0, x0, #262144
2:
    ldp x29, x30, [sp]
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #176
    ret
