//! Shared by the benchmarks of the event loop: contenders, ours and the peers, each in a process of its own on one core, measured
//! in turn.
//!
//! Our contender is the benchmark's own program, started again, so each benchmark begins with [`run`], [`run_with_peers`] or
//! [`ours::is_contender`].

// No benchmark uses all of it.
#![allow(dead_code)]

#[path = "../peers/contender.rs"]
pub mod protocol;

pub mod contest;
pub mod echo;
pub mod floor;
pub mod http;
pub mod load;
pub mod machine;
pub mod ours;
pub mod peers;
pub mod pop;

/// Does a contender's work if this process is one; else calls `measure` on the measured core.
pub fn run(measure: impl FnOnce()) {
    if !ours::is_contender() {
        machine::pin_to_core(machine::MEASURED_CORE);
        measure();
    }
}

/// As [`run`], and builds the peers first, on all cores.
pub fn run_with_peers(measure: impl FnOnce()) {
    if !ours::is_contender() {
        peers::build();
        machine::pin_to_core(machine::MEASURED_CORE);
        measure();
    }
}

/// Prints why the measurement is impossible, and exits with 1: a missing peer is a failure.
pub fn fail(why: std::fmt::Arguments<'_>) -> ! {
    eprintln!("can't measure: {why}");
    std::process::exit(1)
}
