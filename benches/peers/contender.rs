//! A contender's side of the protocol. A contender is a process that does a round of work for each request.
//!
//! It prints `ready` once its tasks exist. For each line on its standard input it does a round and prints a figure: nanoseconds
//! for one operation. It ends when the input ends. Our contenders and the peers share this file, so that they are measured in
//! the same way.

#![allow(unsafe_code)]

use std::hint::black_box;
use std::io::{self, BufRead, Write};
use std::time::Instant;

/// Prints that the set-up is complete and that rounds may be requested.
pub fn ready() {
    say(format_args!("ready"));
}

/// Prints the port of a server.
pub fn listening(port: u16) {
    say(format_args!("{port}"));
}

/// Waits for a request and returns whether there is one. It blocks the thread, and so every task on it.
pub fn asked() -> bool {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).unwrap_or(0) > 0
}

/// Prints the figure of a round.
pub fn answer(ns_each: f64) {
    say(format_args!("{ns_each}"));
}

/// Ignores errors: if the benchmark has ended, the next `asked` returns false.
fn say(what: std::fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{what}").and_then(|()| out.flush());
}

/// A running measurement of wall-clock time or of CPU.
#[derive(Clone, Copy, Debug)]
pub enum Watch {
    Wall(Instant),
    Cpu(u64),
}

impl Watch {
    pub fn wall() -> Self {
        Self::Wall(Instant::now())
    }

    /// Measures this process's CPU, user and system.
    pub fn cpu() -> Self {
        Self::Cpu(cpu_ns())
    }

    /// Nanoseconds since the start, for each of `n` operations.
    pub fn ns_each(self, n: usize) -> f64 {
        let ns = match self {
            Self::Wall(start) => start.elapsed().as_nanos() as f64,
            Self::Cpu(start) => (cpu_ns() - start) as f64,
        };
        ns / n as f64
    }
}

/// Nanoseconds of CPU that this process has used.
fn cpu_ns() -> u64 {
    // SAFETY: all zeros is a valid `rusage`, which the call overwrites.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, &mut usage), 0);
        usage
    };
    let ns = |time: libc::timeval| time.tv_sec as u64 * 1_000_000_000 + time.tv_usec as u64 * 1_000;
    ns(usage.ru_utime) + ns(usage.ru_stime)
}

/// The duration of the sleep with this index, in microseconds: up to a second, and the same for every contender.
pub fn sleep_us(index: usize) -> u64 {
    ((index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % 1_000_000
}

/// Panics if tasks did not get equal turns: then the time of a yield among many tasks would mean nothing. (With tokio's own
/// `yield_now` the turns differ by a sixteenth.)
pub fn check_fairness(mine: usize, theirs: &[usize]) {
    let slack = 2 + mine / 10;
    for turns in theirs {
        assert!(
            turns.abs_diff(mine) <= slack,
            "{turns} turns against {mine}"
        );
    }
}

/// The argument with this index, which must be a number.
pub fn number(arguments: &[String], index: usize) -> usize {
    let argument = arguments.get(index).map(|argument| argument.parse());
    match argument {
        Some(Ok(number)) => number,
        _ => panic!("argument {index} of {arguments:?} must be a number"),
    }
}

/// Makes this process end when its parent ends.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn end_with_parent() {
    // SAFETY: the call takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn end_with_parent() {}

/// How deep a request goes, as a TLS handshake or a template does.
pub const DEEP_BYTES: usize = 100 * 1024;

/// Uses at least so many bytes of the stack.
#[inline(never)]
pub fn descend(n_bytes: usize) {
    let frame = black_box([n_bytes; 128]);
    if let Some(rest) = n_bytes.checked_sub(size_of_val(&frame)) {
        descend(rest);
    }
    black_box(frame);
}
