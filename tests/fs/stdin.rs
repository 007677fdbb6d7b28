//! Standard input of every kind, in children that have their own.

use std::fs::File as StdFile;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::rc::Rc;

use selvedge::io::stdin;
use selvedge::{run, spawn, yield_now};

use crate::pollable::is_nonblocking;
use crate::support::child;
use crate::temporary::Directory;

pub const SCENARIOS: &[(&str, fn())] = &[
    ("lines_of_stdin", lines_of_stdin),
    ("stdin_is_cancelled", stdin_is_cancelled),
    ("stdin_without_a_loop", stdin_without_a_loop),
];

/// Prints each line that it reads, with the number of turns that another task had meanwhile.
fn lines_of_stdin() {
    run(|| {
        let input = stdin().unwrap();
        let is_pipe_or_terminal = is_stream();
        assert!(
            !is_nonblocking(io::stdin()) || !is_pipe_or_terminal,
            "others share this"
        );
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
            println!("\ngot {}", line.unwrap());
        }
        println!("\nthe end");
        let _: bool = ticker.cancel();
        let _: Result<(), _> = ticker.join();
    });
    assert!(!is_nonblocking(io::stdin()), "it is returned unchanged");
}

/// Whether standard input can be opened once more, so that its mode need not change.
fn is_stream() -> bool {
    let link = std::fs::read_link("/proc/self/fd/0");
    link.is_ok_and(|link| link.to_string_lossy().starts_with("pipe:"))
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
