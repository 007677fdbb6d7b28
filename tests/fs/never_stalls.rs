//! The loop never blocks while files are read and written.

use std::io::{Read, Seek, Write};
use std::rc::Rc;

use selvedge::fs::{self, File};
use selvedge::{run, spawn, yield_now};

use crate::support::{scaled, ticker};
use crate::temporary::{Directory, pattern};

/// The loop copies the parts that are written or read in one piece, so their size is bounded: other tasks get a turn at
/// least once in 512 KiB.
#[test]
fn other_tasks_run_while_a_big_file_is_written_and_read() {
    let directory = Directory::new();
    let n_bytes = scaled(16, 2) * 1024 * 1024;
    let (path, contents) = (directory.join("big"), pattern(n_bytes));
    let least = n_bytes / (512 * 1024);
    run(|| {
        let (n_ticks, ticker) = ticker();
        let ticks_during = |act: &mut dyn FnMut()| {
            let before = n_ticks.get();
            act();
            n_ticks.get() - before
        };
        let mut file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .unwrap();
        // In a single call of the user's.
        let n = ticks_during(&mut || file.write_all(&contents).unwrap());
        assert!(n >= least, "{n} turns while it was written");
        file.rewind().unwrap();
        let mut read = vec![0; n_bytes];
        let n = ticks_during(&mut || file.read_exact(&mut read).unwrap());
        assert!(n >= least, "{n} turns while it was read");
        assert!(read == contents);
        file.rewind().unwrap();
        let mut read = Vec::new();
        let n = ticks_during(&mut || assert_eq!(file.read_to_end(&mut read).unwrap(), n_bytes));
        assert!(n >= least, "{n} turns while it was read to its end");
        assert!(read == contents);
        let n = ticks_during(&mut || fs::write(&path, &contents).unwrap());
        assert!(n >= least, "{n} turns while it was written at once");
        ticker.cancel();
    });
}

/// Small reads of cached bytes never have to wait; other tasks still get their turns.
#[test]
fn other_tasks_run_while_cached_bytes_are_read_one_by_one() {
    let directory = Directory::new();
    let path = directory.file("file", pattern(4096));
    run(|| {
        let file = File::open(&path).unwrap();
        let (n_ticks, ticker) = ticker();
        for n in 0..4096 {
            assert_eq!(file.read_at(&mut [0], n).unwrap(), 1);
        }
        assert!(n_ticks.get() >= 4096 / 256, "{} turns", n_ticks.get());
        ticker.cancel();
    });
}

/// A task waits here for a file that only another task of the same loop can feed.
#[test]
fn other_tasks_run_while_a_task_waits_for_a_file() {
    let directory = Directory::new();
    let path = directory.fifo("fifo");
    run(|| {
        let theirs = path.clone();
        let reader = spawn(move || fs::read(theirs));
        let (n_ticks, ticker) = ticker();
        while n_ticks.get() < 100 {
            yield_now();
        }
        assert!(!reader.is_done());
        fs::write(&path, "fed").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), b"fed");
        ticker.cancel();
    });
}

/// `fs::read` of a FIFO without a writer hangs in the kernel, on as many threads as the pool starts at once and more.
#[test]
fn operations_that_hang_do_not_hold_the_others_up() {
    let directory = Directory::new();
    let path = directory.fifo("fifo");
    run(|| {
        for _ in 0..40 {
            let theirs = path.clone();
            spawn(move || fs::read(theirs)).detach();
        }
        yield_now();
        assert!(fs::metadata("/").unwrap().is_dir());
    });
    // Releases the threads that hang, as far as they have started.
    let mut options = std::fs::OpenOptions::new();
    drop(options.read(true).write(true).open(&path).unwrap());
}

/// Many operations at once all complete, however few threads the pool has.
#[test]
fn hundreds_of_files_are_used_at_once() {
    let directory = Directory::new();
    let n = scaled(300, 30);
    run(|| {
        let path = Rc::new(directory.path().to_owned());
        let tasks: Vec<_> = (0..n)
            .map(|n| {
                let path = path.join(n.to_string());
                spawn(move || {
                    fs::write(&path, n.to_string()).unwrap();
                    let text = fs::read_to_string(&path).unwrap();
                    fs::remove_file(&path).unwrap();
                    text.parse::<usize>().unwrap()
                })
            })
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.join().unwrap(), n);
        }
        assert!(fs::read_dir(&*path).unwrap().next().is_none());
    });
}
