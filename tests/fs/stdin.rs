//! Standard input of every kind, in children that have their own.

use std::fs::File as StdFile;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::rc::Rc;
use std::thread;

use selvedge::io::stdin;
use selvedge::{run, spawn, yield_now};

use crate::pollable::is_nonblocking;
use crate::support::child;
use crate::temporary::Directory;

pub const SCENARIOS: &[(&str, fn())] = &[
    ("lines_of_stdin", lines_of_stdin),
    ("stdin_is_cancelled", stdin_is_cancelled),
    ("stdin_without_a_loop", stdin_without_a_loop),
    ("stdin_is_stdout", stdin_is_stdout),
];

/// Prints each line that it reads, with the number of turns that another task had meanwhile.
fn lines_of_stdin() {
    run(|| {
        let input = stdin().unwrap();
        let n_turns = Rc::new(std::cell::Cell::new(0));
        let turns = n_turns.clone();
        let ticker = spawn(move || {
            loop {
                yield_now();
                turns.set(turns.get() + 1);
            }
        });
        while n_turns.get() < 10 {
            yield_now();
        }
        println!("\nready");
        for line in BufReader::new(input).lines() {
            assert!(!is_nonblocking(io::stdin()), "others share this");
            println!("\ngot {}", line.unwrap());
        }
        println!("\nthe end");
        let _: bool = ticker.cancel();
        let _: Result<(), _> = ticker.join();
    });
    assert!(!is_nonblocking(io::stdin()), "it is returned unchanged");
}

fn spawn_child(scenario: &str, input: Stdio) -> Child {
    let mut command = child::command(scenario);
    command
        .stdin(input)
        .spawn()
        .expect("this test starts itself again")
}

/// Waits until the child prints a line.
fn await_line(output: &mut impl BufRead, wanted: &str) {
    let mut line = String::new();
    while line.trim_end() != wanted {
        line.clear();
        assert_ne!(
            output.read_line(&mut line).unwrap(),
            0,
            "it ended before it said {wanted:?}"
        );
    }
}

#[test]
fn lines_come_through_a_pipe_one_by_one() {
    let mut child = spawn_child("lines_of_stdin", Stdio::piped());
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    await_line(&mut output, "ready");
    for word in ["one", "two"] {
        writeln!(input, "{word}").unwrap();
        await_line(&mut output, &format!("got {word}"));
    }
    drop(input);
    await_line(&mut output, "the end");
    // The harness prints more, and needs an open pipe.
    io::copy(&mut output, &mut io::sink()).unwrap();
    child::collect(child).assert_exited(0);
}

#[test]
fn stdin_may_be_a_file_a_socket_or_closed() {
    let directory = Directory::new();
    let path = directory.file("input", "first\nsecond\n");
    let ended = child::collect(spawn_child(
        "lines_of_stdin",
        StdFile::open(path).unwrap().into(),
    ));
    ended.assert_exited(0);
    assert!(
        ended.stdout.contains("got first\n\ngot second\n\nthe end"),
        "{ended:#?}"
    );

    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.write_all(b"by socket\n").unwrap();
    drop(ours);
    let ended = child::collect(spawn_child("lines_of_stdin", OwnedFd::from(theirs).into()));
    ended.assert_exited(0);
    assert!(
        ended.stdout.contains("got by socket\n\nthe end"),
        "{ended:#?}"
    );

    let ended = child::collect(spawn_child("lines_of_stdin", Stdio::null()));
    ended.assert_exited(0);
    assert!(ended.stdout.contains("the end"), "{ended:#?}");
}

fn stdin_is_cancelled() {
    run(|| {
        let input = Rc::new(stdin().unwrap());
        for _ in 0..5 {
            let theirs = input.clone();
            let task = spawn(move || (&*theirs).read(&mut [0; 8]));
            yield_now();
            task.cancel();
            drop(task.join());
        }
        println!("\nready");
        let mut text = String::new();
        (&*input).read_to_string(&mut text).unwrap();
        println!("\ngot {text}");
    });
}

#[test]
fn cancelled_reads_lose_no_byte() {
    let mut child = spawn_child("stdin_is_cancelled", Stdio::piped());
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    await_line(&mut output, "ready");
    input.write_all(b"all of this").unwrap();
    drop(input);
    await_line(&mut output, "got all of this");
    io::copy(&mut output, &mut io::sink()).unwrap();
    child::collect(child).assert_exited(0);
}

fn stdin_without_a_loop() {
    let mut text = String::new();
    stdin().unwrap().read_to_string(&mut text).unwrap();
    println!("\ngot {text}");
}

#[test]
fn without_a_loop_stdin_blocks_the_thread() {
    let mut child = spawn_child("stdin_without_a_loop", Stdio::piped());
    child.stdin.take().unwrap().write_all(b"text").unwrap();
    let ended = child::collect(child);
    ended.assert_exited(0);
    assert!(ended.stdout.contains("got text"), "{ended:#?}");
}

/// Reads a line while another task prints more than the socket or terminal has room for.
fn stdin_is_stdout() {
    run(|| {
        let mut input = BufReader::new(stdin().unwrap());
        let reader = spawn(move || {
            let mut line = String::new();
            input.read_line(&mut line).unwrap();
            line
        });
        yield_now();
        yield_now();
        for _ in 0..N_LINES {
            println!("{}", "warp and weft ".repeat(10));
            eprintln!("{}", "shuttle ".repeat(10));
        }
        assert_eq!(reader.join().unwrap(), "go on\n");
        println!("\nthe end");
    });
}

const N_LINES: usize = 5_000;

/// Starts a child whose standard streams are one description, and reads all that the child prints.
fn converse(mut ours: impl Read + Write + AsRawFd, theirs: &OwnedFd) -> String {
    let end = || Stdio::from(theirs.try_clone().unwrap());
    let mut command = child::command("stdin_is_stdout");
    command.stdin(end()).stdout(end()).stderr(end());
    let mut child = command.spawn().unwrap();
    // Until there is no more room: the child waits in `println!`.
    while n_readable(&ours) == 0 || !is_asleep(child.id()) {
        thread::yield_now();
    }
    ours.write_all(b"go on\n").unwrap();
    let mut text = Vec::new();
    let mut bytes = [0; 65536];
    while !String::from_utf8_lossy(&text).contains("test result") {
        match ours.read(&mut bytes) {
            Ok(0) | Err(_) => break,
            Ok(n) => text.extend_from_slice(&bytes[..n]),
        }
    }
    child.wait().unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

fn n_readable(fd: &impl AsRawFd) -> libc::c_int {
    let mut n_bytes = 0;
    // SAFETY: the request writes an int.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONREAD, &mut n_bytes) };
    assert_eq!(result, 0);
    n_bytes
}

/// Whether no thread of a process runs, or the process has ended.
fn is_asleep(process: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let states = threads.filter_map(|thread| {
        let stat = std::fs::read_to_string(thread.ok()?.path().join("stat")).ok()?;
        // The state follows the name, which is in brackets.
        stat.rsplit(") ").next()?.chars().next()
    });
    states.into_iter().all(|state| state != 'R')
}

#[test]
fn printing_to_what_stdin_is_as_well_does_not_fail() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let text = converse(ours, &theirs.into());
    assert!(
        text.contains("the end"),
        "{:?}",
        text.get(text.len().saturating_sub(2_000)..)
    );

    let (controller, terminal) = crate::pollable::terminal();
    let text = converse(StdFile::from(controller), &terminal);
    assert!(
        text.contains("the end"),
        "{:?}",
        text.get(text.len().saturating_sub(2_000)..)
    );
}
