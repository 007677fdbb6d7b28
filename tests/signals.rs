//! The stack pointer is a valid stack at every instruction: a timer signal may arrive anywhere in a switch.
//!
//! A test binary of its own, since the timer and the handler belong to the process.

#![allow(unsafe_code)]

#[path = "support/hang_guard.rs"]
mod hang_guard;

use std::ffi::c_int;
use std::hint::black_box;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use selvedge::coroutine::on_stack;
use selvedge::{Coroutine, CoroutineState, Yielder};

const PERIOD_MICROSECONDS: libc::suseconds_t = 100;

/// The timer belongs to the process, so one test runs at a time.
static TIMER: Mutex<()> = Mutex::new(());

/// The thread that switches. The kernel likes to give a process's signals to the main thread, which only waits.
static TARGET: AtomicUsize = AtomicUsize::new(0);
static TARGETED: AtomicBool = AtomicBool::new(false);
static N_HITS: AtomicUsize = AtomicUsize::new(0);

/// Forwards the signal to the thread that switches; on that thread, uses a few kilobytes of the current stack.
extern "C" fn handle(signal: c_int) {
    if !TARGETED.load(Ordering::SeqCst) {
        return;
    }
    let target = TARGET.load(Ordering::SeqCst) as libc::pthread_t;
    // SAFETY: both calls are async-signal-safe, and the target lives for as long as it is TARGETED.
    if unsafe { libc::pthread_equal(libc::pthread_self(), target) } == 0 {
        // SAFETY: as above.
        unsafe { libc::pthread_kill(target, signal) };
        return;
    }
    let scribble = black_box([0xa5u8; 4096]);
    N_HITS.fetch_add(
        usize::from(black_box(scribble)[4095] == 0xa5),
        Ordering::Relaxed,
    );
}

fn set_period(microseconds: libc::suseconds_t) {
    let period = libc::timeval {
        tv_sec: 0,
        tv_usec: microseconds,
    };
    let timer = libc::itimerval {
        it_interval: period,
        it_value: period,
    };
    // SAFETY: a timer from values on this stack.
    let set = unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, ptr::null_mut()) };
    assert_eq!(set, 0);
}

/// Runs `f` on this thread under ten thousand SIGALRMs a second, and again until at least a hundred have hit it.
fn under_fire(mut f: impl FnMut()) {
    let _one_at_a_time = TIMER.lock().expect("no test panics with the timer held");
    // SAFETY: zeroed is a valid sigaction; the handler keeps to what signals may do and, having no SA_ONSTACK, runs on
    // the stack that it interrupts.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handle as extern "C" fn(c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGALRM, &action, ptr::null_mut()), 0);
        TARGET.store(libc::pthread_self() as usize, Ordering::SeqCst);
    }
    TARGETED.store(true, Ordering::SeqCst);
    let before = N_HITS.load(Ordering::Relaxed);
    set_period(PERIOD_MICROSECONDS);
    f();
    while N_HITS.load(Ordering::Relaxed) - before < 100 {
        f();
    }
    set_period(0);
    TARGETED.store(false, Ordering::SeqCst);
}

/// Switches to make: a round trip is two.
fn n_switches() -> u64 {
    match (hang_guard::is_emulated(), cfg!(debug_assertions)) {
        (true, _) => 100_000,
        (false, true) => 2_000_000,
        (false, false) => 100_000_000,
    }
}

#[test]
fn word_sized_values_survive_signals_in_every_switch() {
    under_fire(|| {
        let mut coroutine: Coroutine<u64, u64, ()> =
            Coroutine::new(|yielder: &Yielder<u64, u64>, first: u64| {
                let mut value = first;
                loop {
                    value = yielder.suspend(value.wrapping_mul(3));
                }
            });
        for value in 0..n_switches() / 2 {
            let CoroutineState::Yielded(tripled) = coroutine.send(value) else {
                panic!("it never ends")
            };
            assert_eq!(tripled, value.wrapping_mul(3));
        }
    });
}

#[test]
fn large_values_and_floats_survive_signals_in_every_switch() {
    type Large = ([u64; 32], f64);
    under_fire(|| {
        let mut coroutine: Coroutine<Large, Large, ()> =
            Coroutine::new(|yielder: &Yielder<Large, Large>, first| {
                let (mut value, mut factor) = (first, 0.5);
                loop {
                    value.1 *= black_box(factor);
                    value = yielder.suspend(value);
                    factor = 0.25;
                }
            });
        let mut factor = 0.5;
        for seed in 0..n_switches() / 20 {
            let words: [u64; 32] = std::array::from_fn(|index| seed ^ index as u64);
            let CoroutineState::Yielded((back, product)) = coroutine.send((words, seed as f64))
            else {
                panic!("it never ends")
            };
            assert_eq!((back, product), (words, seed as f64 * factor));
            factor = 0.25;
        }
    });
}

#[test]
fn creating_unwinding_nesting_and_other_stacks_survive_signals() {
    let n_rounds = if hang_guard::is_emulated() {
        200
    } else {
        20_000
    };
    under_fire(|| {
        for round in 0..n_rounds {
            let mut outer = Coroutine::new(move |yielder: &Yielder<(), u32>, ()| {
                let mut inner = Coroutine::new(|yielder: &Yielder<u32, u32>, first: u32| {
                    let second = yielder.suspend(first + 1);
                    on_stack(32 * 1024, || second + 1)
                });
                let from_inner = inner.send(round).unwrap_yielded();
                yielder.suspend(from_inner);
                inner.send(from_inner).unwrap_complete()
            });
            assert_eq!(outer.resume(), CoroutineState::Yielded(round + 1));
            match round % 3 {
                0 => drop(outer),
                1 => assert_eq!(outer.resume(), CoroutineState::Complete(round + 2)),
                _ => assert_eq!(outer.close().expect("it unwinds"), None),
            }
        }
    });
}
