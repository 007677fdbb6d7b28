//! The row that measures bytes: a million live coroutines, in a process of their own.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::process::Command;

use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::table::{Limit, Row};

const N: usize = 1_000_000;
const CHILD: &str = "SELVEDGE_NUMBERS_MEMORY";
const ROUNDS: usize = 7;

pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Makes a million coroutines, each entered and parked, looks at a thousand of their guards and
/// prints the growth in bytes each.
pub fn child() {
    let mut live: Vec<Coroutine<usize, usize, ()>> = Vec::with_capacity(N);
    let before = resident_bytes();
    for i in 0..N {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<usize, usize>, mut value| {
            loop {
                value = yielder.suspend(value);
            }
        });
        assert_eq!(coroutine.send(i), CoroutineState::Yielded(i));
        live.push(coroutine);
    }
    let each = (resident_bytes() - before) as f64 / N as f64;
    // A stride that has no factor in common with N visits others each time.
    for i in (0..1000).map(|i| i * 7919 % N) {
        assert!(is_guarded(&live[i]), "coroutine {i} has no guard");
    }
    for (i, coroutine) in live.iter_mut().enumerate().step_by(997) {
        assert_eq!(coroutine.send(i + 1), CoroutineState::Yielded(i + 1));
    }
    println!("{each}");
    // The process ends here; dropping them would only take time.
    std::mem::forget(live);
}

/// The kernel answers EFAULT where it reads from a guard on our behalf.
fn is_guarded(coroutine: &Coroutine<usize, usize, ()>) -> bool {
    let guard = coroutine.stack().expect("it is parked").guard;
    let (_reader, writer) = io::pipe().expect("a pipe");
    [guard.start, guard.end - 1].into_iter().all(|address| {
        // SAFETY: the kernel reads the byte and answers an error where it can't.
        let n = unsafe { libc::write(writer.as_raw_fd(), address as *const _, 1) };
        n == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT)
    })
}

/// Resident memory and page tables.
fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let kib = |key: &str| -> usize {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .expect("a known key");
        line.trim()
            .trim_end_matches(" kB")
            .parse()
            .expect("a number")
    };
    (kib("VmRSS:") + kib("VmPTE:")) * 1024
}

pub fn million_live() -> Row {
    let ours = (0..ROUNDS).map(|_| one_process() / 1024.0).collect();
    Row {
        what: "1,000,000 live coroutines, VmRSS + VmPTE growth each, KiB",
        ours,
        peer: "",
        peers: Vec::new(),
        limit: Limit::Absolute(4.7),
    }
}

fn one_process() -> f64 {
    let exe = std::env::current_exe().expect("this program's path");
    let output = Command::new(exe)
        .env(CHILD, "1")
        .output()
        .expect("a child process");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .expect("bytes each")
}
