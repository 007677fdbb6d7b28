//! The memory of a live, suspended coroutine: resident pages, page tables, and mappings. Each number of coroutines is measured
//! in a process of its own.
//!
//! `cargo bench --bench memory`. It needs Linux's /proc, and 5 GB for the million.

use std::error::Error;
use std::io;
use std::process::Command;
use std::{env, fs};

use selvedge::{Coroutine, Yielder};

/// The option by which this program runs itself again; the number of coroutines to hold follows.
const HOLD: &str = "--hold";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip_while(|argument| argument != HOLD);
    if let Some(n) = arguments.nth(1) {
        return Ok(hold(n.parse()?)?);
    }
    println!(
        "Growth of a process: bytes for each suspended coroutine, mappings for all of them.\n"
    );
    println!(
        "{:>10} {:>10} {:>13} {:>12} {:>10}",
        "coroutines", "resident/B", "page tables/B", "together/KiB", "mappings"
    );
    for n in [10_000, 100_000, 1_000_000] {
        let status = Command::new(env::current_exe()?)
            .args([HOLD, &n.to_string()])
            .status()?;
        if !status.success() {
            return Err(format!("the process with {n} coroutines ended with {status}").into());
        }
    }
    Ok(())
}

/// Holds `n` coroutines and prints a line of the table.
fn hold(n: usize) -> io::Result<()> {
    let mut coroutines = Vec::with_capacity(n);
    let before = Usage::now()?;
    for _ in 0..n {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
        coroutine.resume();
        coroutines.push(coroutine);
    }
    let after = Usage::now()?;
    let resident = (after.resident_bytes - before.resident_bytes) as f64 / n as f64;
    let tables = (after.table_bytes - before.table_bytes) as f64 / n as f64;
    println!(
        "{n:>10} {resident:>10.0} {tables:>13.0} {:>12.2} {:>10}",
        (resident + tables) / 1024.0,
        after.n_mappings - before.n_mappings,
    );
    // The process ends here; dropping the coroutines would only take time.
    std::mem::forget(coroutines);
    Ok(())
}

/// This process's memory, as the system counts it.
struct Usage {
    resident_bytes: u64,
    table_bytes: u64,
    n_mappings: usize,
}

impl Usage {
    fn now() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            kib.map(|kib| kib * 1024)
                .ok_or_else(|| io::Error::other(format!("no {name} in status")))
        };
        Ok(Self {
            resident_bytes: bytes("VmRSS:")?,
            table_bytes: bytes("VmPTE:")?,
            n_mappings: fs::read_to_string("/proc/self/maps")?.lines().count(),
        })
    }
}
