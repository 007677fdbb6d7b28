//! The rows of coroutines: switches and creation.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use corosensei::ScopedCoroutine;
use corosensei::stack::DefaultStack;
use selvedge::coroutine::TransferRing;
use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::support::machine::{MEASURED_CORE, ns_each, pin_to_core};
use crate::table::{Limit, Row};

const ROUNDS: usize = 31;
const TRIPS: usize = 2_000_000;

/// The rows, in the order in which they are measured.
pub fn switches() -> Vec<Row> {
    vec![
        round_trip_against_corosensei(),
        round_trip_against_call(),
        round_trip_against_threads(),
        transfer_among_many(),
        create_run_drop(),
    ]
}

/// Takes a sample of each side in turn, round by round.
pub fn interleaved(
    rounds: usize,
    mut ours: impl FnMut() -> f64,
    mut peer: impl FnMut() -> f64,
) -> (Vec<f64>, Vec<f64>) {
    // The first round warms up.
    ours();
    peer();
    (0..rounds).map(|_| (ours(), peer())).unzip()
}

/// Resumes and suspends, with a word in each direction.
fn round_trips() -> f64 {
    let mut echo: Coroutine<usize, usize, ()> =
        Coroutine::new(|yielder: &Yielder<usize, usize>, mut value| {
            loop {
                value = yielder.suspend(value);
            }
        });
    ns_each(TRIPS, || {
        for i in 0..TRIPS {
            match echo.send(black_box(i)) {
                CoroutineState::Yielded(value) => drop(black_box(value)),
                CoroutineState::Complete(()) => unreachable!(),
            }
        }
    })
}

pub fn corosensei_round_trips() -> f64 {
    let mut echo = corosensei::Coroutine::<usize, usize, ()>::new(|yielder, mut value| {
        loop {
            value = yielder.suspend(value);
        }
    });
    ns_each(TRIPS, || {
        for i in 0..TRIPS {
            match echo.resume(black_box(i)) {
                corosensei::CoroutineResult::Yield(value) => drop(black_box(value)),
                corosensei::CoroutineResult::Return(()) => unreachable!(),
            }
        }
    })
}

fn calls() -> f64 {
    fn echo(value: usize) -> usize {
        black_box(value)
    }
    let echo: fn(usize) -> usize = black_box(echo);
    ns_each(TRIPS, || {
        for i in 0..TRIPS {
            black_box(echo(black_box(i)));
        }
    })
}

fn round_trip_against_corosensei() -> Row {
    let (ours, peers) = interleaved(ROUNDS, round_trips, corosensei_round_trips);
    Row {
        what: "send + suspend round trip, usize, ns",
        ours,
        peer: "corosensei's resume + suspend",
        peers,
        limit: Limit::AtMost(0.9),
    }
}

fn round_trip_against_call() -> Row {
    let (ours, peers) = interleaved(ROUNDS, round_trips, calls);
    Row {
        what: "send + suspend round trip, usize, ns",
        ours,
        peer: "an indirect call and return",
        peers,
        limit: Limit::AtMost(1.8),
    }
}

/// Two threads on one core pass a turn to each other and back.
fn thread_round_trips() -> f64 {
    const TRIPS: usize = 10_000;
    let turn = Arc::new(AtomicBool::new(false));
    let main = thread::current();
    let other = thread::spawn({
        let turn = Arc::clone(&turn);
        move || {
            pin_to_core(MEASURED_CORE);
            for _ in 0..TRIPS {
                while !turn.swap(false, Ordering::Acquire) {
                    thread::park();
                }
                // The flag is false already; the main thread waits for that.
                main.unpark();
            }
        }
    });
    let ns = ns_each(TRIPS, || {
        for _ in 0..TRIPS {
            turn.store(true, Ordering::Release);
            other.thread().unpark();
            while turn.load(Ordering::Acquire) {
                thread::park();
            }
        }
    });
    other.join().expect("the other thread ends");
    ns
}

fn round_trip_against_threads() -> Row {
    let (ours, peers) = interleaved(11, round_trips, thread_round_trips);
    Row {
        what: "send + suspend round trip, usize, ns",
        ours,
        peer: "park/unpark there and back, two threads on this core",
        peers,
        limit: Limit::TimesFaster(700.0),
    }
}

fn transfer_among_many() -> Row {
    let sample = |ring: &mut TransferRing| ns_each(TRIPS, || ring.run(TRIPS));
    let mut many = TransferRing::new(1000);
    let mut two = TransferRing::new(2);
    let (ours, peers) = interleaved(ROUNDS, || sample(&mut many), || sample(&mut two));
    Row {
        what: "transfer among 1,000 coroutines, ns",
        ours,
        peer: "among 2",
        peers,
        limit: Limit::AtMost(1.5),
    }
}

fn create_run_drop() -> Row {
    const N: usize = 500_000;
    let ours = || {
        ns_each(N, || {
            for i in 0..N {
                let mut coroutine = Coroutine::new(|_: &Yielder<usize, ()>, value: usize| value);
                black_box(coroutine.send(black_box(i)));
            }
        })
    };
    let mut stack = DefaultStack::default();
    let theirs = || {
        ns_each(N, || {
            for i in 0..N {
                let coroutine =
                    ScopedCoroutine::<usize, (), usize, _>::with_stack(&mut stack, |_, value| {
                        value
                    });
                coroutine.scope(|mut coroutine| black_box(coroutine.resume(black_box(i))));
            }
        })
    };
    let (ours, peers) = interleaved(ROUNDS, ours, theirs);
    Row {
        what: "create + run + drop, pooled, ns",
        ours,
        peer: "corosensei with a reused stack",
        peers,
        limit: Limit::AtMost(1.5),
    }
}
