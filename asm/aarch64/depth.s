// Purpose: how far below an address the stack pointer is.
// Entry:   depth = the address, scratch = any register.
// Exit:    depth = the address minus sp, wrapping: huge when sp is above it.
// Frame:   none.
// Not saved: scratch: sp can't be subtracted directly on this architecture.
// Unwinding: nothing to unwind.
// Leaves by: falling through.
    mov {scratch}, sp
    sub {depth}, {depth}, {scratch}
