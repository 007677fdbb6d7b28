// Purpose: start to load a cache line that will be needed soon.
// Entry:   address = any address, mapped or not.
// Exit:    no visible effect.
// Frame:   none.
// Not saved: nothing changes.
// Unwinding: nothing to unwind.
// Leaves by: falling through.
    prefetcht0 [{address}]
