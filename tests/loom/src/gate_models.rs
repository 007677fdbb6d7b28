//! The gate: in every order of the steps, each push is either seen by the closer that drains, or refused.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::thread;

use crate::sleep_flag::Gate;

/// State of two pushers, each with its own place in the queue.
struct Shared {
    gate: Gate,
    queue: [AtomicBool; 2],
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            gate: Gate::new(),
            queue: [AtomicBool::new(false), AtomicBool::new(false)],
        })
    }

    /// False if the gate refused the push.
    fn push(&self, place: usize) -> bool {
        let Some(_guard) = self.gate.enter() else {
            return false;
        };
        self.queue[place].store(true, Relaxed);
        true
    }

    /// Closes the gate; returns whether it was the first closer, and the queue's content.
    fn close_and_drain(&self) -> (bool, [bool; 2]) {
        let is_first = self.gate.close();
        (
            is_first,
            [0, 1].map(|place| self.queue[place].load(Relaxed)),
        )
    }
}

fn spawn_pusher(shared: &Arc<Shared>, place: usize) -> thread::JoinHandle<bool> {
    let shared = Arc::clone(shared);
    thread::spawn(move || shared.push(place))
}

#[test]
fn a_push_beside_closing_is_drained_or_refused() {
    loom::model(|| {
        let shared = Shared::new();
        let pusher = spawn_pusher(&shared, 0);
        let (is_first, drained) = shared.close_and_drain();
        assert!(is_first);
        assert_eq!(drained, [pusher.join().unwrap(), false]);
    });
}

#[test]
fn each_of_two_pushes_is_drained_or_handed_back() {
    loom::model(|| {
        let shared = Shared::new();
        let pushers = [0, 1].map(|place| spawn_pusher(&shared, place));
        let (is_first, drained) = shared.close_and_drain();
        assert!(is_first);
        assert_eq!(drained, pushers.map(|pusher| pusher.join().unwrap()));
    });
}

#[test]
fn two_closers_see_every_push_and_one_is_the_first() {
    loom::model(|| {
        let shared = Shared::new();
        let other_closer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || (shared.push(0), shared.close_and_drain()))
        };
        let is_pushed = shared.push(1);
        let (is_first, drained) = shared.close_and_drain();
        let (is_other_pushed, (is_other_first, drained_by_other)) = other_closer.join().unwrap();
        let pushed = [is_other_pushed, is_pushed];
        assert_eq!([drained, drained_by_other], [pushed; 2]);
        assert!(is_first != is_other_first);
    });
}

#[test]
fn after_closing_every_push_is_refused() {
    loom::model(|| {
        let shared = Shared::new();
        shared.gate.close();
        let pusher = spawn_pusher(&shared, 0);
        assert!(!pusher.join().unwrap());
        assert_eq!(shared.close_and_drain(), (false, [false; 2]));
    });
}
