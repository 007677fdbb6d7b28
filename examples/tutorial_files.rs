//! A file of 16 MiB is written and read back in the loop while another task ticks every millisecond.
//! Disks can't say when they are ready, so threads of a pool wait for them, and the ticks go on.
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

/// Writes blocks, each full of its own number, and reads them back; answers how many are right.
fn write_and_read(file: &mut File) -> io::Result<usize> {
    for n in 0..N_BLOCKS {
        file.write_all(&vec![n as u8; N_BLOCK_BYTES])?;
    }
    file.sync_all()?;
    file.rewind()?;
    let (mut n_right, mut block) = (0, vec![0; N_BLOCK_BYTES]);
    for n in 0..N_BLOCKS {
        file.read_exact(&mut block)?;
        n_right += usize::from(block.iter().all(|byte| *byte == n as u8));
    }
    Ok(n_right)
}

fn main() -> io::Result<()> {
    let path = std::env::temp_dir().join(format!("selvedge-files-{}", std::process::id()));
    let n_ticks = Rc::new(Cell::new(0));
    let ticks = n_ticks.clone();
    let start = Instant::now();
    let n_right = selvedge::run(|| {
        let tick = move || loop {
            sleep(Duration::from_millis(1));
            ticks.set(ticks.get() + 1);
        };
        // When the function is done, the ticker is cancelled.
        spawn::<(), _>(tick).detach();
        let mut options = File::options();
        let mut file = options
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        let n_right = write_and_read(&mut file);
        // However the blocks fared, the file goes.
        fs::remove_file(&path)?;
        n_right
    })?;
    println!("16 MiB written and read back in {:.0?}", start.elapsed());
    println!("{n_right} of {N_BLOCKS} blocks are right");
    println!("meanwhile the other task ticked {} times", n_ticks.get());
    assert!(n_right == N_BLOCKS && n_ticks.get() > 0);
    Ok(())
}
