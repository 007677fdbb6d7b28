// Begins a function in an ELF object. It is visible in the whole linked program, but not outside
// it. ARM's assembler syntax writes a type with a percent sign, which x86's accepts as well.
    .text
    .globl {function}
    .hidden {function}
    .type {function}, %function
    .balign 16
{function}:
