//! A wait allocates nothing, a task allocates once, and finished objects don't pile up.
//!
//! A test binary of its own, since its allocator counts. The counts are per thread, and each test has a thread.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use selvedge::stack::set_pool_watermark;
use selvedge::task::{shield, wait_for};
use selvedge::{EventLoop, Promise, Task, TaskError, gather, run, sleep, spawn, yield_now};

#[path = "support/hang_guard.rs"]
mod hang_guard;
#[path = "no_alloc/sockets.rs"]
mod sockets;
#[path = "no_alloc/sync.rs"]
mod sync;

struct Counting;

thread_local! {
    static N_ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
}

fn count(n_allocations: usize, bytes: isize) {
    // After the destruction of a thread's locals the counts are no longer read.
    let _ = N_ALLOCATIONS.try_with(|n| n.set(n.get() + n_allocations));
    let _ = LIVE_BYTES.try_with(|live| live.set(live.get() + bytes));
}

// SAFETY: each method hands its arguments to the system's allocator as they are.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as isize);
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, -(layout.size() as isize));
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(1, new_size as isize - layout.size() as isize);
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The number of operations in each of the two runs: the warm-up and the counted one.
const N_TIMES: usize = 10_000;

fn n_times() -> usize {
    N_TIMES
}

/// The number of allocations that this thread makes during `f`.
fn allocations(f: impl FnOnce()) -> usize {
    let before = N_ALLOCATIONS.get();
    f();
    N_ALLOCATIONS.get() - before
}

/// Runs `f` once as a warm-up, then asserts that a second run allocates nothing.
#[track_caller]
fn assert_allocates_nothing(mut f: impl FnMut()) {
    f();
    let n_allocations = allocations(f);
    assert_eq!(n_allocations, 0, "in {} times", n_times());
}

/// The counter must count, or every test here passes.
#[test]
fn the_allocator_counts_an_allocation() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1; 100]))), 1);
}

fn in_virtual_loop(main: impl FnOnce()) {
    EventLoop::builder().virtual_clock(true).run(main);
}

fn finished<T>(outcome: Result<T, TaskError>) -> T {
    outcome.unwrap_or_else(|error| panic!("the task failed: {error}"))
}

#[test]
fn yielding_allocates_nothing() {
    run(|| {
        let other = spawn(|| {
            loop {
                yield_now();
            }
        });
        assert_allocates_nothing(|| (0..n_times()).for_each(|_| yield_now()));
        other.cancel();
        let _: Result<(), _> = other.join();
    });
}

#[test]
fn sleeping_for_no_time_allocates_nothing() {
    run(|| assert_allocates_nothing(|| (0..n_times()).for_each(|_| sleep(Duration::ZERO))));
}

#[test]
fn timeouts_allocate_nothing_unless_they_fire() {
    in_virtual_loop(|| {
        let hour = Duration::from_secs(3600);
        assert_allocates_nothing(|| {
            for _ in 0..n_times() {
                let moved = selvedge::time::timeout_with(None, |t| {
                    t.reschedule(std::time::Instant::now() + hour)?;
                    selvedge::timeout(hour, || sleep(Duration::from_millis(1)))
                });
                assert_eq!(moved, Ok(Ok(())));
            }
        });
    });
}

#[test]
fn sleeping_allocates_nothing() {
    in_virtual_loop(|| {
        let others: Vec<Task<()>> = (1..100)
            .map(|n| {
                spawn(move || {
                    loop {
                        sleep(Duration::from_millis(n));
                    }
                })
            })
            .collect();
        assert_allocates_nothing(|| {
            (0..n_times()).for_each(|n| sleep(Duration::from_micros(n as u64 % 3000)));
        });
        for other in others {
            other.cancel();
            assert!(other.join().is_err());
        }
    });
}

#[test]
fn sleeping_under_a_real_clock_allocates_nothing() {
    run(|| {
        assert_allocates_nothing(|| (0..200).for_each(|_| sleep(Duration::from_micros(50))));
    });
}

/// The tasks are spawned and parked before the counting begins, and each join waits for its own.
#[test]
fn joining_a_task_that_runs_allocates_nothing() {
    // Thousands of stacks return to the pool at once; the pool's own allocations are not counted here.
    set_pool_watermark(2 * n_times());
    run(|| {
        for round in ["warm-up", "counted"] {
            let promises: Vec<Promise<usize>> = (0..n_times()).map(|_| Promise::new()).collect();
            let tasks: Vec<Task<usize>> = promises
                .iter()
                .map(|promise| {
                    let promise = promise.clone();
                    spawn(move || finished(promise.wait()))
                })
                .collect();
            let start = Promise::new();
            let started = start.clone();
            let setter = spawn(move || {
                finished(started.wait());
                for (n, promise) in promises.into_iter().enumerate() {
                    yield_now();
                    promise.set_result(n).expect("pending");
                    yield_now();
                }
            });
            // The run queue frees the room that it needed for all tasks at once.
            (0..1000).for_each(|_| yield_now());
            start.set_result(()).expect("pending");
            let mut sum = 0;
            let n_allocations = allocations(|| {
                for task in tasks {
                    assert!(!task.is_done());
                    sum += finished(task.join());
                }
            });
            finished(setter.join());
            assert_eq!(sum, n_times() * (n_times() - 1) / 2);
            assert!(round == "warm-up" || n_allocations == 0, "{n_allocations}");
        }
    });
}

/// Promises that exist already, each set one turn after the one before it.
fn kept_one_by_one(promises: &[Promise<usize>]) -> Task<()> {
    let to_set = promises.to_vec();
    spawn(move || {
        for (n, promise) in to_set.into_iter().enumerate() {
            yield_now();
            promise.set_result(n).expect("pending");
        }
    })
}

#[test]
fn gather_wait_timeout_and_shield_allocate_nothing() {
    run(|| {
        for round in ["warm-up", "counted"] {
            let promises: Vec<Promise<usize>> =
                (0..4 * n_times()).map(|_| Promise::new()).collect();
            let setter = kept_one_by_one(&promises);
            yield_now();
            let mut sum = 0;
            let n_allocations = allocations(|| {
                for four in promises.chunks(4) {
                    let [a, b, c, d] = [0, 1, 2, 3].map(|index| four[index].clone());
                    sum += finished(gather([a, b])).iter().sum::<usize>();
                    sum += finished(wait_for(c, Duration::from_secs(3600)));
                    sum += finished(shield(d));
                }
            });
            finished(setter.join());
            let n = promises.len();
            assert_eq!(sum, n * (n - 1) / 2);
            assert!(round == "warm-up" || n_allocations == 0, "{n_allocations}");
        }
    });
}

#[test]
fn waiting_for_a_promise_allocates_nothing() {
    run(|| {
        for round in ["warm-up", "counted"] {
            let promises: Vec<Promise<usize>> = (0..n_times()).map(|_| Promise::new()).collect();
            let to_set = promises.clone();
            let setter = spawn(move || {
                for (n, promise) in to_set.into_iter().enumerate() {
                    yield_now();
                    promise.set_result(n).expect("pending");
                }
            });
            yield_now();
            let mut sum = 0;
            let n_allocations = allocations(|| {
                for promise in &promises {
                    sum += finished(promise.wait());
                }
            });
            finished(setter.join());
            assert_eq!(sum, n_times() * (n_times() - 1) / 2);
            assert!(round == "warm-up" || n_allocations == 0, "{n_allocations}");
        }
    });
}

#[test]
fn a_task_costs_at_most_one_allocation() {
    run(|| {
        let batch = || {
            for n in 0..n_times() {
                assert_eq!(finished(spawn(move || n).join()), n);
            }
        };
        batch();
        let n_allocations = allocations(batch);
        assert!(n_allocations <= n_times(), "{n_allocations}");
    });
}

#[test]
fn tasks_in_batches_cost_at_most_one_allocation_each() {
    run(|| {
        let mut tasks = Vec::with_capacity(100);
        let mut batches = |n_batches: usize| {
            for _ in 0..n_batches {
                tasks.extend((0..100_usize).map(|n| spawn(move || n)));
                for (n, task) in tasks.drain(..).enumerate() {
                    assert_eq!(finished(task.join()), n);
                }
            }
        };
        batches(10);
        let n_allocations = allocations(|| batches(n_times() / 100));
        assert!(n_allocations <= n_times(), "{n_allocations}");
    });
}

/// Asserts that `n_times` more calls leave no more memory in use than the first ones did.
#[track_caller]
fn assert_piles_up_nothing(mut f: impl FnMut(usize)) {
    (0..n_times()).for_each(&mut f);
    let before = LIVE_BYTES.get();
    for _ in 0..5 {
        (0..n_times()).for_each(&mut f);
    }
    let more = LIVE_BYTES.get() - before;
    // Tables may grow once more. A leak of one byte a call would be five times as much.
    assert!(more <= n_times() as isize, "{more} bytes more");
}

#[test]
fn cancelled_timers_do_not_pile_up() {
    let event_loop = EventLoop::builder()
        .virtual_clock(true)
        .build()
        .expect("a loop");
    let live = event_loop.call_later(Duration::from_secs(1), || ());
    assert_piles_up_nothing(|n| {
        let data = [n; 8];
        let delay = Duration::from_secs(3600 + n as u64 % 7);
        event_loop
            .call_later(delay, move || assert_eq!(data[0], n))
            .cancel();
    });
    assert!(!live.is_cancelled());
}

#[test]
fn cancelled_callbacks_do_not_pile_up_past_their_turn() {
    let event_loop = EventLoop::new().expect("a loop");
    assert_piles_up_nothing(|n| {
        let data = [n; 8];
        event_loop
            .call_soon(move || assert_eq!(data[0], n))
            .cancel();
        if n % 100 == 0 {
            event_loop.stop();
            event_loop.run_forever().expect("stopped");
        }
    });
}

#[test]
fn cancelled_sleeps_finished_tasks_and_promises_do_not_pile_up() {
    in_virtual_loop(|| {
        assert_piles_up_nothing(|n| {
            let sleeper = spawn(|| sleep(Duration::from_secs(3600)));
            yield_now();
            sleeper.cancel();
            assert!(sleeper.join().is_err());
            drop(spawn(move || n));
            let promise = Promise::new();
            promise.add_done_callback(|_| ());
            promise.set_result([n; 8]).expect("pending");
            let panicking = Promise::<u32>::new();
            panicking.cancel();
        });
    });
}

#[test]
fn loops_do_not_pile_up() {
    let one = || {
        let value = run(|| {
            sleep(Duration::ZERO);
            finished(spawn(|| 4).join())
        });
        assert_eq!(value, 4);
    };
    (0..50).for_each(|_| one());
    let before = LIVE_BYTES.get();
    (0..200).for_each(|_| one());
    assert_eq!(LIVE_BYTES.get(), before);
}
