//! Random reads of 4 KiB that the page cache does not have, 64 at a time: CPU of the process, user and system, with the threads
//! of its pool and of its io_uring. Ours by io_uring and by the loop's pool, `tokio::fs` (a seek and a read), and tokio's pool
//! with one `pread` a job each run in a process on one core; they are measured in turn.
//!
//! `cargo bench --bench files`. It needs 600 MiB in the target directory's file system, and a kernel with io_uring.

#![allow(unsafe_code, missing_docs)]

mod support;

use support::{contest, machine, ours, peers};

const N_TASKS: usize = 64;
const N_READS: usize = 8_192;
const ROUNDS: usize = 9;

fn main() {
    if ours::is_contender() {
        return;
    }
    peers::build_rust();
    machine::pin_to_core(machine::MEASURED_CORE);
    let start = |runtime, what| peers::rust(runtime, what, &[N_TASKS, N_READS]);
    let contenders = vec![
        start("selvedge", "files"),
        start("selvedge", "files_on_pool"),
        start("tokio", "files"),
        start("tokio", "files_on_pool"),
    ];
    let title =
        format!("uncached 4 KiB reads, {N_TASKS} at a time, ns of CPU each, {ROUNDS} rounds");
    contest::measure_and_print(&title, ROUNDS, contenders);
}
