//! A minute of random connects, resets, half-closes, cancels and timeouts over loopback; after it all counts are as
//! before: tasks, open fds, live stacks and bytes in use.
//!
//! Sixty seconds in an optimised build, three otherwise. `SELVEDGE_SOAK_SEED` plays a printed seed again.

#![allow(unsafe_code)]

#[path = "../support/hang_guard.rs"]
mod hang_guard;

mod client;
mod random;
mod server;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::env;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::thread;
use std::time::Duration;

use selvedge::net::TcpListener;
use selvedge::stack::pool_stats;
use selvedge::task::all_tasks;
use selvedge::{Task, run, yield_now};

use client::{Client, KINDS};
use random::Random;
use server::Server;

/// Counts the bytes in use of the whole process; the soak runs on one thread, and the harness waits.
struct Counting;

static LIVE_BYTES: AtomicIsize = AtomicIsize::new(0);

// SAFETY: each method hands its arguments to the system's allocator as they are.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const N_WORKERS: usize = 48;
const N_LISTENERS: usize = 8;

/// The counts that must be as before.
#[derive(Debug, PartialEq)]
struct Counts {
    n_tasks: usize,
    n_fds: usize,
    n_live_stacks: usize,
    live_bytes: isize,
}

impl Counts {
    fn now() -> Self {
        let n_fds = std::fs::read_dir("/proc/self/fd").expect("the fds").count();
        Self {
            n_tasks: all_tasks().len(),
            n_fds,
            n_live_stacks: pool_stats().n_live,
            live_bytes: LIVE_BYTES.load(Ordering::Relaxed),
        }
    }
}

/// The most by which a loop's buffers may grow, because other sizes occur. A leak of one byte a turn would be twice as
/// much in a minute; and after the loop's end no byte may be left.
const SLACK_BYTES: isize = 32 * 1024;

fn seed() -> u64 {
    let given = env::var("SELVEDGE_SOAK_SEED").ok();
    given
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(0x5e1f_ed6e)
}

/// One loop's life: first more workers than afterwards, so that buffers which keep their largest size have reached it;
/// then the soak itself, between two counts.
fn soak(random: &Random, duration: Duration, minimum: u64) {
    let listeners: Vec<TcpListener> = (0..N_LISTENERS)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a listener"))
        .collect();
    let addresses = listeners
        .iter()
        .map(|listener| listener.local_addr().expect("an address"));
    let client = Client {
        random: random.clone(),
        servers: Rc::new(addresses.collect()),
        // Below the ports that a connection's own end gets, so that none ever connects to itself.
        closed: SocketAddr::from(([127, 0, 0, 1], 1)),
        n_turns: Rc::default(),
    };
    let server = Server {
        random: random.clone(),
        n_resets_seen: Rc::default(),
    };
    let acceptors: Vec<Task<()>> = listeners.into_iter().map(|l| server.listen(l)).collect();
    yield_now();

    let counters = (Rc::clone(&client.n_turns), Rc::clone(&server.n_resets_seen));
    let is_enough: Rc<dyn Fn() -> bool> = Rc::new(move || {
        let (n_turns, n_resets_seen) = &counters;
        n_turns
            .iter()
            .chain([&**n_resets_seen])
            .all(|n| n.get() >= minimum)
    });
    client.work(2 * N_WORKERS, duration / 4, &is_enough);
    // The counted part begins here.
    let n_turns = client.n_turns.iter().chain([&*server.n_resets_seen]);
    n_turns.for_each(|n| n.set(0));
    let before = Counts::now();
    client.work(N_WORKERS, duration, &is_enough);
    let after = Counts::now();

    for (kind, n_turns) in KINDS.iter().zip(&*client.n_turns) {
        say(&format!("{:>8} {kind:?}", n_turns.get()));
    }
    say(&format!(
        "{:>8} resets seen by a server",
        server.n_resets_seen.get()
    ));
    let more_bytes = after.live_bytes - before.live_bytes;
    assert!(more_bytes <= SLACK_BYTES, "{more_bytes} bytes more");
    let live_bytes = before.live_bytes;
    assert_eq!(
        Counts {
            live_bytes,
            ..after
        },
        before
    );
    for acceptor in acceptors {
        acceptor.cancel();
        assert!(acceptor.join().expect_err("cancelled").is_cancelled());
    }
}

/// Bypasses the harness, which would keep the text in memory that is counted here.
fn say(text: &str) {
    writeln!(io::stdout(), "{text}").expect("standard output");
}

fn on_a_thread(seed: u64, duration: Duration, minimum: u64) {
    let thread = thread::spawn(move || {
        let random = Random(Rc::new(Cell::new(seed)));
        run(|| soak(&random, duration, minimum));
        assert_eq!(pool_stats().n_live, 0);
    });
    thread
        .join()
        .unwrap_or_else(|payload| resume_unwind(payload));
}

#[test]
fn a_minute_of_random_traffic_leaks_nothing() {
    let (duration, minimum) = match (hang_guard::is_emulated(), cfg!(debug_assertions)) {
        (true, _) => (Duration::from_secs(3), 5),
        (false, true) => (Duration::from_secs(3), 50),
        (false, false) => (Duration::from_secs(60), 1_000),
    };
    let seed = seed();
    say(&format!(
        "SELVEDGE_SOAK_SEED={seed}, {} s",
        duration.as_secs()
    ));
    // A short life first, for memory that the process keeps. After the loop and the thread have ended, every byte must
    // be freed.
    on_a_thread(seed, duration / 10, 1);
    let before = Counts::now();
    on_a_thread(seed, duration, minimum);
    assert_eq!(Counts::now(), before);
}
