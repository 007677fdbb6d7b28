//! One file, several tasks and threads: operations happen one after the other.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs as std_fs;
use std::io::{ErrorKind, Read, Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread;

use selvedge::fs::File;
use selvedge::{run, spawn, yield_now};

use crate::support::{finished, scaled, thread_number, virtual_loop, wait_until_asleep};
use crate::temporary::{Directory, pattern};

const LINE: usize = 16;

/// Asserts that the file has each line, whole and once.
#[track_caller]
fn assert_all_lines(contents: &[u8], n_writers: usize, n_lines: usize) {
    let text = std::str::from_utf8(contents).unwrap();
    let lines: BTreeSet<_> = text.lines().map(str::to_owned).collect();
    assert_eq!(
        (text.len(), lines.len()),
        (n_writers * n_lines * LINE, n_writers * n_lines)
    );
    assert!(lines.iter().all(|line| line.len() == LINE - 1), "torn");
}

fn line(writer: usize, n: usize) -> String {
    format!("{writer:05} of {n:06}\n")
}

#[test]
fn tasks_that_write_to_one_file_lose_no_line() {
    let directory = Directory::new();
    let path = directory.join("log");
    let n_lines = scaled(100, 10);
    run(|| {
        let file = Arc::new(File::create(&path).unwrap());
        let writers: Vec<_> = (0..10)
            .map(|writer| {
                // Half of the tasks use a clone, which has the same cursor.
                let file = match writer % 2 {
                    0 => file.clone(),
                    _ => Arc::new(file.try_clone().unwrap()),
                };
                spawn(move || {
                    for n in 0..n_lines {
                        (&*file).write_all(line(writer, n).as_bytes()).unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
    });
    assert_all_lines(&std_fs::read(&path).unwrap(), 10, n_lines);
}

#[test]
fn loops_and_threads_that_write_to_one_file_lose_no_line() {
    let directory = Directory::new();
    let path = directory.join("log");
    let file = Arc::new(File::create(&path).unwrap());
    let n_lines = scaled(100, 10);
    let threads: Vec<_> = (0..4)
        .map(|writer| {
            let file = file.clone();
            thread::spawn(move || {
                let write = || {
                    for n in 0..n_lines {
                        (&*file).write_all(line(writer, n).as_bytes()).unwrap();
                    }
                };
                if writer % 2 == 0 { run(write) } else { write() }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_all_lines(&std_fs::read(&path).unwrap(), 4, n_lines);
}

#[test]
fn tasks_that_read_one_file_divide_its_bytes() {
    let directory = Directory::new();
    let n_blocks = scaled(400, 40);
    let contents: Vec<u8> = (0..n_blocks as u32)
        .flat_map(|n| n.to_le_bytes().repeat(64))
        .collect();
    let path = directory.file("blocks", contents);
    let mut seen: Vec<u32> = run(|| {
        let file = Arc::new(File::open(&path).unwrap());
        let readers: Vec<_> = (0..8)
            .map(|_| {
                let file = file.clone();
                spawn(move || {
                    let mut seen = Vec::new();
                    let mut block = [0; 256];
                    loop {
                        let n = (&*file).read(&mut block).unwrap();
                        if n == 0 {
                            return seen;
                        }
                        assert_eq!(n, 256);
                        assert!(block.chunks(4).all(|word| word == &block[..4]), "torn");
                        seen.push(u32::from_le_bytes(block[..4].try_into().unwrap()));
                    }
                })
            })
            .collect();
        readers
            .into_iter()
            .flat_map(|reader| reader.join().unwrap())
            .collect()
    });
    seen.sort_unstable();
    assert_eq!(seen, (0..n_blocks as u32).collect::<Vec<_>>());
}

#[test]
fn clones_share_the_cursor_and_files_opened_twice_do_not() {
    let directory = Directory::new();
    let path = directory.file("file", pattern(100));
    run(|| {
        let mut file = File::open(&path).unwrap();
        let mut clone = file.try_clone().unwrap();
        let mut again = File::open(&path).unwrap();
        file.read_exact(&mut [0; 10]).unwrap();
        assert_eq!(clone.stream_position().unwrap(), 10);
        assert_eq!(again.stream_position().unwrap(), 0);
        drop(file);
        let mut byte = [0];
        clone.read_exact(&mut byte).unwrap();
        assert_eq!(byte[0], pattern(100)[10]);
    });
}

#[test]
fn a_file_removed_while_open_stays_usable() {
    let directory = Directory::new();
    let path = directory.file("file", pattern(300_000));
    run(|| {
        let mut file = File::options().read(true).write(true).open(&path).unwrap();
        selvedge::fs::remove_file(&path).unwrap();
        assert!(!selvedge::fs::exists(&path).unwrap());
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, pattern(300_000));
        file.write_all(b"more").unwrap();
        assert_eq!(file.metadata().unwrap().len(), 300_004);
        file.sync_all().unwrap();
    });
}

/// Reads at most one byte, in a place where nothing can wait.
fn read_in_callback(file: &Arc<File>) -> Result<usize, ErrorKind> {
    let event_loop = virtual_loop();
    let (file, read) = (file.clone(), Rc::new(Cell::new(None)));
    let answer = read.clone();
    event_loop.call_soon(move || answer.set(Some((&*file).read(&mut [0]))));
    finished(event_loop.run_until_complete(yield_now));
    let result = read.take().expect("it was called");
    result.map_err(|error| error.kind())
}

#[test]
fn an_uncancellable_task_leaves_the_wait_list_of_the_cursor() {
    let directory = Directory::new();
    let path = directory.fifo("fifo");
    let both = std_fs::OpenOptions::new().read(true).write(true).open(path);
    let mut writer = both.unwrap();
    let file = Arc::new(File::from(writer.try_clone().unwrap()));
    let (theirs, (number, numbers)) = (file.clone(), mpsc::channel());
    let reader = thread::spawn(move || {
        number.send(thread_number()).unwrap();
        (&*theirs).read(&mut [0; 100])
    });
    wait_until_asleep(numbers.recv().unwrap());
    // The thread holds the cursor until bytes arrive.
    assert_eq!(read_in_callback(&file), Err(ErrorKind::WouldBlock));

    let event_loop = virtual_loop();
    event_loop.set_exception_handler(|_| ());
    let uncancellable = file.clone();
    finished(event_loop.run_until_complete(move || {
        spawn(move || {
            loop {
                let _ = catch_unwind(AssertUnwindSafe(|| (&*uncancellable).read(&mut [0])));
            }
        })
        .detach();
        yield_now();
    }));
    // The task's stack is leaked, together with its node in the wait list.
    drop(event_loop);

    writer.write_all(b"1").unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), 1);
    writer.write_all(b"2").unwrap();
    assert_eq!(
        read_in_callback(&file),
        Ok(1),
        "an abandoned task is first in the wait list"
    );
}
