//! The rows of memory: a million live coroutines and a million parked tasks, each in a process of its own.

use std::cell::Cell;
use std::fs;
use std::hint::black_box;
use std::io;
use std::os::fd::AsRawFd;
use std::process::{self, Command};
use std::rc::Rc;

use selvedge::coroutine::remaining_stack_bytes;
use selvedge::{Coroutine, CoroutineState, Promise, Yielder, run, spawn, yield_now};

use crate::idle;
use crate::table::{Limit, Row};

const N: usize = 1_000_000;
const CHILD: &str = "SELVEDGE_NUMBERS_MEMORY";
const ROUNDS: usize = 7;

pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Prints the growth in bytes for each coroutine, task or connection; the variable chooses which.
pub fn child() {
    match std::env::var(CHILD).as_deref() {
        Ok("coroutines") => coroutines(),
        Ok("tasks") => run(tasks),
        Ok("connections") => idle::child(false),
        Ok("deep connections") => idle::child(true),
        other => panic!("a million of what? {other:?}"),
    }
}

/// A thousand different indexes: the stride has no factor in common with N.
fn thousand() -> impl Iterator<Item = usize> {
    (0..1000).map(|i| i * 7919 % N)
}

/// Creates a million coroutines, enters each once, and checks the guards of a thousand.
fn coroutines() {
    let mut live: Vec<Coroutine<usize, usize, ()>> = Vec::with_capacity(N);
    let before = resident_bytes();
    for i in 0..N {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<usize, usize>, mut value| {
            loop {
                value = yielder.suspend(value);
            }
        });
        assert_eq!(coroutine.send(i), CoroutineState::Yielded(i));
        live.push(coroutine);
    }
    let each = (resident_bytes() - before) as f64 / N as f64;
    for i in thousand() {
        let guard = live[i].stack().expect("it is parked").guard;
        let is_guarded = faults(guard.start) && faults(guard.end - 1);
        assert!(is_guarded, "coroutine {i} has no guard");
    }
    for (i, coroutine) in live.iter_mut().enumerate().step_by(997) {
        assert_eq!(coroutine.send(i + 1), CoroutineState::Yielded(i + 1));
    }
    println!("{each}");
    // The process ends here; dropping the coroutines would only take time.
    std::mem::forget(live);
}

/// Spawns a million tasks that wait for a promise, checks the guards of a thousand, and checks that all tasks go on.
fn tasks() {
    // The lower end of each stack. Written now, so that these pages are resident before the measurement.
    let limits: Rc<[Cell<usize>]> = (0..N).map(|i| Cell::new(black_box(i))).collect();
    let n_entered = Rc::new(Cell::new(0));
    let n_done = Rc::new(Cell::new(0));
    let promise = Promise::<()>::new();
    let before = resident_bytes();
    for i in 0..N {
        let (limits, promise) = (Rc::clone(&limits), promise.clone());
        let (n_entered, n_done) = (Rc::clone(&n_entered), Rc::clone(&n_done));
        drop(spawn(move || {
            let local = black_box(0_u8);
            let here = &raw const local as usize;
            limits[i].set(here - remaining_stack_bytes().expect("a task's stack"));
            drop(limits);
            n_entered.set(n_entered.get() + 1);
            promise.wait().expect("it is set below");
            n_done.set(n_done.get() + 1);
        }));
    }
    while n_entered.get() < N {
        yield_now();
    }
    let each = (resident_bytes() - before) as f64 / N as f64;
    for i in thousand() {
        // The stack pointer was a little below the local, less than a page.
        let limit = limits[i].get() & !4095;
        let is_limit = !faults(limit) && faults(limit - 4096) && faults(limit - 64 * 1024);
        assert!(is_limit, "task {i} has no guard");
    }
    promise.set_result(()).expect("it is set once");
    while n_done.get() < N {
        yield_now();
    }
    println!("{each}");
    // Unmapping a million stacks would only take time.
    process::exit(0);
}

/// Whether the address can't be read: a system call that reads from a guard fails with EFAULT.
fn faults(address: usize) -> bool {
    let (_reader, writer) = io::pipe().expect("a pipe");
    // SAFETY: the kernel reads the byte, or returns an error where it can't.
    let n = unsafe { libc::write(writer.as_raw_fd(), address as *const _, 1) };
    n == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT)
}

/// Resident memory and page tables.
pub fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let kib = |key: &str| -> usize {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .expect("a known key");
        line.trim()
            .trim_end_matches(" kB")
            .parse()
            .expect("a number")
    };
    (kib("VmRSS:") + kib("VmPTE:")) * 1024
}

pub fn million_live() -> Vec<Row> {
    let row = |what, of_what| Row {
        what,
        ours: (0..ROUNDS).map(|_| one_process(of_what) / 1024.0).collect(),
        peer: "",
        peers: Vec::new(),
        limit: Limit::Absolute(4.7),
    };
    vec![
        row(
            "1,000,000 live coroutines, VmRSS + VmPTE growth each, KiB",
            "coroutines",
        ),
        row(
            "1,000,000 parked tasks, VmRSS + VmPTE growth each, KiB",
            "tasks",
        ),
    ]
}

pub fn one_process(of_what: &str) -> f64 {
    let exe = std::env::current_exe().expect("this program's path");
    let output = Command::new(exe)
        .env(CHILD, of_what)
        .output()
        .expect("a child process");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .expect("bytes each")
}
