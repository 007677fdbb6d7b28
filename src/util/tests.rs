//! The protocols with real threads. `tests/loom` tries every order of their steps.

use super::sleep_flag::{Gate, SleepFlag};

use std::collections::VecDeque;
use std::sync::{Barrier, Mutex, mpsc};
use std::thread;

#[test]
fn an_awake_loop_is_not_notified() {
    let sleep_flag = SleepFlag::new();
    assert!(!sleep_flag.claim_wake_up());
    assert!(sleep_flag.prepare_to_sleep(|| true));
    sleep_flag.set_awake();
    assert!(!sleep_flag.claim_wake_up());
}

#[test]
fn a_sleep_is_notified_once() {
    let sleep_flag = SleepFlag::new();
    for _ in 0..2 {
        assert!(sleep_flag.prepare_to_sleep(|| true));
        assert!(sleep_flag.claim_wake_up());
        assert!(!sleep_flag.claim_wake_up());
        sleep_flag.set_awake();
    }
}

#[test]
fn a_loop_with_a_full_queue_does_not_sleep() {
    let sleep_flag = SleepFlag::new();
    assert!(!sleep_flag.prepare_to_sleep(|| false));
    assert!(!sleep_flag.claim_wake_up(), "it counts as awake");
}

#[test]
fn all_pushes_of_many_threads_reach_a_sleeping_loop() {
    const N_PUSHES: usize = 2_000;
    const N_THREADS: usize = 3;
    let sleep_flag = SleepFlag::new();
    let queue = Mutex::new(VecDeque::new());
    let (notifier, poller) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..N_THREADS {
            let notifier = notifier.clone();
            let (sleep_flag, queue) = (&sleep_flag, &queue);
            scope.spawn(move || {
                for n in 0..N_PUSHES {
                    queue.lock().unwrap().push_back(n);
                    if sleep_flag.claim_wake_up() {
                        notifier.send(()).unwrap();
                    }
                }
            });
        }
        let mut n_arrived = 0;
        while n_arrived < N_THREADS * N_PUSHES {
            if sleep_flag.prepare_to_sleep(|| queue.lock().unwrap().is_empty()) {
                poller.recv().unwrap();
                sleep_flag.set_awake();
            }
            n_arrived += queue.lock().unwrap().drain(..).count();
        }
    });
}

#[test]
fn only_the_first_closer_of_a_gate_gets_true() {
    let gate = Gate::new();
    drop(gate.enter().expect("it is open"));
    assert!(gate.close());
    assert!(gate.enter().is_none());
    assert!(!gate.close());
}

#[test]
fn closing_waits_for_the_pushers_inside() {
    let gate = Gate::new();
    let queue = Mutex::new(Vec::new());
    let (is_inside, both) = (Barrier::new(2), [1, 2]);
    thread::scope(|scope| {
        scope.spawn(|| {
            let guards = [gate.enter(), gate.enter()];
            is_inside.wait();
            queue.lock().unwrap().extend(both);
            drop(guards);
        });
        is_inside.wait();
        assert!(gate.close());
        assert_eq!(*queue.lock().unwrap(), both);
    });
}

#[test]
fn a_pusher_that_panics_leaves_the_gate() {
    let gate = Gate::new();
    thread::scope(|scope| {
        let pusher = scope.spawn(|| {
            let _guard = gate.enter();
            // A panic without the hook's report.
            std::panic::resume_unwind(Box::new(()));
        });
        pusher.join().unwrap_err();
    });
    assert!(gate.close());
}
