//! The waiting room: in every order of the steps, nobody sleeps beside something that is available, unless somebody
//! else was called for it and has yet to come.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use loom::thread;

use crate::waiting_room::WaitingRoom;

/// What wakes a waiter: set is woken.
type Flag = Arc<AtomicBool>;

/// What givers and waiters share.
struct Shared {
    room: WaitingRoom<Flag>,
    /// How many things are available.
    n_available: AtomicUsize,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            room: WaitingRoom::new(),
            n_available: AtomicUsize::new(0),
        })
    }

    fn give(&self) {
        self.n_available.fetch_add(1, Relaxed);
        self.call();
    }

    fn call(&self) {
        if let Some(flag) = self.room.call_one() {
            flag.store(true, Relaxed);
        }
    }

    fn take(&self) -> bool {
        let less = |n: usize| n.checked_sub(1);
        self.n_available
            .fetch_update(Relaxed, Relaxed, less)
            .is_ok()
    }
}

/// How a waiter's part has ended.
#[derive(Debug, PartialEq)]
enum End {
    Took,
    GaveUp,
    /// It sleeps, and was not woken while the model ran so far.
    Sleeps,
}

/// Waits for one thing. A sleep that nothing ends is the end of it, or is given up.
fn wait(shared: &Shared, gives_up: bool) -> (End, Flag) {
    let mut turn = None;
    loop {
        // Written once: of two writes that are not ordered loom believes that either may be the last.
        let flag = Arc::new(AtomicBool::new(false));
        let entered = shared.room.enter(turn, Arc::clone(&flag));
        turn = Some(entered);
        if shared.take() {
            if !shared.room.leave(entered) {
                shared.call();
            }
            return (End::Took, flag);
        }
        if gives_up {
            if !shared.room.leave(entered) {
                shared.call();
            }
            return (End::GaveUp, flag);
        }
        if !flag.load(Relaxed) {
            return (End::Sleeps, flag);
        }
        // Only a call wakes.
        assert!(!shared.room.leave(entered));
        if shared.take() {
            return (End::Took, flag);
        }
    }
}

/// So many waiters, the first of which may give up, and so many givers.
fn model(n_waiters: usize, n_givers: usize, one_gives_up: bool) {
    let mut builder = loom::model::Builder::new();
    if n_waiters + n_givers > 2 {
        builder.preemption_bound = Some(3);
    }
    builder.check(move || {
        let shared = Shared::new();
        let givers: Vec<_> = (0..n_givers)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.give())
            })
            .collect();
        let others: Vec<_> = (1..n_waiters)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || wait(&shared, false))
            })
            .collect();
        let mut ends = vec![wait(&shared, one_gives_up)];
        ends.extend(others.into_iter().map(|other| other.join().unwrap()));
        for giver in givers {
            giver.join().unwrap();
        }
        // Joining makes everything visible here.
        let n_available = shared.n_available.load(Relaxed);
        let is_asleep = |(end, flag): &&(End, Flag)| *end == End::Sleeps && !flag.load(Relaxed);
        let is_woken = |(end, flag): &&(End, Flag)| *end == End::Sleeps && flag.load(Relaxed);
        let n_asleep = ends.iter().filter(is_asleep).count();
        let n_woken = ends.iter().filter(is_woken).count();
        let n_took = ends.iter().filter(|(end, _)| *end == End::Took).count();
        assert_eq!(n_took + n_available, n_givers);
        assert!(
            n_asleep == 0 || n_available <= n_woken,
            "{n_asleep} sleep beside {n_available}, for which {n_woken} were woken"
        );
    });
}

#[test]
fn an_item_given_beside_going_to_sleep_is_seen_or_wakes() {
    model(1, 1, false);
}

#[test]
fn each_of_two_wakes_one() {
    model(1, 2, false);
    model(2, 1, false);
}

#[test]
fn the_wake_up_of_a_waiter_that_leaves_goes_to_the_other() {
    model(2, 1, true);
}

#[test]
fn every_waiter_is_woken_at_the_end() {
    loom::model(|| {
        let shared = Shared::new();
        let is_over = Arc::new(AtomicBool::new(false));
        let waiter = {
            let (shared, is_over) = (Arc::clone(&shared), Arc::clone(&is_over));
            thread::spawn(move || {
                let flag = Arc::new(AtomicBool::new(false));
                let turn = shared.room.enter(None, Arc::clone(&flag));
                if is_over.load(Relaxed) {
                    let _ = shared.room.leave(turn);
                    return None;
                }
                Some(flag)
            })
        };
        is_over.store(true, Relaxed);
        for flag in shared.room.call_all() {
            flag.store(true, Relaxed);
        }
        if let Some(flag) = waiter.join().unwrap() {
            assert!(flag.load(Relaxed), "it sleeps on after the end");
        }
    });
}
