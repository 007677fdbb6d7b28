// Calls a function with every callee-saved register filled, and tells which of them it changed.
//
// System V: rdi = the function, rsi = its argument, rdx = the base of the patterns.
// Answers in rax a bit for each register that came back different, in the order rbx, rbp, r12 to
// r15, and bit 6 for the direction flag.
    .text
    .globl {keep}
    .balign 16
{keep}:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    push rdx
    mov rax, rdi
    mov rdi, rsi
    lea rbx, [rdx + 1]
    lea rbp, [rdx + 2]
    lea r12, [rdx + 3]
    lea r13, [rdx + 4]
    lea r14, [rdx + 5]
    lea r15, [rdx + 6]
    call rax
    mov rdx, [rsp]
    xor eax, eax
    lea rcx, [rdx + 1]
    cmp rbx, rcx
    je 2f
    or eax, 1
2:
    lea rcx, [rdx + 2]
    cmp rbp, rcx
    je 2f
    or eax, 2
2:
    lea rcx, [rdx + 3]
    cmp r12, rcx
    je 2f
    or eax, 4
2:
    lea rcx, [rdx + 4]
    cmp r13, rcx
    je 2f
    or eax, 8
2:
    lea rcx, [rdx + 5]
    cmp r14, rcx
    je 2f
    or eax, 16
2:
    lea rcx, [rdx + 6]
    cmp r15, rcx
    je 2f
    or eax, 32
2:
    pushfq
    pop rcx
    test ecx, 0x400
    jz 2f
    or eax, 64
2:
    pop rdx
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret
