//! Cores, limits and clocks.

use std::io;
use std::time::Instant;

/// The core of the measured process.
pub const MEASURED_CORE: usize = 0;
/// The core of the process that puts load on a server, or that serves a measured client.
pub const LOAD_CORE: usize = 1;

/// Binds the calling thread, and the processes that it starts, to a core. On systems without `sched_setaffinity` it does nothing.
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

/// Runs `f`, which does `n` operations, and returns nanoseconds for each.
pub fn ns_each(n: usize, f: impl FnOnce()) -> f64 {
    let start = Instant::now();
    f();
    start.elapsed().as_nanos() as f64 / n as f64
}

/// Raises the limit of open files of this process, and of those that it starts, to the hard limit.
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

/// Nanoseconds of CPU that another process has used.
pub fn cpu_ns_of(process: u32) -> u64 {
    let mut clock = 0;
    // SAFETY: all zeros is a valid `timespec`, and the calls write to variables of the types that they expect.
    let time = unsafe {
        let error = libc::clock_getcpuclockid(process as libc::pid_t, &mut clock);
        assert_eq!(error, 0, "{}", io::Error::from_raw_os_error(error));
        let mut time: libc::timespec = std::mem::zeroed();
        assert_eq!(libc::clock_gettime(clock, &mut time), 0);
        time
    };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Another process's peak memory in KiB, or zero where the system has no `/proc`.
pub fn peak_kib_of(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number.and_then(|kib| kib.parse().ok()).unwrap_or(0)
}
