//! The inside of a contender: a process that does a round of work whenever it is asked.
//!
//! It says `ready` once its tasks exist; to each line on its standard input it answers with a
//! figure, nanoseconds for one operation. It ends when the input does. Ours and the peers share
//! this file, so that they are measured in the same way.

#![allow(unsafe_code)]

use std::io::{self, BufRead, Write};
use std::time::Instant;

/// Says that everything is set up and rounds may be asked for.
pub fn ready() {
    say(format_args!("ready"));
}

/// Says on which port a server listens.
pub fn listening(port: u16) {
    say(format_args!("{port}"));
}

/// Waits for the next round to be asked for; false if there is none. It blocks the thread, and so
/// every task on it.
pub fn asked() -> bool {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).unwrap_or(0) > 0
}

/// Answers a round.
pub fn answer(ns_each: f64) {
    say(format_args!("{ns_each}"));
}

/// Who asked may be gone; then the next `asked` says so.
fn say(what: std::fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{what}").and_then(|()| out.flush());
}

/// A span of time, on the wall's clock or the processor's.
#[derive(Clone, Copy, Debug)]
pub enum Watch {
    Wall(Instant),
    Cpu(u64),
}

impl Watch {
    pub fn wall() -> Self {
        Self::Wall(Instant::now())
    }

    /// Counts what this process spends, in the kernel and outside.
    pub fn cpu() -> Self {
        Self::Cpu(cpu_ns())
    }

    /// Nanoseconds since it was started, for each of so many operations.
    pub fn ns_each(self, n: usize) -> f64 {
        let ns = match self {
            Self::Wall(start) => start.elapsed().as_nanos() as f64,
            Self::Cpu(start) => (cpu_ns() - start) as f64,
        };
        ns / n as f64
    }
}

/// Nanoseconds of CPU that this process has taken.
fn cpu_ns() -> u64 {
    // SAFETY: all zeros is a value of the type, which the call overwrites.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, &mut usage), 0);
        usage
    };
    let ns = |time: libc::timeval| time.tv_sec as u64 * 1_000_000_000 + time.tv_usec as u64 * 1_000;
    ns(usage.ru_utime) + ns(usage.ru_stime)
}

/// The `index`th sleep, in microseconds: anything up to a second, the same for every contender.
pub fn sleep_us(index: usize) -> u64 {
    ((index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % 1_000_000
}

/// Panics if tasks did not get equal turns, without which "among so many" means nothing. (Those of
/// tokio's own `yield_now` are a sixteenth apart.)
pub fn check_fairness(mine: usize, theirs: &[usize]) {
    let slack = 2 + mine / 10;
    for turns in theirs {
        assert!(
            turns.abs_diff(mine) <= slack,
            "{turns} turns against {mine}"
        );
    }
}

/// An argument that is a number.
pub fn number(arguments: &[String], index: usize) -> usize {
    let argument = arguments.get(index).map(|argument| argument.parse());
    match argument {
        Some(Ok(number)) => number,
        _ => panic!("argument {index} of {arguments:?} is to be a number"),
    }
}

/// Ends this process when the one that started it does.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn end_with_parent() {
    // SAFETY: the call takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn end_with_parent() {}
