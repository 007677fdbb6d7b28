//! The event count: in every order of the steps, no waiter sleeps beside an available item, unless another
//! waiter was notified of it and has not run yet.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use loom::thread;

use crate::event_count::EventCount;

/// A waiter's flag; set when the waiter is woken.
type Flag = Arc<AtomicBool>;

/// State that providers and waiters share.
struct Shared {
    event_count: EventCount<Flag>,
    /// Number of available items.
    n_available: AtomicUsize,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            event_count: EventCount::new(),
            n_available: AtomicUsize::new(0),
        })
    }

    fn provide(&self) {
        self.n_available.fetch_add(1, Relaxed);
        self.notify();
    }

    fn notify(&self) {
        if let Some(flag) = self.event_count.notify_one() {
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

/// State of a waiter at a model's end.
#[derive(Debug, PartialEq)]
enum End {
    Took,
    GaveUp,
    /// The waiter sleeps and was not woken so far.
    Sleeps,
}

/// Waits for one item. A sleep that is not ended ends the wait, as `Sleeps` or `GaveUp`.
fn wait(shared: &Shared, gives_up: bool) -> (End, Flag) {
    let mut ticket = None;
    loop {
        // A new flag for each sleep: loom lets either of two unordered writes be the last.
        let flag = Arc::new(AtomicBool::new(false));
        let entered = shared.event_count.register(ticket, Arc::clone(&flag));
        ticket = Some(entered);
        if shared.take() {
            if !shared.event_count.unregister(entered) {
                shared.notify();
            }
            return (End::Took, flag);
        }
        if gives_up {
            if !shared.event_count.unregister(entered) {
                shared.notify();
            }
            return (End::GaveUp, flag);
        }
        if !flag.load(Relaxed) {
            return (End::Sleeps, flag);
        }
        // Only a notification wakes.
        assert!(!shared.event_count.unregister(entered));
        if shared.take() {
            return (End::Took, flag);
        }
    }
}

/// Checks `n_waiters`, the first of which may give up, beside `n_providers`.
fn model(n_waiters: usize, n_providers: usize, one_gives_up: bool) {
    let mut builder = loom::model::Builder::new();
    if n_waiters + n_providers > 2 {
        builder.preemption_bound = Some(3);
    }
    builder.check(move || {
        let shared = Shared::new();
        let providers: Vec<_> = (0..n_providers)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.provide())
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
        for provider in providers {
            provider.join().unwrap();
        }
        // The joins make all writes visible here.
        let n_available = shared.n_available.load(Relaxed);
        let is_asleep = |(end, flag): &&(End, Flag)| *end == End::Sleeps && !flag.load(Relaxed);
        let is_woken = |(end, flag): &&(End, Flag)| *end == End::Sleeps && flag.load(Relaxed);
        let n_asleep = ends.iter().filter(is_asleep).count();
        let n_woken = ends.iter().filter(is_woken).count();
        let n_took = ends.iter().filter(|(end, _)| *end == End::Took).count();
        assert_eq!(n_took + n_available, n_providers);
        assert!(
            n_asleep == 0 || n_available <= n_woken,
            "{n_asleep} sleep beside {n_available}, for which {n_woken} were woken"
        );
    });
}

#[test]
fn an_item_beside_falling_asleep_is_seen_or_wakes() {
    model(1, 1, false);
}

#[test]
fn no_wake_up_is_lost_among_unequal_numbers() {
    model(1, 2, false);
    model(2, 1, false);
}

#[test]
fn the_notification_of_a_leaving_waiter_goes_to_the_other() {
    model(2, 1, true);
}

#[test]
fn notify_all_wakes_every_waiter() {
    loom::model(|| {
        let shared = Shared::new();
        let is_closed = Arc::new(AtomicBool::new(false));
        let waiter = {
            let (shared, is_closed) = (Arc::clone(&shared), Arc::clone(&is_closed));
            thread::spawn(move || {
                let flag = Arc::new(AtomicBool::new(false));
                let ticket = shared.event_count.register(None, Arc::clone(&flag));
                if is_closed.load(Relaxed) {
                    let _ = shared.event_count.unregister(ticket);
                    return None;
                }
                Some(flag)
            })
        };
        is_closed.store(true, Relaxed);
        for flag in shared.event_count.notify_all() {
            flag.store(true, Relaxed);
        }
        if let Some(flag) = waiter.join().unwrap() {
            assert!(flag.load(Relaxed), "the waiter sleeps on after the close");
        }
    });
}
