//! `run` and Ctrl-C on the main thread: the first interrupt cancels the main task, the second ends the process.
//!
//! Without the test harness, whose tests never run on the main thread: each scenario is a child's whole `main`.

#![allow(unsafe_code)]

#[path = "support/hang_guard.rs"]
mod hang_guard;
#[path = "executor/raising.rs"]
mod raising;
#[path = "support/mod.rs"]
mod support;

use std::thread;

use selvedge::event_loop::current_loop;
use selvedge::signal::Signal;
use selvedge::task::catch_cancelled;
use selvedge::{EventLoop, Promise, RunError, run, sleep, spawn, try_run, yield_now};

use raising::{disposition, raise, send_when_asleep, set_disposition};
use support::child::{self, Ended};
use support::{AN_HOUR, Log};

type Check = fn(&Ended);

/// The scenarios, each played by a child, with how that child must end.
const SCENARIOS: &[(&str, fn(), Check)] = &[
    ("the_first_cancels_main", first_cancels, assert_held),
    (
        "run_unwinds_main_in_silence_and_ends_by_the_signal",
        run_is_interrupted,
        |ended| {
            ended.assert_killed_by(libc::SIGINT);
            assert_eq!(ended.stderr, "");
            let order = "main task, task, main, and half a line";
            assert!(ended.stdout.ends_with(order), "{ended:?}");
        },
    ),
    (
        "a_blocked_interrupt_ends_run_with_130",
        blocked_after_the_run,
        |ended| {
            ended.assert_exited(130);
            assert_eq!(ended.stderr, "");
        },
    ),
    ("main_may_catch_the_cancel_and_return", caught, assert_held),
    (
        "the_second_interrupt_ends_the_process",
        second_ends,
        assert_ended_by_the_second,
    ),
    (
        "the_second_interrupt_ends_a_busy_main",
        second_ends_a_busy_main,
        assert_ended_by_the_second,
    ),
    (
        "an_ignored_signal_stays_ignored",
        ignored_stays,
        assert_held,
    ),
    (
        "a_handler_of_the_program_is_kept",
        own_handler_stays,
        assert_held,
    ),
    (
        "a_handler_of_the_loop_takes_precedence",
        loop_handler_goes_first,
        assert_held,
    ),
    (
        "the_interrupt_handling_can_be_disabled",
        switched_off,
        |ended| {
            ended.assert_killed_by(libc::SIGINT);
            ended.assert_reported(&["it runs"]);
        },
    ),
    (
        "loops_of_other_threads_leave_it_alone",
        other_threads,
        assert_held,
    ),
    (
        "a_deadlock_is_still_told",
        deadlock_is_still_told,
        assert_held,
    ),
];

fn assert_held(ended: &Ended) {
    ended.assert_exited(0);
}

fn assert_ended_by_the_second(ended: &Ended) {
    ended.assert_killed_by(libc::SIGINT);
    ended.assert_reported(&["main goes on"]);
    assert!(!ended.stderr.contains("and on"), "{ended:?}");
}

fn main() {
    let plays: Vec<_> = SCENARIOS
        .iter()
        .map(|scenario| (scenario.0, scenario.1))
        .collect();
    if child::play(&plays) {
        return;
    }
    for (name, _, check) in SCENARIOS {
        print!("test {name} ... ");
        check(&child::finish(&mut child::main_command(name)));
        println!("ok");
    }
}

const INTERRUPT: Signal = Signal::SIGINT;

/// Asserts that the interrupt cancelled the main task, and that the run has given the signal back.
#[track_caller]
fn assert_cancelled(outcome: &Result<(), RunError>) {
    assert!(
        matches!(outcome, Err(RunError::Cancelled(_))),
        "{outcome:?}"
    );
    assert_eq!(disposition(INTERRUPT), libc::SIG_DFL);
}

fn first_cancels() {
    let (log, mut sender) = (Log::default(), None);
    let outcome = try_run(|| {
        let other = log.clone();
        spawn(move || {
            let _guard = other.guard("other task unwound");
            sleep(AN_HOUR);
        })
        .detach();
        let _guard = log.guard("main unwound");
        yield_now();
        // Only once the other task has begun.
        sender = Some(send_when_asleep(&[INTERRUPT]));
        sleep(AN_HOUR);
    });
    let Err(RunError::Cancelled(cancelled)) = &outcome else {
        panic!("{outcome:?}");
    };
    let message = cancelled.message().expect("a message");
    assert!(message.contains("SIGINT"), "{message}");
    assert_eq!(log.take(), ["main unwound", "other task unwound"]);
    sender.expect("it was started").join().unwrap();
    // The same in the next run.
    let outcome = try_run(|| {
        raise(INTERRUPT);
        sleep(AN_HOUR);
    });
    assert_cancelled(&outcome);
    // The same after a run without an interrupt.
    run(|| assert_ne!(disposition(INTERRUPT), libc::SIG_DFL));
    assert_eq!(disposition(INTERRUPT), libc::SIG_DFL);
}

/// Prints when it is dropped.
struct Says(&'static str);

impl Drop for Says {
    fn drop(&mut self) {
        print!("{}", self.0);
    }
}

fn run_is_interrupted() {
    let _main = Says("main, and half a line");
    run(|| {
        let _main_task = Says("main task, ");
        spawn(|| {
            let _task = Says("task, ");
            sleep(AN_HOUR);
        })
        .detach();
        yield_now();
        raise(INTERRUPT);
        sleep(AN_HOUR);
    });
}

fn blocked_after_the_run() {
    /// Blocks the signal while the caller of `run` is unwound.
    struct Blocks;
    impl Drop for Blocks {
        fn drop(&mut self) {
            // SAFETY: an empty set is initialised before the signal is added; the mask is this thread's.
            unsafe {
                let mut set = std::mem::zeroed();
                libc::sigemptyset(&mut set);
                libc::sigaddset(&mut set, libc::SIGINT);
                libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
            }
        }
    }
    let _blocks = Blocks;
    run(|| {
        raise(INTERRUPT);
        sleep(AN_HOUR);
    });
}

fn caught() {
    let text = try_run(|| {
        raise(INTERRUPT);
        let error = catch_cancelled(|| sleep(AN_HOUR)).unwrap_err();
        yield_now();
        error.message().unwrap().to_owned()
    });
    assert!(text.unwrap().contains("SIGINT"));
}

fn second_ends() {
    let _ = try_run(|| {
        raise(INTERRUPT);
        let _ = catch_cancelled(|| sleep(AN_HOUR));
        eprintln!("main goes on");
        raise(INTERRUPT);
        eprintln!("and on");
    });
}

fn second_ends_a_busy_main() {
    let _ = try_run(|| {
        // The loop never sees the first interrupt.
        raise(INTERRUPT);
        eprintln!("main goes on");
        raise(INTERRUPT);
        eprintln!("and on");
    });
}

fn ignored_stays() {
    set_disposition(INTERRUPT, libc::SIG_IGN);
    let value = try_run(|| {
        assert_eq!(disposition(INTERRUPT), libc::SIG_IGN);
        raise(INTERRUPT);
        yield_now();
        6
    });
    assert_eq!(value.unwrap(), 6);
    assert_eq!(disposition(INTERRUPT), libc::SIG_IGN);
}

extern "C" fn nothing(_: libc::c_int) {}

fn own_handler_stays() {
    let ours = nothing as *const () as usize;
    set_disposition(INTERRUPT, ours);
    run(|| {
        assert_eq!(disposition(INTERRUPT), ours);
        raise(INTERRUPT);
        yield_now();
    });
    assert_eq!(disposition(INTERRUPT), ours);
}

fn loop_handler_goes_first() {
    let outcome = try_run(|| {
        let event_loop = current_loop().unwrap();
        let promise = Promise::new();
        let told = promise.clone();
        let handler = move || {
            told.set_result(()).ok();
        };
        event_loop.add_signal_handler(INTERRUPT, handler).unwrap();
        raise(INTERRUPT);
        promise.wait().expect("main is not cancelled");
        // The handler gets every interrupt, not only the first.
        raise(INTERRUPT);
        raise(INTERRUPT);
        yield_now();
        assert!(event_loop.remove_signal_handler(INTERRUPT).unwrap());
        raise(INTERRUPT);
        sleep(AN_HOUR);
    });
    assert_cancelled(&outcome);
}

fn switched_off() {
    EventLoop::builder().cancel_on_interrupt(false).run(|| {
        eprintln!("it runs");
        raise(INTERRUPT);
        sleep(AN_HOUR);
    });
}

/// Only the main thread handles interrupts, as in asyncio: a loop on another thread leaves them alone.
fn other_threads() {
    let elsewhere = thread::spawn(|| run(|| disposition(INTERRUPT)));
    assert_eq!(elsewhere.join().unwrap(), libc::SIG_DFL);
    // A loop on another thread may handle the interrupt as well; then main is not cancelled.
    let outcome = try_run(|| {
        let elsewhere = thread::spawn(|| {
            run(|| {
                let promise = Promise::new();
                let told = promise.clone();
                let handler = move || told.set_result("handled").unwrap();
                current_loop()
                    .unwrap()
                    .add_signal_handler(INTERRUPT, handler)
                    .unwrap();
                raise(INTERRUPT);
                promise.wait().unwrap()
            })
        });
        let handled = elsewhere.join().unwrap();
        yield_now();
        handled
    });
    assert_eq!(outcome.unwrap(), "handled");
    assert_eq!(disposition(INTERRUPT), libc::SIG_DFL);
}

/// The possibility of an interrupt does not prevent the report of a deadlock.
fn deadlock_is_still_told() {
    let outcome = try_run(|| Promise::<()>::new().wait());
    assert!(matches!(outcome, Err(RunError::Deadlock(_))), "{outcome:?}");
}
