//! Pinning, and the clock.

use std::time::Instant;

/// Keeps the running thread on a core, where the system lets it.
pub fn pin_to_core(core: usize) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: the set is initialised, and the call reads it.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        assert_eq!(
            libc::sched_setaffinity(0, size_of_val(&set), &set),
            0,
            "can't pin to core {core}"
        );
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = core;
}

/// Nanoseconds that `f` takes for each of `n` operations.
pub fn ns_each(n: usize, f: impl FnOnce()) -> f64 {
    let start = Instant::now();
    f();
    start.elapsed().as_nanos() as f64 / n as f64
}
