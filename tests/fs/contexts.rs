//! The contexts where files can be used: in tasks and on plain threads; and the errors in callbacks, while panicking
//! and at the end.

use std::cell::RefCell;
use std::fs as std_fs;
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::rc::Rc;

use selvedge::fs::{self, File, OpenOptions};
use selvedge::{Promise, run, sleep, spawn, yield_now};

use crate::support::{AN_HOUR, OnDrop, assert_sentence, shared, soon};
use crate::temporary::{Directory, pattern};

#[test]
fn file_use_in_a_callback_is_an_error_with_a_remedy() {
    let directory = Directory::new();
    let path = directory.file("file", "text");
    run(|| {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let promise = Promise::new();
        let (told, path) = (promise.clone(), path.clone());
        soon(move || {
            let texts: Vec<_> = [
                fs::read(&path).unwrap_err(),
                fs::metadata(&path).unwrap_err(),
                File::open(&path).unwrap_err(),
                file.write(b"more").unwrap_err(),
                file.sync_all().unwrap_err(),
            ]
            .map(|error| error.to_string())
            .into();
            told.set_result(texts).unwrap();
        });
        for text in promise.wait().unwrap() {
            assert_sentence(&text);
            assert!(text.contains("callback"), "{text}");
        }
    });
    assert_eq!(std_fs::read(&path).unwrap(), b"text");
}

/// Buffered bytes reach the file although their task is unwound by a panic or a cancel.
#[test]
fn a_buffered_writer_dropped_in_an_unwind_still_writes() {
    let directory = Directory::new();
    let path = directory.join("file");
    for is_cancel in [false, true] {
        run(|| {
            let (theirs, is_written) = (path.clone(), shared(false));
            let written = is_written.clone();
            let task = spawn(move || {
                let mut writer = BufWriter::new(File::create(theirs).unwrap());
                writer.write_all(b"last words").unwrap();
                written.set(true);
                if is_cancel {
                    sleep(AN_HOUR);
                }
                panic!("torn");
            });
            while !is_written.get() {
                yield_now();
            }
            assert_eq!(task.cancel(), is_cancel);
            let error = task.join().map(|(): ()| ()).unwrap_err();
            assert_eq!(
                (error.is_cancelled(), error.is_panic()),
                (is_cancel, !is_cancel)
            );
        });
        assert_eq!(std_fs::read(&path).unwrap(), b"last words");
        std_fs::remove_file(&path).unwrap();
    }
}

#[test]
fn while_panicking_files_are_used_in_place() {
    let directory = Directory::new();
    let path = directory.file("file", pattern(1000));
    let results = Rc::new(RefCell::new(None));
    let theirs = results.clone();
    run(|| {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(&path)
            .unwrap();
        let path = path.clone();
        let task = spawn(move || {
            let _on_drop = OnDrop(|| {
                let mut bytes = vec![0; 1000];
                let read = file.read_exact(&mut bytes).is_ok() && bytes == pattern(1000);
                let wrote = file.write_all(b"!").and_then(|()| file.sync_all()).is_ok();
                let size = fs::metadata(&path).map(|metadata| metadata.len());
                theirs.replace(Some((read, wrote, size.unwrap())));
            });
            panic!("torn");
        });
        let error = task.join().map(|(): ()| ()).unwrap_err();
        assert!(error.is_panic());
    });
    assert_eq!(results.take(), Some((true, true, 1001)));
}

/// During a panic a stream that is not ready is an error, not a wait.
#[test]
fn while_panicking_a_slow_stream_is_an_error() {
    let directory = Directory::new();
    let path = directory.fifo("fifo");
    run(|| {
        // For reading and writing, so that opening does not wait.
        let mut fifo = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let task = spawn(move || {
            let _on_drop = OnDrop(|| {
                let error = fifo.read(&mut [0; 8]).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                fifo.write_all(b"now").unwrap();
                assert_eq!(fifo.read(&mut [0; 8]).unwrap(), 3);
            });
            panic!("torn");
        });
        assert!(task.join().map(|(): ()| ()).unwrap_err().is_panic());
    });
}

/// The end of `run` waits for writes that have begun.
#[test]
fn writes_that_began_are_in_the_file_when_run_returns() {
    let directory = Directory::new();
    for n_turns in 0..30 {
        let path = directory.join("file");
        let theirs = path.clone();
        run(move || {
            spawn(move || {
                let file = File::create(theirs).unwrap();
                (&file).write_all(&pattern(50_000)).unwrap();
            })
            .detach();
            for _ in 0..n_turns {
                yield_now();
            }
        });
        // The write was cancelled before it started, or is whole: no write is still running.
        let before = std_fs::read(&path).unwrap_or_default();
        assert!(before.is_empty() || before == pattern(50_000));
        assert_eq!(before, std_fs::read(&path).unwrap_or_default());
        std_fs::remove_file(&path).ok();
    }
}

/// What the documentation says of clones. The other operation may need the thread, which therefore can't be blocked.
#[test]
fn while_panicking_a_cursor_that_is_in_use_is_an_error() {
    let directory = Directory::new();
    let path = directory.join("file");
    run(|| {
        let mut file = File::create(&path).unwrap();
        let mut clone = file.try_clone().unwrap();
        let other = spawn(move || clone.write_all(b"other"));
        // The other operation has the cursor, and gives this task a turn before a thread begins.
        let task = spawn(move || {
            let _on_drop = OnDrop(|| {
                let error = file.write(b"last words").unwrap_err();
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
            });
            panic!("torn");
        });
        assert!(task.join().map(|(): ()| ()).unwrap_err().is_panic());
        other.join().unwrap().unwrap();
    });
    assert_eq!(std_fs::read(&path).unwrap(), b"other");
}
