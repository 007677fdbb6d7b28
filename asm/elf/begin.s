// Begins a function of ours in an ELF object: visible to the whole program that is linked,
// not outside it. On the ARM side of the assembler a type is written with a percent sign,
// which the x86 side takes as well.
    .text
    .globl {function}
    .hidden {function}
    .type {function}, %function
    .balign 16
{function}:
