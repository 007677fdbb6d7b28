//! Values of 24 KiB are captured and returned on stacks of the default size, in a build without optimization too. An overflow
//! ends the process, so the tests run in child processes.

use std::hint::black_box;
use std::time::Duration;

use selvedge::coroutine::on_stack;
use selvedge::event_loop::current_loop;
use selvedge::sync::{LifoQueue, PriorityQueue, Queue, channel};
use selvedge::task::{catch_cancelled, finally, spawn_eager, try_scope, wait_for};
use selvedge::{
    Coroutine, Promise, Task, Yielder, block_on, gather, race, run, scope, select, spawn,
    spawn_fallible, timeout, to_thread,
};

use crate::play;
use crate::support::finished;

pub const SCENARIOS: &[(&str, fn())] = &[
    ("large_results", large_results),
    ("large_captures", large_captures),
    ("large_in_scopes", large_in_scopes),
    ("large_in_races", large_in_races),
    ("large_on_threads", large_on_threads),
    ("large_both_ways", large_both_ways),
    ("large_in_containers", large_in_containers),
    ("large_through_coroutines", large_through_coroutines),
];

type Large = [u8; 24 * 1024];

#[inline(never)]
fn large(byte: u8) -> Large {
    black_box([byte; 24 * 1024])
}

const A_LONG_TIME: Duration = Duration::from_secs(3600);

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

/// Half of the size where stacks have 256 KiB: a caller has copies of the results and of the `Result`s.
const RACING: usize = if cfg!(debug_assertions) { 24 } else { 12 } * 1024;

#[inline(never)]
fn half(byte: u8) -> [u8; RACING] {
    black_box([byte; RACING])
}

fn large_in_races() {
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
            let value = timeout(A_LONG_TIME, move || spawn(move || captured[7]).join());
            assert_eq!(finished(value.expect("in time")), 6);
        });
        apart(|| {
            let values = gather(vec![spawn(|| half(7)), spawn(|| half(8))]).expect("results");
            assert_eq!([values[0][7], values[1][7]], [7, 8]);
        });
        apart(|| {
            let values = gather([spawn(|| half(1)), spawn(|| half(2))]).expect("results");
            assert_eq!([values[0][7], values[1][7]], [1, 2]);
        });
        apart(|| {
            let values = gather((spawn(|| half(3)), spawn(|| half(4)))).expect("results");
            assert_eq!([values.0[7], values.1[7]], [3, 4]);
        });
    });
}

/// A value among the captures and another as the result.
fn large_both_ways() {
    run(|| {
        apart(|| {
            let captured = large(1);
            let value = timeout(A_LONG_TIME, move || black_box(captured));
            assert_eq!(value.expect("in time")[7], 1);
        });
        apart(|| {
            let captured = large(2);
            assert_eq!(finished(spawn(move || black_box(captured)).join())[7], 2);
        });
        apart(|| {
            let captured = large(3);
            let value = catch_cancelled(move || black_box(captured));
            assert_eq!(value.expect("no cancel")[7], 3);
        });
        apart(|| {
            let captured = large(4);
            assert_eq!(finally(move || black_box(captured), || ())[7], 4);
        });
        apart(|| {
            let captured = large(5);
            let value = try_scope(|s| {
                let task = s.spawn_fallible(move || Ok::<_, std::io::Error>(black_box(captured)));
                Ok::<_, Box<dyn std::error::Error>>(task.join()?)
            });
            assert_eq!(value.expect("no child fails")[7], 5);
        });
        apart(|| {
            let captured = large(6);
            let value = wait_for(spawn(move || black_box(captured)), A_LONG_TIME);
            assert_eq!(value.expect("in time")[7], 6);
        });
        apart(|| {
            let captured = large(7);
            assert_eq!(block_on(async move { black_box(captured) })[7], 7);
        });
        apart(|| {
            let captured = large(8);
            assert_eq!(on_stack(1 << 20, move || black_box(captured))[7], 8);
        });
        apart(|| {
            let current = current_loop().expect("it runs");
            let captured = large(9);
            let job = current.run_in_executor(move || black_box(captured));
            assert_eq!(finished(job.expect("a job").wait())[7], 9);
        });
    });
}

fn large_in_containers() {
    run(|| {
        let (fifo, lifo, smallest) = (Queue::new(1), LifoQueue::new(1), PriorityQueue::new(1));
        apart(|| fifo.put(large(1)).expect("open"));
        apart(|| assert_eq!(fifo.get().expect("an item")[7], 1));
        apart(|| lifo.put(large(2)).expect("open"));
        apart(|| assert_eq!(lifo.get().expect("an item")[7], 2));
        apart(|| smallest.put(large(3)).expect("open"));
        apart(|| assert_eq!(smallest.get().expect("an item")[7], 3));
        apart(|| fifo.put(large(4)).expect("open"));
        apart(|| {
            select! { item = fifo.when_item() => assert_eq!(item.expect("an item")[7], 4) }
        });
        let promise = Promise::new();
        apart(|| promise.set_result(large(5)).expect("pending"));
        apart(|| assert_eq!(promise.wait().expect("a result")[7], 5));
        apart(|| assert_eq!(promise.take().expect("a result")[7], 5));
        for (sender, receiver) in [channel::bounded(1), channel::unbounded::<Large>()] {
            apart(|| sender.send(large(6)).expect("open"));
            apart(|| assert_eq!(receiver.recv().expect("an item")[7], 6));
            apart(|| sender.send(large(7)).expect("open"));
            apart(|| {
                select! { item = receiver.when_received() => assert_eq!(item.expect("an item")[7], 7) }
            });
        }
    });
}

fn large_through_coroutines() {
    let echo = |yielder: &Yielder<Large, Large>, mut value: Large| {
        for _ in 0..2 {
            value = yielder.suspend(value);
        }
        value
    };
    let mut coroutine = Coroutine::new(echo);
    for byte in [1, 2] {
        apart(|| assert_eq!(coroutine.send(large(byte)).unwrap_yielded()[7], byte));
    }
    apart(|| assert_eq!(coroutine.send(large(3)).unwrap_complete()[7], 3));
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
fn races_take_captures_and_results_of_24_kib() {
    play("large_in_races").assert_exited(0);
}

#[test]
fn functions_take_and_return_24_kib() {
    play("large_both_ways").assert_exited(0);
}

#[test]
fn queues_promises_and_channels_take_items_of_24_kib() {
    play("large_in_containers").assert_exited(0);
}

#[test]
fn coroutines_send_and_receive_24_kib() {
    play("large_through_coroutines").assert_exited(0);
}

#[test]
fn jobs_take_captures_and_results_of_24_kib() {
    play("large_on_threads").assert_exited(0);
}
