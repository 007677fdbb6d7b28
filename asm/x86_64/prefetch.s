// Purpose: start to load a cache line that will be needed soon.
// Entry:   address = any address, mapped or not.
// Exit:    nothing changes that a program can see.
// Frame:   none.
// Not saved: nothing is changed.
// Unwinding: nothing to unwind.
// Leaves by: falling through.
    prefetcht0 [{address}]
