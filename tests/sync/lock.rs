//! The lock: one holder at a time, in order, however a holder ends.

use selvedge::sync::Mutex;
use selvedge::{RunError, Task, gather, run, sleep, spawn, spawn_named, try_run, yield_now};

use crate::support::{A_SECOND, Hops, Log, caught, finished, in_virtual_loop, shared};

#[test]
fn one_task_at_a_time_holds_the_lock() {
    in_virtual_loop(|| {
        let lock = Mutex::new(0_u64);
        let n_inside = shared(0);
        let tasks: Vec<Task<()>> = (0..20)
            .map(|n| {
                let (lock, n_inside) = (lock.clone(), n_inside.clone());
                spawn(move || {
                    for _ in 0..5 {
                        let mut value = lock.lock();
                        assert_eq!(n_inside.replace(1), 0);
                        let before = *value;
                        sleep(A_SECOND * (n % 3));
                        *value = before + 1;
                        n_inside.set(0);
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| finished(task.join()));
        assert_eq!(*lock.lock(), 100);
    });
}

#[test]
fn the_lock_is_handed_over_in_the_order_of_requests() {
    run(|| {
        let (lock, log) = (Mutex::new(()), Log::default());
        let guard = lock.lock();
        let tasks: Vec<Task<()>> = (0..3)
            .map(|n| {
                let (lock, log) = (lock.clone(), log.clone());
                spawn(move || {
                    let _guard = lock.lock();
                    log.push(format!("{n}"));
                })
            })
            .collect();
        yield_now();
        drop(guard);
        // The lock is being handed to the first waiter.
        assert!(lock.is_locked());
        assert!(lock.try_lock().is_none());
        drop(lock.lock());
        assert_eq!(log.take(), ["0", "1", "2"]);
        tasks.into_iter().for_each(|task| finished(task.join()));
        assert!(!lock.is_locked());
    });
}

#[test]
fn the_next_waiter_resumes_one_hop_after_the_unlock() {
    run(|| {
        let lock = Mutex::new(());
        let guard = lock.lock();
        let hops = Hops::start();
        let (theirs, counter) = (lock.clone(), hops.counter());
        let next = spawn(move || {
            let _guard = theirs.lock();
            counter.get()
        });
        yield_now();
        yield_now();
        let before = hops.count();
        drop(guard);
        assert_eq!(finished(next.join()) - before, 1);
        assert_eq!(hops.during(|| drop(lock.lock())), 0);
    });
}

#[test]
fn a_cancelled_waiter_passes_the_lock_on() {
    run(|| {
        let (lock, log) = (Mutex::new(()), Log::default());
        let guard = lock.lock();
        let tasks = [0, 1, 2].map(|n| {
            let (lock, log) = (lock.clone(), log.clone());
            spawn(move || {
                let _guard = lock.lock();
                log.push(format!("{n}"));
            })
        });
        yield_now();
        tasks[1].cancel();
        drop(guard);
        tasks[0].cancel();
        let [first, second, third] = tasks;
        finished(third.join());
        assert!(first.join().is_err() && second.join().is_err());
        assert_eq!(log.take(), ["2"]);
        assert!(lock.try_lock().is_some());
    });
}

#[test]
fn a_cancel_or_panic_of_the_holder_unlocks_without_poison() {
    run(|| {
        let lock = Mutex::new(1);
        for panics in [false, true] {
            let theirs = lock.clone();
            let holder = spawn(move || {
                let mut value = theirs.lock();
                *value += 1;
                yield_now();
                assert!(!panics, "torn");
                selvedge::Promise::<()>::new().wait()
            });
            yield_now();
            if !panics {
                holder.cancel();
            }
            assert!(holder.join().is_err());
        }
        assert_eq!(*lock.try_lock().expect("it is unlocked"), 3);
    });
}

#[test]
fn a_forgotten_guard_keeps_the_lock_locked() {
    let mut lock = Mutex::new(String::from("warp"));
    std::mem::forget(lock.lock());
    assert!(lock.is_locked());
    assert!(lock.try_lock().is_none());
    assert_eq!(format!("{lock:?}"), "Mutex { value: <locked>, .. }");
    // A sole owner can still take the value.
    lock.get_mut().expect("the only handle").push('p');
    let other = lock.clone();
    assert!(lock.get_mut().is_none());
    let lock = lock.try_into_inner().expect_err("there are two");
    drop(other);
    assert_eq!(lock.try_into_inner().expect("one"), "warpp");
}

#[test]
fn a_lock_that_tasks_have_waited_for_gives_its_value_away() {
    let lock = selvedge::run(|| {
        let lock = Mutex::new(String::from("warp"));
        let held = lock.lock();
        let other = lock.clone();
        let waiting = spawn(move || other.lock().push('p'));
        yield_now();
        drop(held);
        waiting.join().expect("no error");
        lock
    });
    assert_eq!(lock.try_into_inner().expect("one handle"), "warpp");
}

#[test]
fn locking_twice_is_a_deadlock_that_names_the_holder() {
    let outcome = try_run(|| {
        let lock = Mutex::new(1);
        let task = spawn_named("weaver", move || {
            let first = lock.lock();
            let second = lock.lock();
            *first + *second
        });
        let id = task.id();
        let _ = task.join();
        id
    });
    let Err(RunError::Deadlock(deadlock)) = outcome else {
        panic!("not a deadlock: {outcome:?}");
    };
    let (_, what) = deadlock
        .waits()
        .find(|(who, _)| *who == "weaver")
        .expect("the weaver");
    assert!(what.contains("lock made at tests/sync/lock.rs"), "{what}");
    let holder = "which the task weaver has locked at tests/sync/lock.rs";
    assert!(what.contains(holder), "{what}");
    assert_eq!(deadlock.cycle().unwrap(), ["weaver", "weaver"]);
}

#[test]
fn tasks_that_hold_each_others_locks_are_a_cycle() {
    let outcome = try_run(|| {
        let (warp, weft) = (Mutex::new(1), Mutex::new(2));
        let both = |name, first: &Mutex<u32>, second: &Mutex<u32>| {
            let (first, second) = (first.clone(), second.clone());
            spawn_named(name, move || {
                let held = first.lock();
                yield_now();
                *held + *second.lock()
            })
        };
        gather([both("warper", &warp, &weft), both("wefter", &weft, &warp)])
    });
    let Err(RunError::Deadlock(deadlock)) = outcome else {
        panic!("not a deadlock: {outcome:?}");
    };
    assert_eq!(deadlock.cycle().unwrap(), ["warper", "wefter", "warper"]);
}

#[test]
fn a_value_may_be_unsized_and_shown() {
    let lock: Mutex<Vec<i32>> = Mutex::from(vec![1]);
    assert_eq!(format!("{lock:?}"), "Mutex { value: [1], .. }");
    let mut guard = lock.lock();
    guard.push(2);
    assert_eq!(format!("{guard:?}"), "[1, 2]");
    drop(guard);
    assert_eq!(Mutex::<u8>::default().lock().to_string(), "0");
}

/// The value's `Debug` may use its own lock.
#[test]
fn the_debug_output_locks_the_lock() {
    struct Sly(std::cell::RefCell<Option<Mutex<Sly>>>);
    impl std::fmt::Debug for Sly {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            let lock = self.0.borrow();
            let is_locked = lock.as_ref().expect("a cycle").try_lock().is_none();
            write!(f, "locked: {is_locked}")
        }
    }
    let lock = Mutex::new(Sly(None.into()));
    *lock.lock().0.borrow_mut() = Some(lock.clone());
    assert!(format!("{lock:?}").contains("locked: true"));
    lock.lock().0.take();
}

#[test]
fn a_lock_held_at_the_end_of_a_loop_is_unlocked_by_the_unwind() {
    let lock = Mutex::new(0);
    let theirs = lock.clone();
    run(move || {
        for _ in 0..3 {
            let lock = theirs.clone();
            spawn(move || {
                let mut value = lock.lock();
                *value += 1;
                selvedge::sleep(crate::support::AN_HOUR);
            })
            .detach();
        }
        yield_now();
    });
    assert!(!lock.is_locked());
    // The waiters were cancelled before they got the lock.
    assert_eq!(*lock.lock(), 1);
}

#[test]
fn locking_needs_a_task_only_for_waiting() {
    let lock = Mutex::new(());
    let guard = lock.lock();
    let text = crate::support::sentence(|| drop(lock.lock()));
    assert!(text.contains("no event loop"), "{text}");
    drop(guard);
    drop(caught(|| {
        let _guard = lock.lock();
        panic!("torn");
    }));
    assert!(!lock.is_locked());
}
