//! Waiting for signals in tasks.

use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use selvedge::io::is_cancelled;
use selvedge::signal::{self, Listener, Signal};
use selvedge::task::current_task;
use selvedge::time::deadline;
use selvedge::{EventLoop, Promise, RunError, run, spawn, try_run, yield_now};

use crate::raising::{disposition, raise, send_when_asleep};
use crate::signals::assert_plays;
use crate::support::{Log, finished, soon};

pub const SCENARIOS: &[(&str, fn())] = &[
    ("listener_hears", listener_hears),
    ("listeners_share", listeners_share),
    ("listener_is_cancelled", listener_is_cancelled),
    ("waits_fail", waits_fail),
    ("listener_elsewhere", listener_elsewhere),
    ("wait_keeps_the_signal", wait_keeps_the_signal),
    ("waits_share", waits_share),
];

const SIGNAL: Signal = Signal::SIGUSR1;

fn listener_hears() {
    run(|| {
        let sender = send_when_asleep(&[SIGNAL]);
        let listener = Listener::new(SIGNAL).unwrap();
        assert_eq!(listener.signal(), SIGNAL);
        listener.wait().unwrap();
        sender.join().unwrap();
        assert!(!listener.take());
        // Signals that arrive without a waiter are not lost, and count as one.
        raise(SIGNAL);
        raise(SIGNAL);
        yield_now_and_poll();
        listener.wait().unwrap();
        assert!(!listener.take());
        raise(SIGNAL);
        yield_now_and_poll();
        assert!(listener.take());
        drop(listener);
        assert_eq!(disposition(SIGNAL), libc::SIG_DFL);
    });
}

/// The loop checks for signals once in a fixed number of iterations.
fn yield_now_and_poll() {
    for _ in 0..200 {
        yield_now();
    }
}

#[test]
fn a_listener_receives_every_signal() {
    assert_plays("listener_hears");
}

fn listeners_share() {
    run(|| {
        let log = Log::default();
        let listeners: Vec<_> = ["one", "two"]
            .into_iter()
            .map(|name| {
                let log = log.clone();
                spawn(move || {
                    let listener = Listener::new(SIGNAL).unwrap();
                    for _ in 0..2 {
                        listener.wait().unwrap();
                        log.push(name);
                    }
                })
            })
            .collect();
        let logs = log.clone();
        let event_loop = selvedge::event_loop::current_loop().unwrap();
        event_loop
            .add_signal_handler(SIGNAL, move || logs.push("handler"))
            .unwrap();
        for _ in 0..2 {
            yield_now_and_poll();
            raise(SIGNAL);
            yield_now_and_poll();
            let mut heard = log.take();
            heard.sort();
            assert_eq!(heard, ["handler", "one", "two"]);
        }
        for task in listeners {
            task.join().unwrap();
        }
        assert_ne!(
            disposition(SIGNAL),
            libc::SIG_DFL,
            "the callback still handles it"
        );
        event_loop.remove_signal_handler(SIGNAL).unwrap();
        assert_eq!(disposition(SIGNAL), libc::SIG_DFL);
    });
}

#[test]
fn listeners_and_a_handler_all_get_the_signal() {
    assert_plays("listeners_share");
}

fn listener_is_cancelled() {
    let outcome = try_run(|| {
        let listener = Rc::new(Listener::new(SIGNAL).unwrap());
        let theirs = listener.clone();
        let task = spawn(move || assert!(is_cancelled(&theirs.wait().unwrap_err())));
        yield_now();
        raise(SIGNAL);
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        // The signal is kept for the next waiter.
        listener.wait().unwrap();
        // A listener without a waiting task wakes no task.
        Promise::<()>::new().wait()
    });
    assert!(matches!(outcome, Err(RunError::Deadlock(_))), "{outcome:?}");
    assert_eq!(disposition(SIGNAL), libc::SIG_DFL);
}

#[test]
fn a_cancelled_wait_loses_nothing() {
    assert_plays("listener_is_cancelled");
}

fn waits_fail() {
    run(|| {
        let task = spawn(|| {
            let listener = Listener::new(SIGNAL).unwrap();
            let waits: [&dyn Fn() -> io::Result<()>; 2] =
                [&|| listener.wait(), &|| signal::wait(SIGNAL)];
            for wait in waits {
                let error = deadline(Duration::ZERO, wait).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::TimedOut);
            }
            raise(SIGNAL);
            yield_now_and_poll();
            assert!(current_task().unwrap().cancel());
            for wait in waits {
                wait().expect("the signal has arrived");
                assert!(is_cancelled(&wait().unwrap_err()));
            }
        });
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_cancel_and_a_deadline_end_waits_by_an_error() {
    assert_plays("waits_fail");
}

fn listener_elsewhere() {
    let error = Listener::new(SIGNAL).unwrap_err();
    assert!(error.to_string().contains("no event loop"), "{error}");
    let first = EventLoop::new().unwrap();
    let listener = Rc::new(finished(
        first.run_until_complete(|| Listener::new(SIGNAL).unwrap()),
    ));
    let theirs = listener.clone();
    finished(EventLoop::new().unwrap().run_until_complete(move || {
        let error = theirs.wait().unwrap_err();
        assert!(error.to_string().contains("another event loop"), "{error}");
    }));
    let theirs = listener.clone();
    finished(first.run_until_complete(move || {
        let promise = Promise::new();
        let told = promise.clone();
        soon(move || {
            told.set_result(theirs.wait().unwrap_err().to_string())
                .unwrap()
        });
        assert!(promise.wait().unwrap().contains("callback"));
    }));
    first.close().unwrap();
    assert_eq!(disposition(SIGNAL), libc::SIG_DFL);
    drop(listener);
    assert_eq!(disposition(SIGNAL), libc::SIG_DFL);
}

#[test]
fn a_listener_belongs_to_its_loop() {
    assert_plays("listener_elsewhere");
}

fn wait_keeps_the_signal() {
    run(|| {
        let sender = send_when_asleep(&[SIGNAL]);
        signal::wait(SIGNAL).unwrap();
        sender.join().unwrap();
        // The default action would end the process.
        raise(SIGNAL);
        raise(SIGNAL);
        yield_now_and_poll();
        // They count as one, which the next wait gets.
        signal::wait(SIGNAL).unwrap();
        let next = spawn(|| signal::wait(SIGNAL));
        yield_now_and_poll();
        assert!(!next.is_done());
        next.cancel();
        assert!(next.join().unwrap_err().is_cancelled());
        // A cancelled wait does not give the signal back, and neither does a listener beside it.
        drop(Listener::new(SIGNAL).unwrap());
        raise(SIGNAL);
        yield_now_and_poll();
        signal::wait(SIGNAL).unwrap();
    });
    assert_eq!(disposition(SIGNAL), libc::SIG_DFL);
}

#[test]
fn a_signal_that_was_waited_for_stays_handled_by_the_loop() {
    assert_plays("wait_keeps_the_signal");
}

fn waits_share() {
    run(|| {
        let waits = [(); 3].map(|()| spawn(|| signal::wait(SIGNAL)));
        yield_now_and_poll();
        raise(SIGNAL);
        for wait in waits {
            wait.join().unwrap().unwrap();
        }
        let later = spawn(|| signal::wait(SIGNAL));
        yield_now_and_poll();
        assert!(!later.is_done());
        raise(SIGNAL);
        later.join().unwrap().unwrap();
    });
}

#[test]
fn all_tasks_that_wait_for_a_signal_get_it() {
    assert_plays("waits_share");
}
