//! Signal handlers of a loop: they are ordinary callbacks, and their removal restores the former action. Each scenario
//! has a process of its own, because signals belong to the process.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use selvedge::event_loop::current_loop;
use selvedge::signal::Signal;
use selvedge::task::current_task;
use selvedge::{EventLoop, Promise, run, sleep, spawn, to_thread, try_run, yield_now};

use crate::gates::Gate;
use crate::play;
use crate::raising::{disposition, raise, send_when_asleep, set_disposition};
use crate::support::{
    AN_HOUR, Log, Reports, event_loop, finished, thread_number, wait_until_asleep,
};

pub const SCENARIOS: &[(&str, fn())] = &[
    ("handler_is_a_callback", handler_is_a_callback),
    ("previous_handler_returns", previous_handler_returns),
    ("previous_default_returns", previous_default_returns),
    ("close_restores", close_restores),
    ("handler_replaced", handler_replaced),
    ("sleeping_loop_is_woken", sleeping_loop_is_woken),
    ("two_loops", two_loops),
    ("many_loops", many_loops),
    ("child_of_a_fork", child_of_a_fork),
    ("blocking_calls_go_on", blocking_calls_go_on),
];

/// Plays a scenario that must end by itself without a failed assertion.
#[track_caller]
pub fn assert_plays(scenario: &str) {
    play(scenario).assert_exited(0);
}

fn handler_is_a_callback() {
    let event_loop = event_loop();
    let reports = Reports::of(&event_loop);
    let log = Log::default();
    let (logs, tasks) = (log.clone(), log.clone());
    let local = event_loop.local();
    event_loop
        .add_signal_handler(Signal::SIGUSR1, move || {
            assert!(current_task().is_none() && current_loop().is_some());
            logs.push("handler");
            let tasks = tasks.clone();
            spawn(move || {
                yield_now();
                tasks.push("task of the handler");
            })
            .detach();
            local.stop().unwrap();
            panic!("a callback may panic");
        })
        .unwrap();
    let logs = log.clone();
    event_loop.call_soon(move || {
        raise(Signal::SIGUSR1);
        logs.push("raised");
    });
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), ["raised", "handler"]);
    assert_eq!(
        reports.only().exception.unwrap().message().unwrap(),
        "a callback may panic"
    );
    // The loop stays usable: the task goes on, and the signal is handled again.
    raise(Signal::SIGUSR1);
    event_loop.run_forever().unwrap();
    assert!(log.take().contains(&"handler".to_owned()));
}

#[test]
fn a_handler_is_an_ordinary_callback() {
    assert_plays("handler_is_a_callback");
}

static N_CALLS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: libc::c_int) {
    N_CALLS.fetch_add(1, SeqCst);
}

fn previous_handler_returns() {
    let signal = Signal::SIGUSR2;
    let ours = count as *const () as usize;
    for before in [ours, libc::SIG_IGN] {
        set_disposition(signal, before);
        let event_loop = event_loop();
        event_loop.add_signal_handler(signal, || ()).unwrap();
        assert_ne!(disposition(signal), before);
        raise(signal);
        assert_eq!(N_CALLS.load(SeqCst), 0, "the loop handles it now");
        assert!(event_loop.remove_signal_handler(signal));
        assert!(
            !event_loop.remove_signal_handler(signal),
            "the handler is removed"
        );
        assert_eq!(disposition(signal), before);
    }
    set_disposition(signal, ours);
    raise(signal);
    assert_eq!(N_CALLS.load(SeqCst), 1);
}

fn previous_default_returns() {
    let event_loop = event_loop();
    event_loop
        .add_signal_handler(Signal::SIGTERM, || ())
        .unwrap();
    raise(Signal::SIGTERM);
    event_loop.remove_signal_handler(Signal::SIGTERM);
    eprintln!("still alive");
    raise(Signal::SIGTERM);
}

#[test]
fn removal_restores_the_former_handler() {
    assert_plays("previous_handler_returns");
    let ended = play("previous_default_returns");
    ended.assert_killed_by(libc::SIGTERM);
    ended.assert_reported(&["still alive"]);
}

fn close_restores() {
    let signal = Signal::SIGHUP;
    let event_loop = event_loop();
    event_loop.add_signal_handler(signal, || ()).unwrap();
    let local = event_loop.local();
    event_loop.close().unwrap();
    assert_eq!(disposition(signal), libc::SIG_DFL);
    let error = event_loop.add_signal_handler(signal, || ()).unwrap_err();
    assert!(error.to_string().contains("closed"), "{error}");
    assert!(local.add_signal_handler(signal, || ()).is_err());
    assert!(local.remove_signal_handler(signal).is_err());
    assert_eq!(disposition(signal), libc::SIG_DFL);
    run(|| {
        current_loop()
            .unwrap()
            .add_signal_handler(signal, || ())
            .unwrap();
        assert_ne!(disposition(signal), libc::SIG_DFL);
    });
    assert_eq!(disposition(signal), libc::SIG_DFL);
    // Another library's handler that was installed after ours stays.
    let event_loop = EventLoop::new().unwrap();
    event_loop.add_signal_handler(signal, || ()).unwrap();
    set_disposition(signal, libc::SIG_IGN);
    event_loop.close().unwrap();
    assert_eq!(disposition(signal), libc::SIG_IGN);
}

#[test]
fn closing_restores_the_former_handler() {
    assert_plays("close_restores");
}

fn handler_replaced() {
    let event_loop = event_loop();
    let log = Log::default();
    let logs = log.clone();
    event_loop
        .add_signal_handler(10, move || logs.push("first"))
        .unwrap();
    let (logs, local) = (log.clone(), event_loop.local());
    event_loop
        .add_signal_handler(10, move || {
            logs.push("second");
            // A handler may remove itself.
            assert!(local.remove_signal_handler(10).unwrap());
            local.stop().unwrap();
        })
        .unwrap();
    raise(10.into());
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), ["second"]);
    assert_eq!(disposition(10.into()), libc::SIG_DFL);
    // A handler that is removed while its call is pending is not called.
    let (logs, local) = (log.clone(), event_loop.local());
    event_loop
        .add_signal_handler(10, move || logs.push("late"))
        .unwrap();
    raise(10.into());
    finished(event_loop.run_until_complete(move || {
        local.remove_signal_handler(10).unwrap();
        yield_now();
        yield_now();
    }));
    assert!(log.take().is_empty());
}

#[test]
fn a_handler_replaces_the_one_before() {
    assert_plays("handler_replaced");
}

fn sleeping_loop_is_woken() {
    let event_loop = event_loop();
    let promise = event_loop.create_promise();
    let told = promise.clone();
    event_loop
        .add_signal_handler(Signal::SIGUSR1, move || told.set_result("woken").unwrap())
        .unwrap();
    // Only the signal can happen; that is no deadlock.
    let sender = send_when_asleep(&[Signal::SIGUSR1]);
    assert_eq!(event_loop.run_until_complete(promise).unwrap(), "woken");
    sender.join().unwrap();
    // Without the handler nothing can happen any more.
    event_loop.remove_signal_handler(Signal::SIGUSR1);
    let never = event_loop.create_promise::<()>();
    assert!(event_loop.run_until_complete(never).is_err());
    // The same with a virtual clock, and while the loop sleeps for a job.
    let builder = EventLoop::builder().virtual_clock(true);
    builder.run(|| {
        let gate = Gate::default();
        let opener = gate.clone();
        let event_loop = current_loop().unwrap();
        let handler = move || opener.open();
        event_loop
            .add_signal_handler(Signal::SIGUSR1, handler)
            .unwrap();
        let sender = send_when_asleep(&[Signal::SIGUSR1]);
        to_thread(move || gate.pass()).unwrap();
        sender.join().unwrap();
    });
}

#[test]
fn a_signal_wakes_a_sleeping_loop_and_prevents_a_deadlock() {
    assert_plays("sleeping_loop_is_woken");
}

fn two_loops() {
    let (ready, go) = (Gate::default(), Gate::default());
    let loops = [0, 1].map(|_| {
        let (ready, go) = (ready.clone(), go.clone());
        thread::spawn(move || {
            let event_loop = event_loop();
            let local = event_loop.local();
            event_loop
                .add_signal_handler(Signal::SIGUSR1, move || local.stop().unwrap())
                .unwrap();
            ready.open();
            ready.pass();
            go.pass();
            event_loop.run_forever().unwrap();
        })
    });
    while ready.n_waiting() < 2 {
        thread::yield_now();
    }
    raise(Signal::SIGUSR1);
    go.open();
    for thread in loops {
        thread.join().unwrap();
    }
    assert_eq!(disposition(Signal::SIGUSR1), libc::SIG_DFL);
}

#[test]
fn several_loops_may_handle_a_signal() {
    assert_plays("two_loops");
}

fn many_loops() {
    let loops: Vec<_> = (0..64).map(|_| event_loop()).collect();
    for event_loop in &loops {
        event_loop
            .add_signal_handler(Signal::SIGUSR1, || ())
            .unwrap();
    }
    let one_more = event_loop();
    let error = one_more
        .add_signal_handler(Signal::SIGUSR1, || ())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
    drop(loops);
    one_more.add_signal_handler(Signal::SIGUSR1, || ()).unwrap();
    drop(one_more);
    assert_eq!(disposition(Signal::SIGUSR1), libc::SIG_DFL);
}

#[test]
fn sixty_four_loops_may_have_handlers() {
    assert_plays("many_loops");
}

fn child_of_a_fork() {
    let event_loop = event_loop();
    let log = Log::default();
    let (logs, local) = (log.clone(), event_loop.local());
    event_loop
        .add_signal_handler(Signal::SIGUSR1, move || {
            logs.push("parent");
            local.stop().unwrap();
        })
        .unwrap();
    // SAFETY: the child has one thread that matters and ends by a signal.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let error = event_loop
            .add_signal_handler(Signal::SIGUSR2, || ())
            .unwrap_err();
        assert!(error.to_string().contains("fork"), "{error}");
        // The child may install handlers of its own.
        let own = EventLoop::new().unwrap();
        let local = own.local();
        let handler = move || local.stop().unwrap();
        own.add_signal_handler(Signal::SIGUSR2, handler).unwrap();
        raise(Signal::SIGUSR2);
        own.run_forever().unwrap();
        // The child has no handler for this signal: its former action applies.
        raise(Signal::SIGUSR1);
        std::process::exit(1);
    }
    let mut status = 0;
    // SAFETY: waits for a child of this process.
    unsafe { libc::waitpid(pid, &mut status, 0) };
    assert!(libc::WIFSIGNALED(status), "{status}");
    assert_eq!(libc::WTERMSIG(status), libc::SIGUSR1);
    raise(Signal::SIGUSR1);
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), ["parent"]);
}

#[test]
fn a_forked_child_handles_its_own_signals() {
    assert_plays("child_of_a_fork");
}

/// A call that blocks the loop's thread is not interrupted by a signal that the loop handles.
fn blocking_calls_go_on() {
    let event_loop = event_loop();
    let has_come = event_loop.create_promise::<()>();
    let it = has_come.clone();
    event_loop
        .add_signal_handler(Signal::SIGUSR1, move || it.set_result(()).unwrap())
        .unwrap();
    let (mut reader, mut writer) = io::pipe().unwrap();
    let sender = send_when_asleep(&[Signal::SIGUSR1]);
    let number = thread_number();
    let feeder = thread::spawn(move || {
        sender.join().unwrap();
        wait_until_asleep(number);
        io::Write::write_all(&mut writer, b"x").unwrap();
    });
    // One call, not a loop, which would hide an error.
    assert_eq!(io::Read::read(&mut reader, &mut [0; 8]).unwrap(), 1);
    feeder.join().unwrap();
    // The system may have chosen another thread to run the handler, so the handler must stay installed until it has
    // run.
    event_loop.run_until_complete(has_come).unwrap();
}

#[test]
fn calls_that_block_the_thread_are_not_interrupted() {
    assert_plays("blocking_calls_go_on");
}

#[test]
fn signals_that_cannot_be_handled_are_refused_with_a_sentence() {
    let event_loop = event_loop();
    let faults = [
        Signal::SIGSEGV,
        Signal::SIGBUS,
        Signal::SIGILL,
        Signal::SIGFPE,
    ];
    let others = [
        Signal::SIGKILL,
        Signal::SIGSTOP,
        0.into(),
        (-1).into(),
        65.into(),
        4096.into(),
    ];
    for signal in faults.into_iter().chain(others) {
        let error = event_loop.add_signal_handler(signal, || ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{signal}");
        crate::support::assert_sentence(&error.to_string());
        assert!(!event_loop.remove_signal_handler(signal));
    }
    let outcome = try_run(|| {
        spawn(|| sleep(AN_HOUR)).detach();
        Promise::<()>::new().cancel()
    });
    assert!(outcome.unwrap());
}
