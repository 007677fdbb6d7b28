//! A cancelled read takes no byte, and a cancelled write is written whole or not at all, as the cursor shows.

use std::fs as std_fs;
use std::io::{BufWriter, ErrorKind, Read, Seek, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use selvedge::fs::{self, File};
use selvedge::time::deadline;
use selvedge::{run, spawn, timeout, yield_now};

use crate::differential::Random;
use crate::support::scaled;
use crate::temporary::{Directory, pattern};

/// The cursor describes the file's bytes, whenever a write is cancelled: the bytes before the cursor were written, in
/// order and once, and no byte is behind it.
#[test]
fn cancelled_writes_leave_the_cursor_after_the_written_bytes() {
    run(|| {
        let directory = Directory::new();
        let path = directory.join("file");
        let file = Rc::new(
            File::options()
                .write(true)
                .read(true)
                .create_new(true)
                .open(&path)
                .unwrap(),
        );
        let mut random = Random(77);
        let mut n_cancelled = 0;
        for round in 0..scaled(300, 40) {
            let theirs = file.clone();
            let n_bytes = 1 + random.below(20_000) as usize;
            let task = spawn(move || (&*theirs).write_all(&vec![(round / 2) as u8; n_bytes]));
            for _ in 0..random.below(12) {
                yield_now();
            }
            task.cancel();
            n_cancelled += usize::from(task.join().is_err());
            // Waits for the write that is still running.
            let position = (&*file).stream_position().unwrap();
            assert_eq!(position, file.metadata().unwrap().len());
        }
        let contents = std_fs::read(&path).unwrap();
        assert!(contents.is_sorted(), "out of order");
        assert!(n_cancelled > 0, "no cancel came in time");
    });
}

/// Reads after a cancel get each byte, in order and once. The page cache is dropped, as far as the system allows, so
/// that jobs are running when the cancels arrive.
#[test]
fn cancelled_reads_lose_no_byte() {
    run(|| {
        let directory = Directory::new();
        let expected = pattern(scaled(3_000_000, 300_000));
        let path = directory.file("file", &expected);
        let mut read = Vec::new();
        let file = Rc::new(File::open(&path).unwrap());
        file.sync_all().unwrap();
        let mut random = Random(5);
        while read.len() < expected.len() {
            if random.below(4) == 0 {
                evict(&file);
            }
            let theirs = file.clone();
            let n_bytes = 1 + random.below(60_000) as usize;
            let task = spawn(move || {
                let mut bytes = vec![0; n_bytes];
                let n = (&*theirs).read(&mut bytes)?;
                bytes.truncate(n);
                Ok::<_, std::io::Error>(bytes)
            });
            for _ in 0..random.below(6) {
                yield_now();
            }
            task.cancel();
            if let Ok(bytes) = task.join() {
                read.extend(bytes.unwrap());
            }
        }
        assert!(read == expected, "the bytes differ");
    });
}

/// Asks the system to drop its cached pages of a file.
fn evict(file: &File) {
    #[cfg(target_os = "linux")]
    // SAFETY: the descriptor is the file's.
    unsafe {
        use std::os::fd::AsRawFd;
        libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED);
    }
    let _ = file;
}

/// A running job keeps what it needs, although the file was dropped.
#[test]
fn a_file_may_be_dropped_while_a_job_uses_it() {
    let directory = Directory::new();
    let path = directory.join("file");
    for round in 0..scaled(100, 20) {
        run(|| {
            let theirs = path.clone();
            let task = spawn(move || {
                let mut file = File::create(theirs)?;
                file.write_all(&pattern(100_000))
            });
            for _ in 0..round % 20 {
                yield_now();
            }
            task.cancel();
            drop(task.join());
        });
        // The end of the loop waits for a write: a file that is being written may have any size.
        let n_bytes = std_fs::metadata(&path).map_or(0, |metadata| metadata.len());
        assert!(n_bytes == 0 || n_bytes == 100_000, "{n_bytes}");
    }
}

#[test]
fn a_task_that_waits_for_the_cursor_may_be_cancelled() {
    run(|| {
        let directory = Directory::new();
        let path = directory.join("file");
        let file = Rc::new(File::create(&path).unwrap());
        let writers: Vec<_> = (0..5)
            .map(|n| {
                let theirs = file.clone();
                spawn(move || (&*theirs).write_all(&[b'0' + n]))
            })
            .collect();
        yield_now();
        // The first task has the cursor, and its job may have begun; the others wait for the cursor.
        for index in [0, 2, 3] {
            writers[index].cancel();
        }
        for (n, writer) in writers.into_iter().enumerate() {
            assert_eq!(writer.join().is_ok(), [1, 4].contains(&n), "{n}");
        }
        let written = std_fs::read(&path).unwrap();
        assert!(written == b"14" || written == b"014", "{written:?}");
    });
}

/// An error of a write says that nothing was written. So a buffer that was not flushed may be flushed again.
#[test]
fn a_buffer_whose_flush_is_cancelled_is_written_once() {
    run(|| {
        let directory = Directory::new();
        let path = directory.join("file");
        let file = Rc::new(File::create(&path).unwrap());
        let mut writer = BufWriter::new(&*file);
        let mut random = Random(3);
        let n_rounds = scaled(600, 100);
        for round in 0..n_rounds {
            writer.write_all(&[round as u8]).unwrap();
            let patience = Duration::from_micros(random.below(80));
            let _ = match round % 2 {
                0 => deadline(patience, || writer.flush()),
                _ => timeout(patience, || writer.flush()).unwrap_or(Ok(())),
            };
        }
        writer.flush().unwrap();
        let expected: Vec<_> = (0..n_rounds).map(|round| round as u8).collect();
        assert_eq!(std_fs::read(&path).unwrap(), expected);
    });
}

/// Contents whose writing was cancelled are written before the next ones, or not at all. The loop's end waits for both.
#[test]
fn cancelled_contents_do_not_overtake_the_next_ones() {
    let directory = Directory::new();
    let path = directory.file("file", b"");
    let mut random = Random(9);
    for _ in 0..scaled(400, 100) {
        let patience = Duration::from_micros(random.below(200));
        run(|| {
            let _ = timeout(patience, || fs::write(&path, [b'x'; 20_000]));
            fs::write(&path, "written later").unwrap();
        });
        let contents = std_fs::read(&path).unwrap();
        assert!(
            contents == b"written later",
            "overtaken by {} bytes",
            contents.len()
        );
    }
}

/// A change of the length that was cancelled happens before the next write, or not at all. Both wait for a thread that
/// writes to the same file, and the system may let either be first.
#[test]
fn a_cancelled_set_len_does_not_overtake_the_next_write() {
    let directory = Directory::new();
    let options = || File::options().read(true).write(true).clone();
    let file = run(|| options().open(directory.file("file", b"")).unwrap());
    let busy = file.try_clone().unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|s| {
        s.spawn(|| {
            while !is_over.load(Relaxed) {
                busy.write_all_at(&pattern(300_000), 100).unwrap();
            }
        });
        let n_lost = run(|| {
            let mut random = Random(9);
            let lost = (0..scaled(8000, 1000)).filter(|_| {
                let patience = Duration::from_micros(random.below(300));
                let _ = timeout(patience, || file.set_len(0));
                file.write_all_at(b"warp", 0).unwrap();
                // Time for the change.
                file.metadata().unwrap();
                let mut bytes = [0; 4];
                file.read_exact_at(&mut bytes, 0).is_err() || bytes != *b"warp"
            });
            lost.count()
        });
        is_over.store(true, Relaxed);
        assert_eq!(n_lost, 0);
    });
}

#[test]
fn contents_for_a_pipe_without_a_reader_can_be_cancelled() {
    run(|| {
        let directory = Directory::new();
        let path = directory.fifo("pipe");
        let written = deadline(Duration::from_millis(20), || fs::write(&path, "unread"));
        assert_eq!(written.unwrap_err().kind(), ErrorKind::TimedOut);
    });
}
