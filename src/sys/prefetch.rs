//! Prefetching: a hint to the processor that a cache line will be needed soon.

#![allow(unsafe_code)]

/// Starts to load the cache line of an address, mapped or not. Does nothing on architectures without an
/// instruction in `asm/`.
#[inline(always)]
pub(crate) fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetch.s has no visible effect, whatever the address.
    unsafe {
        std::arch::asm!(
            include_str!("../../asm/x86_64/prefetch.s"),
            address = in(reg) address,
            options(readonly, nostack, preserves_flags),
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!(
            include_str!("../../asm/aarch64/prefetch.s"),
            address = in(reg) address,
            options(readonly, nostack, preserves_flags),
        );
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}
