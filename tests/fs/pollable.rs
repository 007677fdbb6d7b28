//! Pipes, terminals and other descriptors that can be waited for.

use std::fs::File as StdFile;
use std::io::{self, ErrorKind, IsTerminal, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::ptr::null_mut;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use selvedge::io::Pollable;
use selvedge::{Promise, run, spawn, timeout, yield_now};

use crate::support::{
    OnDrop, assert_sentence, scaled, shared, soon, thread_number, wait_until_asleep,
};
use crate::temporary::{Directory, pattern};

/// Long enough to observe a wait.
const MOMENT: Duration = Duration::from_millis(5);

fn pipe() -> (Pollable<PipeReader>, Pollable<PipeWriter>) {
    let (reader, writer) = io::pipe().unwrap();
    (
        Pollable::new(reader).unwrap(),
        Pollable::new(writer).unwrap(),
    )
}

pub fn is_nonblocking(fd: impl AsFd) -> bool {
    // SAFETY: asks for flags.
    let flags = unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFL) };
    assert!(flags >= 0);
    flags & libc::O_NONBLOCK != 0
}

#[test]
fn megabytes_go_through_a_pipe_between_tasks() {
    let sent = pattern(scaled(3_000_000, 300_000));
    let expected = sent.clone();
    run(|| {
        let (mut reader, mut writer) = pipe();
        let sender = spawn(move || writer.write_all(&sent));
        let mut received = Vec::new();
        reader.read_to_end(&mut received).unwrap();
        sender.join().unwrap().unwrap();
        assert!(received == expected);
    });
}

#[test]
fn a_full_pipe_takes_a_write_of_no_bytes() {
    run(|| {
        let (_reader, writer) = pipe();
        let writer = Rc::new(writer);
        let theirs = Rc::clone(&writer);
        let waiting = spawn(move || while { &*theirs }.write(&[0; 65_536]).is_ok() {});
        yield_now();
        yield_now();
        assert_eq!({ &*writer }.write(&[]).unwrap(), 0);
        waiting.cancel();
        assert!(waiting.join().is_err());
    });
}

#[test]
fn without_a_loop_a_read_blocks_the_thread() {
    let (mut reader, mut writer) = pipe();
    let number = thread_number();
    let sender = thread::spawn(move || {
        wait_until_asleep(number);
        writer.write_all(b"late").unwrap();
    });
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "late");
    sender.join().unwrap();
}

#[test]
fn a_cancelled_read_takes_no_byte() {
    run(|| {
        let (reader, mut writer) = pipe();
        let reader = Rc::new(reader);
        for round in 0..10 {
            let theirs = reader.clone();
            let task = spawn(move || (&*theirs).read(&mut [0; 8]));
            yield_now();
            if round % 2 == 1 {
                // The cancel coincides with the reader's wake-up.
                writer.write_all(b"x").unwrap();
            }
            task.cancel();
            assert!(task.join().unwrap_err().is_cancelled());
        }
        drop(writer);
        let mut rest = String::new();
        (&*reader).read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "xxxxx");
    });
}

#[test]
fn the_end_and_a_broken_pipe_behave_like_std() {
    run(|| {
        let (mut reader, writer) = pipe();
        let waiting = spawn(move || reader.read(&mut [0; 4]));
        yield_now();
        drop(writer);
        assert_eq!(waiting.join().unwrap().unwrap(), 0);
        let (reader, mut writer) = pipe();
        let waiting = spawn(move || writer.write_all(&[0; 1_000_000]));
        yield_now();
        assert!(!waiting.is_done(), "the pipe is full");
        drop(reader);
        let error = waiting.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn regular_files_and_directories_are_refused_with_advice() {
    let directory = Directory::new();
    for path in [directory.file("file", "text"), directory.path().to_owned()] {
        let file = StdFile::open(path).unwrap();
        let error = Pollable::new(&file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("fs::File"), "{error}");
    }
    // A device that never waits is accepted, though it can't be polled either.
    let zero = Pollable::new(StdFile::open("/dev/zero").unwrap()).unwrap();
    run(|| assert_eq!((&zero).read(&mut [1; 4]).unwrap(), 4));
}

/// Both ends of a pseudoterminal: the controlling side and the terminal.
pub fn terminal() -> (OwnedFd, OwnedFd) {
    let (mut controller, mut terminal) = (-1, -1);
    // SAFETY: openpty writes two numbers; the other arguments may be null.
    let answer = unsafe {
        libc::openpty(
            &mut controller,
            &mut terminal,
            null_mut(),
            null_mut(),
            null_mut(),
        )
    };
    assert_eq!(answer, 0, "{}", io::Error::last_os_error());
    // SAFETY: both were opened just now and have no other owner.
    let [controller, terminal] =
        [controller, terminal].map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    (controller, terminal)
}

/// The two ends of a FIFO.
fn fifo(directory: &Directory) -> (OwnedFd, OwnedFd) {
    let path = directory.join("fifo");
    let name = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).unwrap();
    // SAFETY: the name ends with a zero byte.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let writer = thread::spawn({
        let path = path.clone();
        move || StdFile::options().write(true).open(path).unwrap()
    });
    let reader = StdFile::open(path).unwrap();
    (reader.into(), writer.join().unwrap().into())
}

/// Pairs of a descriptor to read from and one to write to, all blocking.
fn pairs(directory: &Directory) -> Vec<(OwnedFd, OwnedFd)> {
    let (reader, writer) = io::pipe().unwrap();
    let (a, b) = UnixStream::pair().unwrap();
    let (controller, terminal) = terminal();
    vec![
        (reader.into(), writer.into()),
        (a.into(), b.into()),
        fifo(directory),
        (terminal, controller),
    ]
}

#[cfg(target_os = "linux")]
#[test]
fn reads_and_writes_leave_the_blocking_mode_alone() {
    let directory = Directory::new();
    run(|| {
        for (read_end, write_end) in pairs(&directory) {
            let is_controller = read_end.is_terminal();
            let reader = Rc::new(Pollable::new(read_end).unwrap());
            let writer = Pollable::new(write_end).unwrap();
            let theirs = reader.clone();
            let waiting = spawn(move || { &*theirs }.read(&mut [0; 8]).unwrap());
            yield_now();
            assert!(!is_nonblocking(&*reader), "while a task waits");
            assert_eq!({ &writer }.write(b"text\n").unwrap(), 5);
            assert_eq!(waiting.join().unwrap(), 5);
            assert!(!is_nonblocking(&*reader));
            // The controlling side is not shared, and can't be opened again.
            assert!(!is_nonblocking(&writer) || is_controller);
            let writer = writer.into_inner();
            assert!(!is_nonblocking(&writer));
        }
    });
}

/// The descriptions are blocking, and no code reads.
#[test]
fn a_full_descriptor_stalls_no_task() {
    let directory = Directory::new();
    run(|| {
        // A terminal's input drops what it has no room for.
        let ends = pairs(&directory)
            .into_iter()
            .filter(|(read_end, _)| !read_end.is_terminal());
        for (_reader, writer) in ends.chain([terminal()]) {
            let mut writer = Pollable::new(writer).unwrap();
            let wrote = timeout(MOMENT, || writer.write_all(&[b'x'; 10_000_000]));
            assert!(wrote.is_err());
        }
    });
}

#[test]
fn a_wrapper_that_is_dropped_does_not_make_another_block() {
    run(|| {
        let (reader, mut writer) = io::pipe().unwrap();
        let reader = Rc::new(reader);
        let read = |pipe: &Rc<PipeReader>| { &**pipe }.read(&mut [0; 8]);
        let wrappers = [(); 3].map(|()| Pollable::new(reader.clone()).unwrap());
        let [first, second, third] = &wrappers;
        // Each waits by both ways.
        for wrapper in [first, second, third] {
            assert!(timeout(MOMENT, || wrapper.read_with(read)).is_err());
            assert!(timeout(MOMENT, || { wrapper }.read(&mut [0; 8])).is_err());
        }
        assert!(is_nonblocking(&*reader), "the call of a user needs that");
        let [first, second, third] = wrappers;
        drop(first);
        assert!(timeout(MOMENT, || second.read_with(read)).is_err());
        drop(second.into_inner());
        assert!(timeout(MOMENT, || { &third }.read(&mut [0; 8])).is_err());
        assert!(timeout(MOMENT, || third.read_with(read)).is_err());
        writer.write_all(b"text").unwrap();
        assert_eq!(third.read_with(read).unwrap(), 4);
        drop(third);
        assert!(!is_nonblocking(&*reader), "as it was before");
    });
}

pub const SCENARIOS: &[(&str, fn())] = &[("forked_pollable", forked_pollable as fn())];

#[test]
fn a_forked_child_does_not_make_its_parent_block() {
    crate::play("forked_pollable").assert_exited(0);
}

fn forked_pollable() {
    run(|| {
        let (reader, _writer) = io::pipe().unwrap();
        let pollable = Pollable::new(reader).unwrap();
        let read = |mut pipe: &PipeReader| pipe.read(&mut [0; 8]);
        assert!(timeout(MOMENT, || pollable.read_with(read)).is_err());
        // SAFETY: the child calls no function that needs another thread.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            drop(pollable);
            // SAFETY: ends the child.
            unsafe { libc::_exit(0) };
        }
        let mut status = -1;
        // SAFETY: waits for a child of this process.
        assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
        assert_eq!(status, 0);
        assert!(is_nonblocking(&pollable));
    });
}

#[test]
fn where_nothing_can_wait_a_read_tries_once() {
    run(|| {
        let (reader, mut writer) = pipe();
        let reader = Rc::new(reader);
        let (theirs, promise) = (reader.clone(), Promise::new());
        let told = promise.clone();
        soon(move || {
            let error = (&*theirs).read(&mut [0; 4]).unwrap_err();
            told.set_result(error.to_string()).unwrap();
        });
        assert_sentence(&promise.wait().unwrap());
        let (theirs, kind) = (reader.clone(), shared(None));
        let seen = kind.clone();
        let task = spawn(move || {
            let _on_drop = OnDrop(|| {
                let error = (&*theirs).read(&mut [0; 4]).unwrap_err();
                seen.set(Some(error.kind()));
            });
            panic!("torn");
        });
        assert!(task.join().map(|(): ()| ()).unwrap_err().is_panic());
        assert_eq!(kind.get(), Some(ErrorKind::WouldBlock));
        writer.write_all(b"fine").unwrap();
        assert_eq!((&*reader).read(&mut [0; 4]).unwrap(), 4);
    });
}

/// A terminal returns one line a read, although more bytes may be ready.
#[test]
fn a_terminal_is_read_line_by_line() {
    let (controller, terminal) = terminal();
    run(|| {
        let mut keyboard = Pollable::new(StdFile::from(controller)).unwrap();
        let mut terminal = Pollable::new(terminal).unwrap();
        let reader = spawn(move || {
            let mut lines = Vec::new();
            for _ in 0..3 {
                let mut line = [0; 100];
                let n = terminal.read(&mut line).unwrap();
                lines.push(String::from_utf8_lossy(&line[..n]).into_owned());
            }
            lines
        });
        yield_now();
        keyboard.write_all(b"one\ntwo\nthree\n").unwrap();
        assert_eq!(reader.join().unwrap(), ["one\n", "two\n", "three\n"]);
    });
}

/// Calls on descriptors that are no streams of bytes.
#[cfg(target_os = "linux")]
#[test]
fn custom_calls_wait_as_well() {
    // SAFETY: eventfd has no preconditions, and the descriptor has no other owner.
    let event = unsafe { OwnedFd::from_raw_fd(libc::eventfd(0, libc::EFD_CLOEXEC)) };
    run(|| {
        let event = Rc::new(Pollable::new(event).unwrap());
        let theirs = event.clone();
        let waiter = spawn(move || {
            theirs.read_with(|fd| {
                let mut n = 0_u64;
                // SAFETY: the number has room for the bytes read.
                match unsafe { libc::read(fd.as_raw_fd(), (&raw mut n).cast(), 8) } {
                    8 => Ok(n),
                    _ => Err(io::Error::last_os_error()),
                }
            })
        });
        yield_now();
        assert!(!waiter.is_done());
        event
            .write_with(|fd| {
                let n = 5_u64;
                // SAFETY: the number is readable.
                match unsafe { libc::write(fd.as_raw_fd(), (&raw const n).cast(), 8) } {
                    8 => Ok(()),
                    _ => Err(io::Error::last_os_error()),
                }
            })
            .unwrap();
        assert_eq!(waiter.join().unwrap().unwrap(), 5);
    });
}

/// The next waiter gets its turn although the call before it panicked.
#[test]
fn a_panicking_call_wakes_the_next_waiter() {
    run(|| {
        let (reader, mut writer) = pipe();
        let reader = Rc::new(reader);
        let n_calls = shared(0);
        let (theirs, calls) = (reader.clone(), n_calls.clone());
        let panics = spawn(move || {
            theirs.read_with(|_| -> io::Result<()> {
                calls.set(calls.get() + 1);
                assert!(calls.get() < 2, "at the second call");
                Err(ErrorKind::WouldBlock.into())
            })
        });
        yield_now();
        let theirs = reader.clone();
        let next = spawn(move || (&*theirs).read(&mut [0; 4]));
        yield_now();
        writer.write_all(b"x").unwrap();
        assert!(panics.join().unwrap_err().is_panic());
        assert_eq!(next.join().unwrap().unwrap(), 1);
    });
}
