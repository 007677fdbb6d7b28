//! User code that runs after its task's end, or where no report can be written: it can't wait, and harms no other task.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::panic::panic_any;
use std::rc::Rc;
use std::time::Duration;

use selvedge::stack::pool_stats;
use selvedge::task::current_task;
use selvedge::{EventLoop, run, sleep, spawn, spawn_fallible, yield_now};

use crate::support::child;
use crate::support::{OnDrop, caught, finished, shared, soon, stop};

pub const SCENARIOS: &[(&str, fn())] = &[("nowhere_to_report", nowhere_to_report)];

/// An error whose `Display` waits.
#[derive(Debug)]
struct Waits;

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        sleep(Duration::from_millis(1));
        f.write_str("an error that waits")
    }
}

impl Error for Waits {}

/// Runs `fail` as a detached task; afterwards its stack must be back in the pool.
fn assert_stack_returns(fail: impl FnOnce() + 'static) {
    run(|| {
        finished(spawn(yield_now).join());
        let before = pool_stats().n_live;
        fail();
        sleep(Duration::from_millis(5));
        assert_eq!(
            pool_stats().n_live,
            before,
            "a task that has ended is parked"
        );
        assert_eq!(finished(spawn(|| 4).join()), 4);
    });
}

#[test]
fn the_display_of_an_unretrieved_error_cannot_wait() {
    assert_stack_returns(|| spawn_fallible(|| Err::<(), _>(Waits)).detach());
}

#[test]
fn the_destructor_of_an_unretrieved_payload_cannot_wait() {
    struct Payload(Box<dyn Fn() + Send>);
    impl Drop for Payload {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    assert_stack_returns(|| {
        let waits = Payload(Box::new(|| {
            let _ = std::panic::catch_unwind(|| sleep(Duration::from_millis(1)));
        }));
        spawn(move || panic_any(waits)).detach();
    });
}

#[test]
fn sleeping_in_a_destructor_during_an_unwind_returns_at_once() {
    let n_returned = shared(0);
    let sleeps = |n: &Rc<std::cell::Cell<u32>>| {
        let returned = Rc::clone(n);
        OnDrop(move || {
            sleep(Duration::from_secs(3600));
            yield_now();
            returned.set(returned.get() + 1);
        })
    };
    // Without a loop.
    let on_drop = sleeps(&n_returned);
    caught(move || {
        let _on_drop = on_drop;
        panic!("torn");
    });
    assert_eq!(n_returned.get(), 1);
    // In a callback.
    let event_loop = EventLoop::new().expect("a loop");
    event_loop.set_exception_handler(|_| ());
    let on_drop = sleeps(&n_returned);
    event_loop.call_soon(move || {
        let _on_drop = on_drop;
        panic!("torn");
    });
    event_loop.call_soon(stop);
    event_loop.run_forever().expect("stopped");
    assert_eq!(n_returned.get(), 2);
}

#[test]
fn a_tasks_coroutine_dropped_outside_the_loop_unwinds_there() {
    let (n_returned, kept) = (shared(0), shared(None));
    let (returned, keep) = (Rc::clone(&n_returned), Rc::clone(&kept));
    run(move || {
        let mut coroutine =
            selvedge::Coroutine::new(move |yielder: &selvedge::Yielder<(), ()>, ()| {
                let _on_drop = OnDrop(|| {
                    sleep(Duration::from_secs(3600));
                    returned.set(returned.get() + 1);
                });
                sleep(Duration::from_millis(1));
                yielder.suspend(());
            });
        coroutine.resume();
        keep.set(Some(coroutine));
    });
    assert!(current_task().is_none());
    drop(kept.take());
    assert_eq!(n_returned.get(), 1);
}

/// The parent plays this with a stderr that refuses every byte.
fn nowhere_to_report() {
    std::panic::set_hook(Box::new(|_| ()));
    let event_loop = EventLoop::new().expect("a loop");
    event_loop.call_soon(|| panic!("out of a callback"));
    let value = event_loop.run_until_complete(|| {
        (0..3).for_each(|_| yield_now());
        7
    });
    println!("{:?}", value.ok());
    event_loop
        .create_task(|| sleep(Duration::from_secs(3600)))
        .detach();
    drop(event_loop);
    let value = run(|| {
        soon(|| panic!("out of a callback"));
        (0..3).for_each(|_| yield_now());
        8
    });
    println!("{value}");
}

#[test]
fn a_report_that_cannot_be_written_stops_no_task() {
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("a full device");
    let mut command = child::command("nowhere_to_report");
    let ended = child::finish(command.stderr(full));
    assert!(
        ended.stdout.contains("Some(7)") && ended.stdout.contains("\n8\n"),
        "{ended:#?}"
    );
}
