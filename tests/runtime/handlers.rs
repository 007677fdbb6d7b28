//! Callbacks that panic, and the exception handler: its context, the text of a report, and handlers that panic.

use std::cell::RefCell;
use std::rc::Rc;

use selvedge::event_loop::current_loop;
use selvedge::task::{TaskRef, current_task};
use selvedge::{EventLoop, Promise, sleep, spawn, spawn_named, yield_now};

use crate::play;
use crate::support::{
    A_SECOND, AN_HOUR, Log, Reports, event_loop, finished, hook_calls, sentence, shared, soon,
    stop, virtual_loop,
};

pub const SCENARIOS: &[(&str, fn())] = &[
    ("default_handler", default_handler),
    ("panicking_handler", panicking_handler),
    ("lost_task_panic", lost_task_panic),
    ("handles_outlive_their_loop", handles_outlive_their_loop),
];

/// A loop in debug mode, which records where each callback was made. Printing a panic's backtrace is slow, and not the
/// subject of these tests.
fn debug_loop() -> EventLoop {
    let builder = EventLoop::builder().debug(true);
    let builder = builder.slow_callback_duration(AN_HOUR);
    builder.build().expect("a loop")
}

#[test]
fn a_callback_that_panics_is_reported_and_the_loop_goes_on() {
    let (event_loop, log) = (event_loop(), Log::default());
    let reports = Reports::of(&event_loop);
    event_loop.call_soon(|| panic!("out of a callback"));
    event_loop.call_soon(log.pusher("the next callback"));
    event_loop.call_soon(stop);
    event_loop.run_forever().expect("stopped");
    assert_eq!(log.take(), ["the next callback"]);
    let report = reports.only();
    let exception = report.exception.expect("the panic");
    assert!(exception.is_panic() && !exception.is_cancelled());
    assert_eq!(exception.message().unwrap(), "out of a callback");
    assert!(
        report.message.split_whitespace().count() >= 2,
        "{}",
        report.message
    );
}

#[test]
fn a_timer_that_panics_is_reported_and_the_others_fire() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let reports = Reports::of(&event_loop);
    event_loop.call_later(A_SECOND, || panic!("out of a timer"));
    event_loop.call_later(A_SECOND, log.pusher("the next timer"));
    finished(event_loop.run_until_complete(|| sleep(2 * A_SECOND)));
    assert_eq!(log.take(), ["the next timer"]);
    let exception = reports.only().exception.expect("the panic");
    assert_eq!(exception.message().unwrap(), "out of a timer");
}

#[test]
fn the_panic_of_a_callback_calls_the_hook_once() {
    let event_loop = event_loop();
    let _reports = Reports::of(&event_loop);
    event_loop.call_soon(|| panic!("out of a callback"));
    event_loop.call_soon(stop);
    let calls = hook_calls(|| event_loop.run_forever().expect("stopped"));
    assert_eq!(calls, 1);
}

#[test]
fn a_report_reads_as_its_message_and_sorted_lines() {
    let event_loop = debug_loop();
    let reports = Reports::of(&event_loop);
    event_loop.call_soon(|| panic!("out of a callback"));
    event_loop.call_soon(stop);
    event_loop.run_forever().expect("stopped");
    let report = reports.only();
    let mut lines = report.text.lines();
    assert_eq!(lines.next(), Some(report.message.as_str()));
    let keys: Vec<&str> = lines
        .map(|line| line.split_once(": ").expect("a key and a value").0)
        .collect();
    assert!(keys.contains(&"exception"), "{}", report.text);
    assert!(keys.is_sorted(), "{}", report.text);
}

#[test]
fn a_panic_with_any_payload_is_reported() {
    let event_loop = event_loop();
    let reports = Reports::of(&event_loop);
    event_loop.call_soon(|| std::panic::panic_any(17_u64));
    event_loop.call_soon(stop);
    event_loop.run_forever().expect("stopped");
    let exception = reports.only().exception.expect("the panic");
    let payload = exception.into_panic().expect("a panic");
    assert_eq!(payload.downcast_ref(), Some(&17_u64));
}

#[test]
fn the_handler_can_be_replaced_and_reset_while_it_runs() {
    let event_loop = Rc::new(event_loop());
    let (log, inner) = (Log::default(), Rc::downgrade(&event_loop));
    let first = log.clone();
    event_loop.set_exception_handler(move |_| {
        first.push("first handler");
        let second = first.clone();
        inner
            .upgrade()
            .expect("the loop")
            .set_exception_handler(move |_| second.push("second handler"));
    });
    for _ in 0..3 {
        event_loop.call_soon(|| panic!("again"));
    }
    event_loop.call_soon(stop);
    event_loop.run_forever().expect("stopped");
    assert_eq!(
        log.take(),
        ["first handler", "second handler", "second handler"]
    );
}

#[test]
fn a_handler_may_use_the_loop() {
    let (event_loop, log) = (event_loop(), Log::default());
    let inside = log.clone();
    event_loop.set_exception_handler(move |_| {
        soon(inside.pusher("scheduled by the handler"));
        soon(stop);
    });
    event_loop.call_soon(|| panic!("once"));
    event_loop.run_forever().expect("stopped");
    assert_eq!(log.take(), ["scheduled by the handler"]);
}

#[test]
fn call_exception_handler_calls_the_handler_with_that_context() {
    let event_loop = Rc::new(event_loop());
    let (calls, again) = (shared(0), Rc::downgrade(&event_loop));
    let n_calls = Rc::clone(&calls);
    event_loop.set_exception_handler(move |context| {
        n_calls.set(n_calls.get() + 1);
        if n_calls.get() == 1 {
            again
                .upgrade()
                .expect("the loop")
                .call_exception_handler(context);
        }
    });
    event_loop.call_soon(|| panic!("once"));
    event_loop.call_soon(stop);
    event_loop.run_forever().expect("stopped");
    assert_eq!(calls.get(), 2);
}

#[test]
fn an_unretrieved_task_panic_names_its_task() {
    let event_loop = event_loop();
    let reports = Reports::of(&event_loop);
    finished(event_loop.run_until_complete(|| {
        drop(spawn_named("shuttle", || panic!("out of a task")));
        yield_now();
        yield_now();
    }));
    let report = reports.only();
    assert_eq!(report.subject.as_deref(), Some("shuttle"));
    let exception = report.exception.expect("the panic");
    assert_eq!(exception.message().unwrap(), "out of a task");
}

fn default_handler() {
    let event_loop = debug_loop();
    event_loop.call_soon(|| panic!("out of a callback"));
    event_loop.call_soon(stop);
    event_loop.run_forever().expect("stopped");
    let last = Rc::new(event_loop);
    let inner = Rc::downgrade(&last);
    last.set_exception_handler(move |context| {
        eprintln!("-- the handler passes it on");
        inner
            .upgrade()
            .expect("the loop")
            .default_exception_handler(context);
    });
    last.call_soon(|| panic!("out of another"));
    last.call_soon(stop);
    last.run_forever().expect("stopped");
    last.reset_exception_handler();
    last.call_soon(|| panic!("out of the last"));
    last.call_soon(stop);
    last.run_forever().expect("stopped");
}

#[test]
fn the_default_handler_writes_message_and_sorted_lines() {
    let ended = play("default_handler");
    ended.assert_exited(0);
    for panic in ["out of a callback", "out of another", "out of the last"] {
        let reported = ended
            .stderr
            .lines()
            .any(|said| said.starts_with("exception: ") && said.contains(panic));
        assert!(reported, "{panic:?}: {ended:#?}");
    }
    assert_eq!(
        ended.stderr.matches("-- the handler passes it on").count(),
        1
    );
}

fn panicking_handler() {
    let event_loop = event_loop();
    event_loop.set_exception_handler(|_| panic!("out of the handler"));
    event_loop.call_soon(|| panic!("out of a callback"));
    event_loop.call_soon(|| println!("the loop goes on"));
    event_loop.call_soon(stop);
    event_loop.run_forever().expect("stopped");
}

#[test]
fn a_panicking_handler_is_reported_along_with_its_context() {
    let ended = play("panicking_handler");
    ended.assert_exited(0);
    assert!(ended.stdout.contains("the loop goes on"), "{ended:#?}");
    ended.assert_reported(&["Unhandled error in exception handler"]);
    let after = ended
        .stderr
        .split("Unhandled error in exception handler")
        .nth(1)
        .expect("what follows");
    assert!(after.contains("out of the handler"), "{ended:#?}");
    assert!(after.contains("out of a callback"), "{ended:#?}");
}

fn lost_task_panic() {
    selvedge::run(|| {
        drop(spawn(|| panic!("unretrieved")));
        yield_now();
        yield_now();
        println!("main goes on");
    });
}

#[test]
fn an_unretrieved_panic_is_on_stderr_once_besides_the_hook() {
    let ended = play("lost_task_panic");
    ended.assert_exited(0);
    assert!(ended.stdout.contains("main goes on"), "{ended:#?}");
    let reports = ended
        .stderr
        .lines()
        .filter(|line| line.starts_with("exception: ") && line.contains("unretrieved"));
    assert_eq!(reports.count(), 1, "{ended:#?}");
}

fn handles_outlive_their_loop() {
    let kept = selvedge::run(|| {
        let task = spawn(|| Err::<(), &str>("of a task"));
        let promise = Promise::new();
        let set = promise.set_result(Err::<(), &str>("of a promise"));
        set.expect("it is pending");
        let handle = current_loop().unwrap().handle().unwrap();
        let remote = handle.spawn_threadsafe(|| -> () { panic!("of a remote task") });
        let remote = remote.map_err(drop).expect("an open loop");
        while !task.is_done() || !remote.is_done() {
            yield_now();
        }
        (task, promise, remote)
    });
    println!("the loop is gone");
    drop(kept);
}

#[test]
fn without_their_loop_handles_report_by_the_default_handler() {
    let ended = play("handles_outlive_their_loop");
    ended.assert_exited(0);
    for text in ["of a task", "of a promise", "of a remote task"] {
        let is_report = |line: &&str| line.starts_with("exception: ") && line.ends_with(text);
        assert_eq!(
            ended.stderr.lines().filter(is_report).count(),
            1,
            "{ended:#?}"
        );
    }
}

#[test]
fn a_handler_may_cancel_the_running_task() {
    let event_loop = event_loop();
    let target = Rc::new(RefCell::new(None::<TaskRef>));
    let to_cancel = Rc::clone(&target);
    event_loop.set_exception_handler(move |_| {
        assert!(to_cancel.borrow().as_ref().expect("a task").cancel());
    });
    let log = Log::default();
    let inside = log.clone();
    let outcome = event_loop.run_until_complete(move || {
        target.replace(current_task());
        let failed = spawn(|| panic!("torn"));
        yield_now();
        // The handler is called here, inside this task.
        drop(failed);
        inside.push("goes on");
        yield_now();
        inside.push("after the suspension");
    });
    assert!(outcome.expect_err("cancelled").is_cancelled());
    event_loop.call_soon(log.pusher("the loop goes on"));
    event_loop.call_soon(stop);
    event_loop.run_forever().expect("stopped");
    assert_eq!(log.take(), ["goes on", "the loop goes on"]);
}

#[test]
fn a_handler_has_no_task_and_cannot_wait_wherever_called() {
    let event_loop = event_loop();
    let log = Log::default();
    let inside = log.clone();
    event_loop.set_exception_handler(move |_| {
        assert!(current_task().is_none());
        sentence(yield_now);
        sentence(|| sleep(A_SECOND));
        inside.push("called");
    });
    finished(event_loop.run_until_complete(|| {
        let own = current_task().expect("a task").id();
        let failed = spawn(|| panic!("torn"));
        yield_now();
        drop(failed);
        assert_eq!(current_task().expect("still").id(), own);
        soon(|| panic!("out of a callback"));
        spawn(|| panic!("detached")).detach();
        yield_now();
        yield_now();
    }));
    assert_eq!(log.take(), ["called", "called", "called"]);
}
