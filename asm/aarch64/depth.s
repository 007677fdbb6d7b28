// Purpose: compute how far the stack pointer is below an address.
// Entry:   depth = the address, scratch = any register.
// Exit:    depth = the address minus sp, wrapping: huge when sp is above it.
// Frame:   none.
// Not saved: scratch, because this architecture can't subtract sp directly.
// Unwinding: nothing to unwind.
// Leaves by: falling through.
    mov {scratch}, sp
    sub {depth}, {depth}, {scratch}
