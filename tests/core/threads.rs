//! Coroutines on many threads at once share nothing, and a thread may end with coroutines in every status.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread;

use selvedge::coroutine::{on_stack, remaining_stack_bytes, scope};
use selvedge::stack::trim_pool;
use selvedge::{Coroutine, CoroutineState, Generator, Yielder};

use crate::support::{Counted, caught, live, scaled, text};

const N_THREADS: usize = 8;

/// Runs coroutines of one thread interleaved: each echoes, panics, is closed or is dropped.
fn busy(seed: u64, rounds: usize) -> u64 {
    let mut sum = 0;
    for round in 0..rounds as u64 {
        let mut many: Vec<Coroutine<u64, u64, ()>> = (0..20)
            .map(|id| {
                Coroutine::new(move |yielder: &Yielder<u64, u64>, first: u64| {
                    let _local = Counted::new(0);
                    let kept = [first ^ id ^ seed; 16];
                    let mut at = 0;
                    loop {
                        let sent = yielder.suspend(kept[at % 16]);
                        assert_ne!(sent, u64::MAX, "sent to make it panic");
                        at += 1;
                    }
                })
            })
            .collect();
        for step in 0..10 {
            for (id, coroutine) in (0..).zip(&mut many) {
                let CoroutineState::Yielded(value) = coroutine.send(round) else {
                    panic!("it never ends")
                };
                assert_eq!(value, round ^ id ^ seed, "step {step}");
                sum += value;
            }
        }
        caught(|| many[3].send(u64::MAX));
        many[5].close().expect("it unwinds");
        drop(many);
        assert_eq!(live(), 0);
        trim_pool();
    }
    sum
}

#[test]
fn many_threads_run_independent_coroutines_at_once() {
    let rounds = scaled(50, 5);
    let alone: Vec<u64> = (0..N_THREADS as u64)
        .map(|seed| busy(seed, rounds))
        .collect();
    let start = Barrier::new(N_THREADS);
    let together: Vec<u64> = thread::scope(|s| {
        let start = &start;
        let spawn = |seed| {
            s.spawn(move || {
                start.wait();
                busy(seed, rounds)
            })
        };
        let threads: Vec<_> = (0..N_THREADS as u64).map(spawn).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("its checks hold"))
            .collect()
    });
    assert_eq!(together, alone);
}

thread_local! {
    static KEPT: RefCell<Vec<Box<dyn std::any::Any>>> = const { RefCell::new(Vec::new()) };
}

/// Counts its drops across threads.
struct Tally(Arc<AtomicUsize>);

impl Drop for Tally {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn suspended(drops: &Arc<AtomicUsize>) -> Coroutine<(), (), ()> {
    let drops = Arc::clone(drops);
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _local = Tally(drops);
        yielder.suspend(());
    });
    coroutine.resume();
    coroutine
}

fn keep(value: impl std::any::Any) {
    KEPT.with_borrow_mut(|kept| kept.push(Box::new(value)));
}

#[test]
fn a_thread_may_end_with_coroutines_in_a_thread_local() {
    let drops = Arc::new(AtomicUsize::new(0));
    for _ in 0..20 {
        let inside = Arc::clone(&drops);
        let ended = thread::spawn(move || {
            keep(Coroutine::new(|_: &Yielder<(), ()>, ()| ()));
            keep(suspended(&inside));
            let mut done = suspended(&inside);
            done.resume();
            keep(done);
            keep(Generator::new(|yielder: &Yielder<(), u8>| yielder.yield_from(0..)).skip(3));
        });
        ended.join().expect("the thread ends without a panic");
    }
    let dropped = drops.load(Ordering::Relaxed);
    assert!(
        (20..=40).contains(&dropped),
        "{dropped}: the finished ones' locals, and a suspended one's at most once"
    );
    assert_eq!(busy(1, 1), busy(1, 1));
}

#[test]
fn locals_of_coroutines_are_dropped_when_their_thread_ends() {
    let drops = Arc::new(AtomicUsize::new(0));
    let inside = Arc::clone(&drops);
    thread::spawn(move || {
        let _kept = (suspended(&inside), suspended(&inside));
    })
    .join()
    .expect("it returns");
    assert_eq!(drops.load(Ordering::Relaxed), 2);
    let inside = Arc::clone(&drops);
    let panicked = thread::spawn(move || {
        let _kept = (suspended(&inside), suspended(&inside));
        panic!("with two suspended coroutines");
    })
    .join()
    .expect_err("it panics");
    assert_eq!(
        (text(&panicked), drops.load(Ordering::Relaxed)),
        ("with two suspended coroutines", 4)
    );
}

#[test]
fn threads_that_end_give_their_stacks_back() {
    // Each thread maps a slab; together they would exceed the address space or the limit of mappings.
    for _ in 0..scaled(2_000, 50) {
        let left = thread::spawn(|| {
            let mut coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| remaining_stack_bytes());
            coroutine.resume().unwrap_complete()
        });
        assert!(left.join().expect("its checks hold").is_some());
    }
}

/// A relay over channels: each thread's coroutine waits for its predecessor, so they run in turns.
fn relay(from: &Receiver<u32>, to: &Sender<u32>, rounds: u32) {
    scope(|s| {
        let mut runner = s.coroutine(|yielder: &Yielder<(), ()>, ()| {
            for _ in 0..rounds {
                let baton = on_stack(64 * 1024, || from.recv().expect("the baton"));
                yielder.suspend(());
                to.send(baton + 1).expect("the next one waits");
            }
        });
        while runner.resume().yielded().is_some() {}
    });
}

#[test]
fn coroutines_of_different_threads_take_turns_over_channels() {
    const ROUNDS: u32 = 200;
    let (start, mut from) = channel();
    thread::scope(|s| {
        for _ in 0..N_THREADS {
            let (to, next) = channel();
            let mine = std::mem::replace(&mut from, next);
            s.spawn(move || relay(&mine, &to, ROUNDS));
        }
        for round in 0..ROUNDS {
            start.send(round).expect("the first one waits");
            assert_eq!(
                from.recv().expect("the baton comes round"),
                round + N_THREADS as u32
            );
        }
    });
}
