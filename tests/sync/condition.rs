//! The condition: notifications in order, the lock taken again in every case, and no notification
//! lost.

use selvedge::sync::{Condition, Mutex};
use selvedge::task::catch_cancelled;
use selvedge::{Task, run, sleep, spawn, yield_now};

use crate::support::{A_SECOND, Log, finished, in_virtual_loop};

/// Waits once, with the lock, and logs it.
fn waiter(n: usize, lock: &Mutex<u32>, changed: &Condition, log: &Log) -> Task<()> {
    let (lock, changed, log) = (lock.clone(), changed.clone(), log.clone());
    spawn(move || {
        let mut guard = lock.lock();
        changed.wait(&mut guard);
        *guard += 1;
        log.push(format!("{n}"));
    })
}

#[test]
fn waiting_unlocks_and_locks_again() {
    run(|| {
        let (lock, changed, log) = (Mutex::new(0), Condition::new(), Log::default());
        let task = waiter(0, &lock, &changed, &log);
        yield_now();
        let guard = lock.try_lock().expect("the waiter has unlocked it");
        changed.notify_one();
        yield_now();
        yield_now();
        assert!(!task.is_done(), "it has to lock first");
        drop(guard);
        finished(task.join());
        assert_eq!(*lock.lock(), 1);
    });
}

#[test]
fn notifications_go_to_the_longest_waiters() {
    run(|| {
        let (lock, changed, log) = (Mutex::new(0), Condition::new(), Log::default());
        let tasks: Vec<Task<()>> = (0..6).map(|n| waiter(n, &lock, &changed, &log)).collect();
        yield_now();
        changed.notify_one();
        (0..5).for_each(|_| yield_now());
        assert_eq!(log.take(), ["0"]);
        changed.notify(2);
        (0..5).for_each(|_| yield_now());
        assert_eq!(log.take(), ["1", "2"]);
        changed.notify_all();
        tasks.into_iter().for_each(|task| finished(task.join()));
        assert_eq!(log.take(), ["3", "4", "5"]);
        // Without a waiter a notification is not kept.
        changed.notify(3);
        let late = waiter(9, &lock, &changed, &log);
        (0..5).for_each(|_| yield_now());
        assert!(!late.is_done());
        changed.notify(usize::MAX);
        finished(late.join());
    });
}

#[test]
fn wait_while_checks_its_condition_at_each_wake_up() {
    run(|| {
        let (lock, changed) = (Mutex::new(0), Condition::new());
        let (theirs, theirs_changed) = (lock.clone(), changed.clone());
        let task = spawn(move || {
            let mut n = theirs.lock();
            theirs_changed.wait_while(&mut n, |n| *n < 3);
            *n
        });
        for _ in 0..3 {
            (0..3).for_each(|_| yield_now());
            assert!(!task.is_done());
            *lock.lock() += 1;
            changed.notify_all();
        }
        assert_eq!(finished(task.join()), 3);
        // Without a need to wait it does not suspend, so it needs no loop.
    });
    let (lock, changed) = (Mutex::new(5), Condition::default());
    changed.wait_while(&mut lock.lock(), |n| *n < 3);
}

#[test]
fn a_cancelled_waiter_holds_the_lock_again() {
    in_virtual_loop(|| {
        let (lock, changed, log) = (Mutex::new(0), Condition::new(), Log::default());
        let (theirs, theirs_changed, theirs_log) = (lock.clone(), changed.clone(), log.clone());
        let task = spawn(move || {
            let mut guard = theirs.lock();
            let caught = catch_cancelled(|| theirs_changed.wait(&mut guard));
            theirs_log.push("caught");
            *guard += 1;
            assert!(theirs.is_locked());
            caught.unwrap_err().message().unwrap().to_owned()
        });
        yield_now();
        let guard = lock.lock();
        task.cancel_with("enough");
        sleep(A_SECOND);
        assert!(log.take().is_empty(), "it has gone on without the lock");
        drop(guard);
        assert_eq!(finished(task.join()), "enough");
        assert_eq!(*lock.lock(), 1);
    });
}

#[test]
fn cancels_while_relocking_count_as_one() {
    in_virtual_loop(|| {
        let (lock, changed) = (Mutex::new(0), Condition::new());
        let (theirs, theirs_changed) = (lock.clone(), changed.clone());
        let task = spawn(move || {
            let mut guard = theirs.lock();
            let caught = catch_cancelled(|| theirs_changed.wait(&mut guard));
            *guard += 1;
            yield_now();
            caught.unwrap_err().message().unwrap().to_owned()
        });
        yield_now();
        let guard = lock.lock();
        for message in ["one", "two", "three"] {
            task.cancel_with(message);
            sleep(A_SECOND);
        }
        drop(guard);
        assert_eq!(finished(task.join()), "three");
        assert_eq!(*lock.lock(), 1);
    });
}

/// Each waiter holds the lock as soon as it is handed over, also if the waiter is cancelled again
/// at that moment.
#[test]
fn repeated_cancels_do_not_prevent_relocking() {
    run(|| {
        let (lock, changed, log) = (Mutex::new(0), Condition::new(), Log::default());
        let tasks = [0, 1, 2].map(|n| waiter(n, &lock, &changed, &log));
        yield_now();
        let mut guard = Some(lock.lock());
        let mut n_turns = 0;
        while tasks.iter().any(|task| !task.is_done()) {
            tasks.iter().for_each(|task| {
                task.cancel();
            });
            yield_now();
            n_turns += 1;
            if n_turns == 5 {
                guard = None;
            }
            assert!(n_turns < 100, "they take the lock from each other");
        }
        assert!(guard.is_none() && !lock.is_locked());
        assert_eq!(*lock.lock(), 0);
    });
}

#[test]
fn a_notification_to_a_cancelled_waiter_goes_to_the_next() {
    run(|| {
        let (lock, changed, log) = (Mutex::new(0), Condition::new(), Log::default());
        let tasks = [0, 1].map(|n| waiter(n, &lock, &changed, &log));
        yield_now();
        changed.notify_one();
        tasks[0].cancel();
        let [first, second] = tasks;
        finished(second.join());
        assert!(first.join().unwrap_err().is_cancelled());
        assert_eq!(log.take(), ["1"]);
    });
}

#[test]
fn a_cancel_while_relocking_passes_the_notification_on() {
    run(|| {
        let (lock, changed, log) = (Mutex::new(0), Condition::new(), Log::default());
        let tasks = [0, 1].map(|n| waiter(n, &lock, &changed, &log));
        yield_now();
        let guard = lock.lock();
        changed.notify_one();
        (0..3).for_each(|_| yield_now());
        tasks[0].cancel();
        (0..3).for_each(|_| yield_now());
        drop(guard);
        let [first, second] = tasks;
        finished(second.join());
        assert!(first.join().unwrap_err().is_cancelled());
        assert_eq!(log.take(), ["1"]);
    });
}

/// The lock is held by a task that can't go on, so waiting for the lock would not end.
#[test]
fn a_loop_that_closes_for_good_does_not_wait_for_the_lock() {
    let (lock, changed, log) = (Mutex::new(0), Condition::new(), Log::default());
    let event_loop = selvedge::EventLoop::builder()
        .shutdown_timeout(std::time::Duration::ZERO)
        .build()
        .expect("a loop");
    event_loop.set_exception_handler(|_| ());
    let (theirs, theirs_changed, theirs_log) = (lock.clone(), changed.clone(), log.clone());
    drop(event_loop.create_task(move || {
        let mut guard = theirs.lock();
        let _guard = theirs_log.guard("unwound");
        theirs_changed.wait(&mut guard);
    }));
    let theirs = lock.clone();
    drop(event_loop.create_task(move || {
        let _guard = theirs.lock();
        loop {
            let _ = catch_cancelled(|| sleep(A_SECOND));
        }
    }));
    event_loop.call_soon(|| drop(crate::support::soon(crate::support::stop)));
    event_loop.run_forever().expect("it stops");
    drop(event_loop);
    assert_eq!(log.take(), ["unwound"]);
}
