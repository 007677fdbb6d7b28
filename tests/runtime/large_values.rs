//! Values of 24 KiB are captured and returned on stacks of the default size, in a build without optimization too. An overflow
//! ends the process, so the tests run in child processes.

use std::hint::black_box;
use std::time::Duration;

use selvedge::sync::channel;
use selvedge::task::spawn_eager;
use selvedge::{Task, gather, race, run, scope, select, spawn, spawn_fallible, timeout, to_thread};

use crate::play;
use crate::support::finished;

pub const SCENARIOS: &[(&str, fn())] = &[
    ("large_results", large_results),
    ("large_captures", large_captures),
    ("large_in_scopes", large_in_scopes),
    ("large_in_races", large_in_races),
    ("large_on_threads", large_on_threads),
    ("large_in_channels", large_in_channels),
];

type Large = [u8; 24 * 1024];

#[inline(never)]
fn large(byte: u8) -> Large {
    black_box([byte; 24 * 1024])
}

/// Keeps one call's copies off the stack of the next.
#[inline(never)]
fn apart(f: impl FnOnce()) {
    f();
}

fn large_results() {
    assert_eq!(run(|| large(1))[7], 1);
    run(|| {
        apart(|| assert_eq!(finished(spawn(|| large(2)).join())[7], 2));
        apart(|| assert_eq!(finished(spawn_eager(|| large(3)).join())[7], 3));
        apart(|| {
            let task = spawn_fallible(|| Ok::<_, std::io::Error>(large(4)));
            assert_eq!(finished(task.join())[7], 4);
        });
        // Dropped by the task, and by its handle.
        spawn(|| large(5)).detach();
        let task = spawn(|| large(6));
        selvedge::yield_now();
        drop(task);
    });
}

fn large_captures() {
    run(|| {
        apart(|| {
            let captured = large(1);
            assert_eq!(finished(spawn(move || captured[7]).join()), 1);
        });
        apart(|| {
            let captured = large(2);
            let builder = Task::builder().name("large");
            let task = builder.spawn(move || black_box(captured)[7]);
            assert_eq!(finished(task.expect("a stack").join()), 2);
        });
        apart(|| {
            let captured = large(3);
            let cancelled = spawn(move || captured[7]);
            cancelled.cancel();
            assert!(cancelled.join().is_err());
        });
    });
    let captured = large(4);
    assert_eq!(run(move || captured[7]), 4);
}

fn large_in_scopes() {
    run(|| {
        scope(|s| {
            apart(|| assert_eq!(finished(s.spawn(|| large(1)).join())[7], 1));
            apart(|| {
                let captured = large(2);
                assert_eq!(finished(s.spawn(move || captured[7]).join()), 2);
            });
        })
        .expect("no child fails");
        apart(|| assert_eq!(scope(|_| large(3)).expect("no child fails")[7], 3));
        apart(|| {
            let value = timeout(Duration::from_secs(3600), || large(4));
            assert_eq!(value.expect("in time")[7], 4);
        });
    });
}

fn large_in_races() {
    // Half the size: a caller has copies of the result and of the `Result`.
    type Half = [u8; 12 * 1024];
    #[inline(never)]
    fn half(byte: u8) -> Half {
        black_box([byte; 12 * 1024])
    }
    run(|| {
        apart(|| assert_eq!(race((|| half(1), || half(2))).expect("a result")[7], 1));
        apart(|| {
            let captured = half(3);
            assert_eq!(finished(race([move || captured[7]])), 3);
        });
        apart(|| {
            let value = select! { value = half(4) => value[7], value = half(5) => value[7] };
            assert_eq!(value, 4);
        });
        apart(|| {
            let captured = half(6);
            let value = timeout(Duration::from_secs(3600), move || {
                spawn(move || captured[7]).join()
            });
            assert_eq!(finished(value.expect("in time")), 6);
        });
        apart(|| {
            let values = gather(vec![spawn(|| half(7)), spawn(|| half(8))]).expect("results");
            assert_eq!([values[0][7], values[1][7]], [7, 8]);
        });
    });
}

fn large_on_threads() {
    run(|| {
        apart(|| assert_eq!(finished(to_thread(|| large(1)))[7], 1));
        apart(|| {
            let captured = large(2);
            assert_eq!(finished(to_thread(move || captured[7])), 2);
        });
    });
}

/// As large as std's channels take on a thread with as small a stack.
fn large_in_channels() {
    type Item = [u8; 8 * 1024];
    run(|| {
        for (sender, receiver) in [channel::bounded(1), channel::unbounded::<Item>()] {
            apart(|| sender.send(black_box([7; 8 * 1024])).expect("open"));
            apart(|| assert_eq!(receiver.recv().expect("an item")[7], 7));
        }
    });
}

#[test]
fn results_of_24_kib_fit_on_the_default_stack() {
    play("large_results").assert_exited(0);
}

#[test]
fn captures_of_24_kib_fit_on_the_default_stack() {
    play("large_captures").assert_exited(0);
}

#[test]
fn scopes_take_captures_and_results_of_24_kib() {
    play("large_in_scopes").assert_exited(0);
}

#[test]
fn races_take_captures_and_results_of_12_kib() {
    play("large_in_races").assert_exited(0);
}

#[test]
fn jobs_take_captures_and_results_of_24_kib() {
    play("large_on_threads").assert_exited(0);
}

#[test]
fn items_of_8_kib_pass_channels_on_the_default_stack() {
    play("large_in_channels").assert_exited(0);
}
