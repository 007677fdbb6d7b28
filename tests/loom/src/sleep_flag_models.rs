//! The sleep flag: no order of the steps leaves the loop asleep beside a full queue, and none notifies a
//! running loop.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;

use crate::sleep_flag::SleepFlag;

/// State that the loop and its pushers share.
struct Shared {
    sleep_flag: SleepFlag,
    /// Number of entries.
    queue: AtomicUsize,
    /// Notifications that the poller has not reported yet. The kernel orders them; relaxed is less than it
    /// promises.
    n_pending: AtomicUsize,
    /// Number of all notifications.
    n_notifications: AtomicUsize,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            sleep_flag: SleepFlag::new(),
            queue: AtomicUsize::new(0),
            n_pending: AtomicUsize::new(0),
            n_notifications: AtomicUsize::new(0),
        })
    }

    fn push(&self) {
        self.queue.fetch_add(1, Relaxed);
        if self.sleep_flag.claim_wake_up() {
            self.n_notifications.fetch_add(1, Relaxed);
            self.n_pending.fetch_add(1, Relaxed);
        }
    }

    fn is_empty(&self) -> bool {
        self.queue.load(Relaxed) == 0
    }
}

/// State of the loop at a model's end.
struct Run {
    n_drained: usize,
    /// Whether the loop sleeps and was not woken while the model ran.
    is_asleep: bool,
}

/// Runs the loop for `n_rounds`. A sleep that no notification ends is ended by another event, such as a
/// socket's, except in the last round.
fn run(shared: &Shared, n_rounds: usize) -> Run {
    let mut run = Run {
        n_drained: 0,
        is_asleep: false,
    };
    for round in 1..=n_rounds {
        if shared.sleep_flag.prepare_to_sleep(|| shared.is_empty()) {
            if shared.n_pending.swap(0, Relaxed) == 0 && round == n_rounds {
                run.is_asleep = true;
                return run;
            }
            shared.sleep_flag.set_awake();
        }
        run.n_drained += shared.queue.swap(0, Relaxed);
    }
    run
}

/// Preemptions that loom tries in one execution. Without a limit the models of several rounds take
/// minutes and find nothing else.
const MAX_PREEMPTIONS: usize = 3;

/// Checks a loop beside `n_pushers`, each of which pushes `n_pushes` times.
fn model(n_pushers: usize, n_pushes: usize, n_rounds: usize) {
    let mut builder = loom::model::Builder::new();
    if n_rounds > 1 {
        builder.preemption_bound = Some(MAX_PREEMPTIONS);
    }
    builder.check(move || {
        let shared = Shared::new();
        let pushers: Vec<_> = (0..n_pushers)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || (0..n_pushes).for_each(|_| shared.push()))
            })
            .collect();
        let run = run(&shared, n_rounds);
        for pusher in pushers {
            pusher.join().unwrap();
        }
        // The joins make all writes visible here.
        let n_queued = shared.queue.load(Relaxed);
        let n_notifications = shared.n_notifications.load(Relaxed);
        assert_eq!(run.n_drained + n_queued, n_pushers * n_pushes);
        if run.is_asleep && n_queued > 0 {
            assert_ne!(
                shared.n_pending.load(Relaxed),
                0,
                "it sleeps beside a full queue"
            );
        }
        // An announcement that found an entry in the queue may have got a notification too.
        assert!(
            n_notifications <= n_rounds,
            "more notifications than announcements of sleep"
        );
    });
}

#[test]
fn a_push_beside_falling_asleep_is_seen_or_wakes() {
    model(1, 1, 1);
}

#[test]
fn each_of_several_pushes_in_a_row_is_seen_or_wakes() {
    model(1, 2, 3);
}

#[test]
fn a_push_of_each_of_two_pushers_is_seen_or_wakes() {
    model(2, 1, 2);
}

#[test]
fn a_sleep_is_ended_by_one_of_two_pushers() {
    model(2, 1, 1);
}

/// The loop announces no sleep while the others push, so no pusher may notify.
#[test]
fn a_running_loop_gets_no_notification() {
    loom::model(|| {
        let shared = Shared::new();
        assert!(shared.sleep_flag.prepare_to_sleep(|| true));
        shared.sleep_flag.set_awake();
        let pushers = [(); 2].map(|()| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.push())
        });
        shared.queue.swap(0, Relaxed);
        for pusher in pushers {
            pusher.join().unwrap();
        }
        assert_eq!(shared.n_notifications.load(Relaxed), 0);
    });
}

/// An entry in the queue keeps the loop from sleeping, and the loop counts as awake again.
#[test]
fn a_loop_that_found_an_entry_gets_no_late_notification() {
    loom::model(|| {
        let shared = Shared::new();
        assert!(!shared.sleep_flag.prepare_to_sleep(|| false));
        let pusher = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.push())
        };
        pusher.join().unwrap();
        assert_eq!(shared.n_notifications.load(Relaxed), 0);
    });
}
