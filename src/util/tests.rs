//! The protocols with real threads. That every order of their steps is right, `tests/loom` shows.

use super::doorbell::{Doorbell, Gate};

use std::collections::VecDeque;
use std::sync::{Barrier, Mutex, mpsc};
use std::thread;

#[test]
fn an_awake_loop_is_not_notified() {
    let doorbell = Doorbell::new();
    assert!(!doorbell.ring());
    assert!(doorbell.prepare_to_sleep(|| true));
    doorbell.awake();
    assert!(!doorbell.ring());
}

#[test]
fn a_sleep_is_notified_once() {
    let doorbell = Doorbell::new();
    for _ in 0..2 {
        assert!(doorbell.prepare_to_sleep(|| true));
        assert!(doorbell.ring());
        assert!(!doorbell.ring());
        doorbell.awake();
    }
}

#[test]
fn a_loop_with_a_full_queue_does_not_sleep() {
    let doorbell = Doorbell::new();
    assert!(!doorbell.prepare_to_sleep(|| false));
    assert!(!doorbell.ring(), "it counts as awake");
}

#[test]
fn pushes_from_many_threads_all_arrive_at_a_loop_that_sleeps() {
    const N_PUSHES: usize = 2_000;
    const N_THREADS: usize = 3;
    let doorbell = Doorbell::new();
    let queue = Mutex::new(VecDeque::new());
    let (notifier, poller) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..N_THREADS {
            let notifier = notifier.clone();
            let (doorbell, queue) = (&doorbell, &queue);
            scope.spawn(move || {
                for n in 0..N_PUSHES {
                    queue.lock().unwrap().push_back(n);
                    if doorbell.ring() {
                        notifier.send(()).unwrap();
                    }
                }
            });
        }
        let mut n_arrived = 0;
        while n_arrived < N_THREADS * N_PUSHES {
            if doorbell.prepare_to_sleep(|| queue.lock().unwrap().is_empty()) {
                poller.recv().unwrap();
                doorbell.awake();
            }
            n_arrived += queue.lock().unwrap().drain(..).count();
        }
    });
}

#[test]
fn only_the_first_close_of_a_gate_returns_true() {
    let gate = Gate::new();
    drop(gate.enter().expect("it is open"));
    assert!(gate.close());
    assert!(gate.enter().is_none());
    assert!(!gate.close());
}

#[test]
fn closing_waits_for_pushers_inside() {
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
            // Without the hook's report, as it is meant.
            std::panic::resume_unwind(Box::new(()));
        });
        pusher.join().unwrap_err();
    });
    assert!(gate.close());
}
