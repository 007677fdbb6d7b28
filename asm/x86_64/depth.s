// Purpose: compute how far the stack pointer is below an address.
// Entry:   depth = the address.
// Exit:    depth = the address minus rsp, wrapping: huge when rsp is above it.
// Frame:   none.
// Not saved: the flags.
// Unwinding: nothing to unwind.
// Leaves by: falling through.
    sub {depth}, rsp
