// Begins a function in a Mach-O object; the operand includes the leading underscore.
    .section __TEXT,__text,regular,pure_instructions
    .globl {function}
    .private_extern {function}
    .balign 16
{function}:
