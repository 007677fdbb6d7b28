//! Tests of all places where the program's code runs inside of a call of the library: destructors, conversions,
//! comparisons, wakers, iterators, handlers. In each place the code abandons its coroutine for ever, panics, runs another
//! loop, waits, or suspends its coroutine until another task resumes it.
//!
//! A place is a function that leads to one call of [`strike`]. Each place runs on a task's own stack, and in a
//! coroutine on a task. Each place has its own child process, because the tests look for uses of freed memory.

mod strikes;

mod conversions;
mod drops;
mod executors;
mod handlers;
mod sync;
mod waits;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use selvedge::event_loop::current_loop;
use selvedge::stack::{set_pool_watermark, trim_pool};
use selvedge::task::current_task;
use selvedge::{Coroutine, CoroutineState, EventLoop, Task, Yielder, sleep, spawn, yield_now};

use crate::hang_guard::N_STEPS;
use crate::play;
use crate::support::{A_SECOND, finished, scaled};
use strikes::{KINDS, Kind};

pub use strikes::strike;

/// Names and functions of places.
type Places = &'static [(&'static str, fn())];

/// A scenario for each place, by its name.
pub const SCENARIOS: &[Places] = &[
    conversions::PLACES,
    drops::PLACES,
    executors::PLACES,
    handlers::PLACES,
    sync::PLACES,
    waits::PLACES,
];

/// A table of places: names and functions.
macro_rules! places {
    ($($name:literal => $body:expr,)+) => {
        pub const PLACES: crate::user_code::Places = &[$(($name, || crate::user_code::walk($body))),+];
    };
}
pub(crate) use places;

/// No other stack here has this size, so it has a mapping of its own.
const STACK_SIZE_BYTES: usize = 1 << 20;

thread_local! {
    static LATER: RefCell<Vec<Box<dyn FnOnce()>>> = const { RefCell::new(Vec::new()) };
    static SUSPENDED: Cell<Option<Coroutine<(), (), ()>>> = const { Cell::new(None) };
}

/// Calls `f` when the task of the place has ended and its stack may belong to another one.
pub fn later(f: impl FnOnce() + 'static) {
    LATER.with_borrow_mut(|all| all.push(Box::new(f)));
}

/// Takes a value that does not matter.
pub fn ignore<T>(value: T) {
    drop(value);
}

#[test]
fn user_code_may_do_anything_wherever_it_is_called() {
    // Under an emulator some of them.
    let places = SCENARIOS.concat().into_iter().step_by(scaled(1, 11));
    let places: Vec<&str> = places.map(|place| place.0).collect();
    let n_threads = thread::available_parallelism().map_or(1, usize::from);
    let share = places.len().div_ceil(n_threads);
    let failures = thread::scope(|s| {
        let play_all = |names: &[&'static str]| -> Vec<_> {
            let plays = names.iter().map(|name| {
                N_STEPS.fetch_add(1, Relaxed);
                (*name, play(name))
            });
            let has_failed = |(_, ended): &(_, crate::support::child::Ended)| {
                ended.status.code() != Some(0) || !ended.stdout.contains("walked through")
            };
            plays.filter(has_failed).collect()
        };
        let threads: Vec<_> = places
            .chunks(share)
            .map(|names| s.spawn(move || play_all(names)))
            .collect();
        let results = threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"));
        results.flatten().collect::<Vec<_>>()
    });
    for (name, ended) in &failures {
        let last = ended.stdout.lines().last();
        println!(
            "{name}: {} after {last:?}\n{}\n",
            ended.status, ended.stderr
        );
    }
    let names: Vec<_> = failures.iter().map(|(name, _)| name).collect();
    assert!(names.is_empty(), "{names:?}");
}

/// Strikes at a place in every way, on a task's stack and in a coroutine on it.
pub fn walk(place: fn()) {
    set_pool_watermark(0);
    for kind in KINDS {
        for is_nested in [false, true] {
            println!("{kind:?}, in a coroutine: {is_nested}");
            walk_once(place, kind, is_nested);
        }
    }
    println!("walked through");
}

fn walk_once(place: fn(), kind: Kind, is_nested: bool) {
    strikes::arm(kind);
    // A callback runs on the stack of its loop. A thread's own stack can't be abandoned, this one can.
    let mut outer = Coroutine::new(move |_: &Yielder<(), ()>, ()| {
        // One thread, so that a job that blocks it keeps the next one from beginning.
        let builder = EventLoop::builder().max_blocking_threads(1);
        let event_loop = builder.virtual_clock(true).build();
        let event_loop = event_loop.expect("a loop");
        event_loop.set_exception_handler(|_| ());
        finished(event_loop.run_until_complete(move || attacked(place, is_nested)));
    });
    match catch_unwind(AssertUnwindSafe(|| outer.resume())) {
        Ok(state) => assert_eq!(state, CoroutineState::Complete(())),
        Err(payload) => {
            let text = payload.downcast_ref::<String>().expect("a text");
            let is_right = kind == Kind::Abandon && text.contains("abandoned");
            assert!(is_right, "the loop's own coroutine ended by: {text}");
        }
    }
    drop(outer);
    assert!(strikes::disarm(), "the place has not called `strike`");
    LATER.take();
    drop(SUSPENDED.take());
    trim_pool();
    assert!(current_loop().is_none() && current_task().is_none());
    assert_eq!(selvedge::run(|| finished(spawn(|| 5).join())), 5);
}

/// The main task: runs the place in a task, and then uses what it may have left behind.
fn attacked(place: fn(), is_nested: bool) {
    let builder = Task::builder().stack_size_bytes(STACK_SIZE_BYTES);
    let task = builder.spawn(move || {
        if is_nested {
            in_a_coroutine(place);
        } else {
            strikes::set_yielder(None);
            place();
        }
        goes_on();
    });
    // It may be abandoned, or fail by its panic.
    let _ = task.expect("a stack").join();
    // Unmaps its stack, unless the task was abandoned: a use of what was on it is a segmentation fault.
    trim_pool();
    let others = others();
    for f in LATER.take() {
        let _ = catch_unwind(AssertUnwindSafe(f));
    }
    yield_now();
    if let Some(mut coroutine) = SUSPENDED.take() {
        let resumes = spawn(move || {
            let _ = catch_unwind(AssertUnwindSafe(|| coroutine.resume()));
            strikes::set_yielder(None);
            drop(coroutine);
            goes_on();
        });
        let _ = resumes.join();
    }
    sleep(10 * A_SECOND);
    for (n, task) in others.into_iter().enumerate() {
        assert_eq!(finished(task.join()), n);
    }
    trim_pool();
    goes_on();
}

fn in_a_coroutine(place: fn()) {
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        strikes::set_yielder(Some(yielder));
        place();
    });
    let state = catch_unwind(AssertUnwindSafe(|| coroutine.resume()));
    if let Ok(CoroutineState::Yielded(())) = state {
        SUSPENDED.set(Some(coroutine));
    }
}

/// Waits in every way, as a task that nothing has happened to.
fn goes_on() {
    assert!(current_task().is_some());
    yield_now();
    sleep(A_SECOND);
    assert_eq!(finished(spawn(|| 5).join()), 5);
}

/// Tasks that get the stacks of ended tasks.
fn others() -> Vec<Task<usize>> {
    let wait = |n| {
        move || {
            (0..3).for_each(|_| sleep(A_SECOND));
            n
        }
    };
    (0..8).map(|n| spawn(wait(n))).collect()
}
