//! What the benchmarks of the event loop share: contenders, ours and the peers, each in a process
//! of its own on one core, measured in turn.
//!
//! Each benchmark begins with [`ours::is_contender`], because our side is the benchmark's own
//! program, started again.

// Each benchmark uses its part.
#![allow(dead_code)]

#[path = "../peers/contender.rs"]
mod inside;

pub mod contest;
pub mod echo;
pub mod http;
pub mod load;
pub mod machine;
pub mod ours;
pub mod peers;

/// Prints why nothing can be measured, and ends the process: a missing peer is a failure.
pub fn fail(why: std::fmt::Arguments<'_>) -> ! {
    eprintln!("can't measure: {why}");
    std::process::exit(1)
}
