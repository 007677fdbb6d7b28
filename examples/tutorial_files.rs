//! Writes a file of 16 MiB and reads it back while another task ticks every millisecond. The kernel has no readiness events for
//! files on disks, so threads of a pool wait for them, and the ticks go on.
//!
//! `cargo run --example tutorial_files`

use std::cell::Cell;
use std::io::{self, Read, Seek, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use selvedge::fs::{self, File};
use selvedge::{sleep, spawn};

const N_BLOCKS: usize = 256;
const N_BLOCK_BYTES: usize = 64 * 1024;

/// Writes blocks, each filled with its number, reads them back, and returns how many are right.
fn write_and_read(file: &mut File) -> io::Result<usize> {
    let block = |n: usize| vec![n as u8; N_BLOCK_BYTES];
    for n in 0..N_BLOCKS {
        file.write_all(&block(n))?;
    }
    file.sync_all()?;
    file.rewind()?;
    let (mut n_right, mut read) = (0, block(0));
    for n in 0..N_BLOCKS {
        file.read_exact(&mut read)?;
        n_right += usize::from(read == block(n));
    }
    Ok(n_right)
}

fn main() -> io::Result<()> {
    let path = std::env::temp_dir().join(format!("selvedge-files-{}", std::process::id()));
    let ticks = Rc::new(Cell::new((0, Duration::ZERO)));
    let ticked = ticks.clone();
    let n_right = selvedge::run(|| {
        let tick = move || loop {
            let last = Instant::now();
            sleep(Duration::from_millis(1));
            let (n_ticks, longest) = ticked.get();
            ticked.set((n_ticks + 1, longest.max(last.elapsed())));
        };
        // When the main task is done, the loop cancels this one.
        spawn::<(), _>(tick).detach();
        let mut file = File::create_new(&path)?;
        let n_right = write_and_read(&mut file);
        // The file is removed even if reading or writing has failed.
        fs::remove_file(&path)?;
        n_right
    })?;
    let (n_ticks, longest) = ticks.get();
    println!("16 MiB written and read back: {n_right} of {N_BLOCKS} blocks are right");
    println!("meanwhile the other task ticked {n_ticks} times, at most {longest:.1?} apart");
    assert!(n_right == N_BLOCKS && n_ticks > 0);
    Ok(())
}
