//! Callbacks, exception handlers, signal handlers, and the texts of errors.

use std::panic::panic_any;
use std::time::{Duration, Instant};

use selvedge::event_loop::{ExceptionContext, current_loop};
use selvedge::task::{catch_cancelled, spawn_eager};
use selvedge::{EventLoop, Promise, scope, sleep, spawn, spawn_fallible, yield_now};

use super::strikes::{IN_DISPLAY, IN_DROP, Strikes};
use super::{ignore, later, places, strike};
use crate::support::{A_SECOND, soon};

fn handle_with(f: impl Fn() + 'static) {
    let local = current_loop().expect("a loop");
    local.set_exception_handler(move |_| f()).expect("open");
}

/// Fails a task whose error no code retrieves, so that the handler is called.
fn fail() {
    spawn(|| panic!("torn")).detach();
    yield_now();
    yield_now();
}

places! {
    "a callback" => || { soon(strike); yield_now(); yield_now(); },
    "a timer's callback" => || {
        let local = current_loop().expect("a loop");
        local.call_later(A_SECOND, strike).expect("open");
        sleep(2 * A_SECOND);
    },
    "a callback of a promise" => || {
        let promise = Promise::<()>::new();
        promise.add_done_callback(|_| strike());
        ignore(promise.set_result(()));
        sleep(A_SECOND);
    },
    "a callback of a task" => || {
        spawn(|| ()).add_done_callback(|_| strike());
        sleep(A_SECOND);
    },
    "a callback of a task that is done" => || {
        let task = spawn(|| ());
        yield_now();
        task.add_done_callback(|_| strike());
        sleep(A_SECOND);
    },
    "a message of another thread" => || {
        let handle = current_loop().expect("a loop").handle().expect("open");
        drop(handle.call_soon_threadsafe(strike));
        sleep(A_SECOND);
        (0..200).for_each(|_| yield_now());
    },
    "an exception handler" => || { handle_with(strike); fail(); },
    "an exception handler for a promise" => || {
        handle_with(strike);
        drop(Promise::<()>::new().set_exception("never retrieved"));
    },
    "an exception handler for a race" => || {
        handle_with(strike);
        let loser = || { let _ = catch_cancelled(|| sleep(A_SECOND)); panic!("torn") };
        drop(selvedge::race::<[Box<dyn FnOnce()>; 2]>([Box::new(yield_now), Box::new(loser)]));
    },
    "an exception handler for an unwound scope" => || {
        handle_with(strike);
        let _ = std::panic::catch_unwind(|| drop(scope(|s| {
            s.spawn(|| {
                let _ = catch_cancelled(|| sleep(9 * A_SECOND));
                panic!("torn");
            });
            yield_now();
            panic!("too");
        })));
    },
    "an exception handler that is called by the program" => || {
        handle_with(strike);
        let local = current_loop().expect("a loop");
        local.call_exception_handler(&ExceptionContext::new("called")).expect("open");
    },
    "an exception handler of a closing loop" => || {
        let other = EventLoop::new().expect("a loop");
        other.set_exception_handler(|_| strike());
        other.create_task(|| ()).detach();
        drop(other);
    },
    "an exception handler for a slow task" => || {
        handle_with(strike);
        let local = current_loop().expect("a loop");
        local.set_debug(true).expect("open");
        sleep(A_SECOND);
        let is_slow = |start: Instant| start.elapsed() < Duration::from_millis(101);
        spawn(move || {
            let start = Instant::now();
            while is_slow(start) {}
        })
        .detach();
        sleep(A_SECOND);
        local.set_debug(false).expect("open");
    },
    "an exception handler while its own panic is reported" => || {
        handle_with(|| { let it: Strikes<IN_DROP> = Strikes; panic_any(it) });
        fail();
    },
    "the text of an error that the default handler prints" => || {
        let other = EventLoop::new().expect("a loop");
        let error = spawn_fallible(|| Err::<(), Strikes<IN_DISPLAY>>(Strikes)).join();
        let context = ExceptionContext::new("an error").with_exception(error.expect_err("failed"));
        other.default_exception_handler(&context);
        drop(other);
    },
    "the text of an error that was never retrieved" => || {
        let other = EventLoop::builder().virtual_clock(true).build().expect("a loop");
        let error = spawn_fallible(|| Err::<(), Strikes<IN_DISPLAY>>(Strikes)).join();
        other.call_exception_handler(&ExceptionContext::new("e").with_exception(error.expect_err("failed")));
        drop(other);
    },
    "the text of a task's error" => || {
        let error = spawn_fallible(|| Err::<(), Strikes<IN_DISPLAY>>(Strikes)).join();
        ignore(error.expect_err("failed").to_string());
    },
    "the text of a scope's error" => || {
        let result = scope(|s| { s.spawn_fallible(|| Err::<(), Strikes<IN_DISPLAY>>(Strikes)); });
        ignore(result.expect_err("failed").to_string());
    },
    "an eager task" => || { spawn_eager(strike).detach(); yield_now(); },
    "an eager task's destructors" => || {
        let value = Strikes::<IN_DROP>;
        spawn_eager(move || { let _value = value; yield_now() }).detach();
        sleep(A_SECOND);
    },
    "a signal's handler" => || {
        let local = current_loop().expect("a loop");
        let removes = current_loop().expect("a loop");
        local.add_signal_handler(libc::SIGURG, strike).expect("a signal");
        // SAFETY: the signal is handled.
        unsafe { libc::raise(libc::SIGURG) };
        later(move || drop(removes.remove_signal_handler(libc::SIGURG)));
        sleep(A_SECOND);
        (0..200).for_each(|_| yield_now());
    },
    "a signal's handler that is removed" => || {
        let local = current_loop().expect("a loop");
        let value = Strikes::<IN_DROP>;
        local.add_signal_handler(libc::SIGURG, move || { let _ = &value; }).expect("a signal");
        local.remove_signal_handler(libc::SIGURG).expect("open");
    },
}
