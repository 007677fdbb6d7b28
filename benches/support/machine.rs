//! Cores, limits, and the clocks.

use std::io;
use std::time::Instant;

/// The core on which everything is measured.
pub const MEASURED_CORE: usize = 0;
/// The core from which a server is put under load.
pub const LOAD_CORE: usize = 1;

/// Keeps the running thread, and the processes that it starts, on a core, where the system lets it.
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

/// Lets this process, and those that it starts, open as many files as it may allow itself.
pub fn raise_file_limit(n_needed: u64) {
    // SAFETY: the limits are writable, then readable, during the calls.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = limit.rlim_max;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
        let n = limit.rlim_max;
        assert!(
            n >= n_needed,
            "{n_needed} open files are needed, {n} are allowed: raise ulimit -n"
        );
    }
}

/// Nanoseconds of CPU that another process has taken so far.
pub fn cpu_ns_of(process: u32) -> u64 {
    let mut clock = 0;
    // SAFETY: all zeros is a time, and the calls write to what they are given.
    let time = unsafe {
        let error = libc::clock_getcpuclockid(process as libc::pid_t, &mut clock);
        assert_eq!(error, 0, "{}", io::Error::from_raw_os_error(error));
        let mut time: libc::timespec = std::mem::zeroed();
        assert_eq!(libc::clock_gettime(clock, &mut time), 0);
        time
    };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The most memory that another process has had so far, in KiB; zero where the system does not tell.
pub fn peak_kib_of(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number.and_then(|kib| kib.parse().ok()).unwrap_or(0)
}
