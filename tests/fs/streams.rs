//! Pipes and devices, opened as files.

use std::cell::RefCell;
use std::fs as std_fs;
use std::io::{ErrorKind, Read, Seek, Write};
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use selvedge::fs::{self, File, OpenOptions};
use selvedge::time::deadline;
use selvedge::{run, spawn, to_thread, yield_now};
use std::os::unix::fs::FileTypeExt;

use crate::temporary::Directory;

/// Opens both ends in one descriptor, so that no open waits for the other end.
fn both_ends(directory: &Directory) -> File {
    let path = directory.fifo("fifo");
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap()
}

#[test]
fn a_fifo_reads_and_writes_and_has_no_positions() {
    let directory = Directory::new();
    run(|| {
        let mut fifo = both_ends(&directory);
        fifo.write_all(b"through").unwrap();
        let mut bytes = [0; 7];
        fifo.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"through");
        assert_eq!(fifo.rewind().unwrap_err().kind(), ErrorKind::NotSeekable);
        assert_eq!(
            fifo.read_at(&mut bytes, 0).unwrap_err().kind(),
            ErrorKind::NotSeekable
        );
        assert_eq!(
            fifo.write_at(b"x", 0).unwrap_err().kind(),
            ErrorKind::NotSeekable
        );
    });
}

/// As with std: an error in the middle loses no bytes if they are text.
#[test]
fn read_to_string_keeps_what_it_read_before_a_cancel() {
    let directory = Directory::new();
    run(|| {
        let fifo = Rc::new(both_ends(&directory));
        { &*fifo }.write_all(b"warp ").unwrap();
        let text = Rc::new(RefCell::new(String::new()));
        let (theirs, their_text) = (fifo.clone(), text.clone());
        let reader = spawn(move || { &*theirs }.read_to_string(&mut their_text.borrow_mut()));
        // By then the first bytes were read, and a thread waits for more.
        for _ in 0..10 {
            to_thread(|| ()).unwrap();
        }
        reader.cancel();
        assert!(reader.join().unwrap_err().is_cancelled());
        std_fs::OpenOptions::new()
            .write(true)
            .open(directory.join("fifo"))
            .unwrap()
            .write_all(b"and weft")
            .unwrap();
        let mut text = text.take().into_bytes();
        while text.len() < 13 {
            let mut some = [0; 16];
            let n = { &*fifo }.read(&mut some).unwrap();
            text.extend_from_slice(&some[..n]);
        }
        assert_eq!(text, b"warp and weft");
    });
}

/// The reading thread can't be stopped: its bytes are kept for the next read.
#[test]
fn bytes_of_a_cancelled_read_are_kept_for_the_next() {
    let directory = Directory::new();
    run(|| {
        let fifo = Rc::new(both_ends(&directory));
        let theirs = fifo.clone();
        let reader = spawn(move || (&*theirs).read(&mut [0; 100]));
        // By then a thread has started the read, or will soon.
        for _ in 0..10 {
            to_thread(|| ()).unwrap();
        }
        reader.cancel();
        assert!(reader.join().unwrap_err().is_cancelled());
        // Bypasses the cursor, which the reading thread holds.
        std_fs::OpenOptions::new()
            .write(true)
            .open(directory.join("fifo"))
            .unwrap()
            .write_all(b"kept whole")
            .unwrap();
        let mut text: Vec<u8> = Vec::new();
        while text.len() < 10 {
            let mut some = [0; 4];
            let n = (&*fifo).read(&mut some).unwrap();
            text.extend(&some[..n]);
        }
        assert_eq!(text, b"kept whole");
    });
}

#[test]
fn a_fifo_ends_when_its_writers_have_closed() {
    let directory = Directory::new();
    let path = directory.fifo("fifo");
    run(|| {
        let theirs = path.clone();
        let reader = spawn(move || fs::read_to_string(theirs));
        let theirs = path.clone();
        let opened = spawn(move || File::open(theirs).map(drop));
        yield_now();
        let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
        opened.join().unwrap().unwrap();
        writer.write_all(b"all of it").unwrap();
        drop(writer);
        assert_eq!(reader.join().unwrap().unwrap(), "all of it");
    });
}

/// Neither another task nor the end of the run waits for the waiting thread.
#[test]
fn a_fifo_without_a_writer_blocks_no_other_task() {
    let directory = Directory::new();
    let path = directory.fifo("fifo");
    let opened = path.clone();
    run(move || {
        let opener = spawn(move || File::open(opened).map(drop));
        yield_now();
        opener.cancel();
        assert!(opener.join().unwrap_err().is_cancelled());
    });
    // Releases the waiting thread, if it has started.
    let mut options = std_fs::OpenOptions::new();
    drop(options.read(true).write(true).open(&path).unwrap());
}

/// More than the pool could ever have threads.
#[test]
fn cancelled_openings_of_a_fifo_use_up_no_thread() {
    let directory = Directory::new();
    let path = directory.fifo("fifo");
    run(|| {
        let openers: Vec<_> = (0..600)
            .map(|_| {
                let path = path.clone();
                spawn(move || OpenOptions::new().write(true).open(path).map(drop))
            })
            .collect();
        for _ in 0..3 {
            assert!(fs::metadata("/").unwrap().is_dir());
        }
        for opener in &openers {
            opener.cancel();
        }
        for opener in openers {
            assert!(opener.join().unwrap_err().is_cancelled());
        }
        assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
    });
}

#[test]
fn opening_a_fifo_waits_for_its_other_end() {
    let directory = Directory::new();
    let path = directory.fifo("fifo");
    run(|| {
        // The ends may come in either order, and neither needs a byte.
        for is_reader_first in [true, false] {
            let (theirs, ours) = (path.clone(), path.clone());
            let read = move || File::open(theirs).map(drop);
            let write = move || OpenOptions::new().write(true).open(ours).map(drop);
            let (first, second) = match is_reader_first {
                true => (spawn(read), spawn(write)),
                false => (spawn(write), spawn(read)),
            };
            first.join().unwrap().unwrap();
            second.join().unwrap().unwrap();
        }
        let theirs = path.clone();
        let opener = spawn(move || File::open(theirs));
        // Like another program: a call that blocks until there is a reader.
        let theirs = path.clone();
        let mut writer = to_thread(move || std_fs::File::options().write(true).open(theirs))
            .unwrap()
            .unwrap();
        let mut reader = opener.join().unwrap().unwrap();
        writer.write_all(b"met").unwrap();
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "met");
    });
}

#[test]
fn devices_are_read_and_written() {
    let use_them = || {
        let mut bytes = [1; 16];
        File::open("/dev/zero")
            .unwrap()
            .read_exact(&mut bytes)
            .unwrap();
        assert_eq!(bytes, [0; 16]);
        let mut null = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/null")
            .unwrap();
        null.write_all(b"gone").unwrap();
        assert_eq!(null.read(&mut bytes).unwrap(), 0);
    };
    run(use_them);
    use_them();
}

/// Files that the system generates during the read have no size, and behave the same.
#[cfg(target_os = "linux")]
#[test]
fn files_without_a_size_are_read_to_their_end() {
    let theirs = std_fs::read_to_string("/proc/self/limits").unwrap();
    let ours = run(|| {
        let mut text = String::new();
        File::open("/proc/self/limits")
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(fs::read_to_string("/proc/self/limits").unwrap(), text);
        text
    });
    assert_eq!(ours, theirs);
}

#[test]
fn without_a_loop_a_stream_blocks_the_thread() {
    let directory = Directory::new();
    let mut fifo = both_ends(&directory);
    let mut other = fifo.try_clone().unwrap().into_std().unwrap();
    let (go, goes) = channel();
    let writer = thread::spawn(move || {
        goes.recv().unwrap();
        other.write_all(b"late").unwrap();
    });
    go.send(()).unwrap();
    let mut bytes = [0; 4];
    fifo.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"late");
    writer.join().unwrap();
}

/// A peer that answers a write can't answer while the write waits for the read of the answer.
#[test]
fn a_write_to_a_stream_does_not_wait_for_a_read() {
    let directory = Directory::new();
    run(|| {
        let fifo = Rc::new(both_ends(&directory));
        let writers = [fifo.try_clone().unwrap(), fifo.try_clone().unwrap()];
        let theirs = fifo.clone();
        let reader = spawn(move || {
            let mut bytes = [0; 3];
            { &*theirs }.read_exact(&mut bytes).map(|()| bytes)
        });
        // The read has begun, and has no bytes.
        yield_now();
        for mut writer in writers {
            deadline(Duration::from_secs(60), || writer.write_all(b"ab")).unwrap();
        }
        assert_eq!(&reader.join().unwrap().unwrap(), b"aba");
    });
}

/// Such a descriptor names the file, and waits for nothing.
#[cfg(target_os = "linux")]
#[test]
fn a_fifo_is_opened_as_a_path() {
    let directory = Directory::new();
    let path = directory.fifo("fifo");
    run(|| {
        let mut options = OpenOptions::new();
        let file = options.read(true).custom_flags(libc::O_PATH).open(&path);
        assert!(file.unwrap().metadata().unwrap().file_type().is_fifo());
    });
}
