//! `LoopHandle`: callbacks from other threads wake the loop, keep their order, and are never lost.

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use selvedge::event_loop::current_loop;
use selvedge::task::current_task;
use selvedge::{EventLoop, sleep, spawn, yield_now};

use crate::support::{
    AN_HOUR, Log, Reports, event_loop, finished, scaled, shared, soon_threadsafe, stop,
    thread_number, virtual_loop, wait_until_asleep,
};

#[test]
fn a_call_from_another_thread_wakes_a_sleeping_loop() {
    let event_loop = event_loop();
    let (handle, number) = (event_loop.handle(), thread_number());
    let pusher = thread::spawn(move || {
        wait_until_asleep(number);
        soon_threadsafe(&handle, stop);
    });
    event_loop.call_later(AN_HOUR, || panic!("it slept for an hour"));
    event_loop.run_forever().expect("stopped by the thread");
    pusher.join().expect("no panic");
}

#[test]
fn a_call_from_another_thread_wakes_an_idle_loop() {
    let event_loop = event_loop();
    let (handle, number) = (event_loop.handle(), thread_number());
    let promise = event_loop.create_promise::<u32>();
    let pusher = thread::spawn(move || {
        wait_until_asleep(number);
        soon_threadsafe(&handle, stop);
    });
    let outcome = event_loop.run_until_complete(promise.clone());
    assert!(outcome.is_err() && !promise.is_done());
    pusher.join().expect("no panic");
}

#[test]
fn stopping_from_another_thread_wakes_a_sleeping_loop() {
    let event_loop = event_loop();
    let (handle, number) = (event_loop.handle(), thread_number());
    let stopper = thread::spawn(move || {
        wait_until_asleep(number);
        handle.stop().expect("an open loop");
    });
    event_loop.call_later(AN_HOUR, || panic!("it slept for an hour"));
    event_loop.run_forever().expect("stopped by the thread");
    stopper.join().expect("no panic");
}

#[test]
fn a_thread_wakes_a_sleeping_task_through_a_callback() {
    let event_loop = event_loop();
    let (handle, number) = (event_loop.handle(), thread_number());
    let canceller = thread::spawn(move || {
        wait_until_asleep(number);
        let cancel = || {
            assert!(current_task().is_none() && current_loop().is_some());
            for task in selvedge::task::all_tasks() {
                task.cancel_with("from another thread");
            }
        };
        soon_threadsafe(&handle, cancel);
    });
    let error = event_loop
        .run_until_complete(|| sleep(AN_HOUR))
        .expect_err("cancelled");
    assert_eq!(error.message().unwrap(), "from another thread");
    canceller.join().expect("no panic");
}

#[test]
fn the_calls_of_one_thread_keep_their_order() {
    let n_calls = scaled(10_000, 1_000);
    let event_loop = event_loop();
    let handle = event_loop.handle();
    let (sender, receiver) = mpsc::channel();
    let pusher = thread::spawn(move || {
        for n in 0..n_calls {
            let sender = sender.clone();
            let send = move || sender.send(n).expect("the receiver waits");
            soon_threadsafe(&handle, send);
        }
        soon_threadsafe(&handle, stop);
    });
    event_loop.run_forever().expect("stopped by the thread");
    pusher.join().expect("no panic");
    let received: Vec<usize> = receiver.try_iter().collect();
    assert_eq!(received, (0..n_calls).collect::<Vec<_>>());
}

#[test]
fn four_threads_push_ten_thousand_each_and_none_is_lost() {
    const N_THREADS: usize = 4;
    let n_each = scaled(10_000, 500);
    let event_loop = event_loop();
    let start = Arc::new(Barrier::new(N_THREADS));
    let n_run = Arc::new(AtomicUsize::new(0));
    let pushers: Vec<_> = (0..N_THREADS)
        .map(|_| {
            let (handle, start, n_run) = (event_loop.handle(), start.clone(), n_run.clone());
            thread::spawn(move || {
                start.wait();
                for _ in 0..n_each {
                    let n_run = n_run.clone();
                    let count = move || {
                        if n_run.fetch_add(1, Ordering::Relaxed) + 1 == N_THREADS * n_each {
                            stop();
                        }
                    };
                    soon_threadsafe(&handle, count);
                }
            })
        })
        .collect();
    event_loop.run_forever().expect("stopped by the last one");
    assert_eq!(n_run.load(Ordering::Relaxed), N_THREADS * n_each);
    for pusher in pushers {
        pusher.join().expect("no panic");
    }
}

/// Each round, the loop goes to sleep or is about to when the next call arrives: a lost wake-up is a hang here.
#[test]
fn calls_that_race_against_going_to_sleep_are_never_lost() {
    let n_rounds = scaled(20_000, 500);
    let event_loop = event_loop();
    let handle = event_loop.handle();
    let pusher = thread::spawn(move || {
        let (sender, receiver) = mpsc::channel();
        for round in 0..n_rounds {
            let sender = sender.clone();
            let answer = move || sender.send(()).expect("the thread waits");
            soon_threadsafe(&handle, answer);
            // A different amount of work each time, so that the next call hits every point of the loop's turn.
            for _ in 0..round % 64 * 8 {
                std::hint::spin_loop();
            }
            if round % 3 != 0 {
                receiver.recv().expect("an answer");
            }
        }
        soon_threadsafe(&handle, stop);
    });
    event_loop.run_forever().expect("stopped by the thread");
    pusher.join().expect("no wake-up was lost");
}

#[test]
fn calls_that_race_against_timers_and_tasks_are_never_lost() {
    let n_rounds = scaled(3_000, 100);
    let event_loop = event_loop();
    let handle = event_loop.handle();
    let pusher = thread::spawn(move || {
        for _ in 0..n_rounds {
            let (sender, receiver) = mpsc::channel();
            let spawn_one = move || {
                drop(spawn(move || {
                    sleep(std::time::Duration::from_micros(20));
                    yield_now();
                    sender.send(()).expect("the thread waits");
                }));
            };
            soon_threadsafe(&handle, spawn_one);
            receiver.recv().expect("an answer");
        }
        soon_threadsafe(&handle, stop);
    });
    event_loop.run_forever().expect("stopped by the thread");
    pusher.join().expect("no wake-up was lost");
}

#[test]
fn a_call_on_the_loops_own_thread_goes_through_the_queue() {
    let event_loop = event_loop();
    let handle = event_loop.handle();
    let ran = Arc::new(AtomicUsize::new(0));
    let outside = ran.clone();
    let count = move || {
        outside.fetch_add(1, Ordering::Relaxed);
    };
    soon_threadsafe(&handle, count);
    assert_eq!(ran.load(Ordering::Relaxed), 0);
    let seen = shared(0);
    let (inside, saw) = (ran.clone(), Rc::clone(&seen));
    finished(event_loop.run_until_complete(move || {
        let inner = inside.clone();
        let count = move || {
            inner.fetch_add(10, Ordering::Relaxed);
        };
        soon_threadsafe(&handle, count);
        saw.set(inside.load(Ordering::Relaxed));
        while inside.load(Ordering::Relaxed) < 11 {
            yield_now();
        }
    }));
    assert_eq!((seen.get() < 10, ran.load(Ordering::Relaxed)), (true, 11));
}

#[test]
fn callbacks_pushed_before_the_run_run_in_it() {
    let event_loop = event_loop();
    let handle = event_loop.handle();
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    for n in 0..3 {
        let order = order.clone();
        let push = move || order.lock().expect("unpoisoned").push(n);
        soon_threadsafe(&handle, push);
    }
    soon_threadsafe(&handle, stop);
    event_loop.run_forever().expect("stopped");
    assert_eq!(*order.lock().expect("unpoisoned"), [0, 1, 2]);
}

#[test]
fn a_callback_from_another_thread_that_panics_is_reported() {
    let event_loop = event_loop();
    let reports = Reports::of(&event_loop);
    let handle = event_loop.handle();
    let pusher = thread::spawn(move || {
        soon_threadsafe(&handle, || panic!("pushed from far away"));
        soon_threadsafe(&handle, stop);
    });
    event_loop.run_forever().expect("stopped by the thread");
    pusher.join().expect("no panic there");
    let exception = reports.only().exception.expect("the panic");
    assert_eq!(exception.message().unwrap(), "pushed from far away");
}

#[test]
fn a_virtual_clock_waits_for_handles_only_if_nothing_is_due() {
    // A timer is due in virtual time, so the clock jumps; the thread's call arrives at any time.
    let (event_loop, log) = (virtual_loop(), Log::default());
    let handle = event_loop.handle();
    event_loop.call_later(AN_HOUR, log.pusher("an hour"));
    let pusher = thread::spawn(move || {
        soon_threadsafe(&handle, stop);
    });
    event_loop.run_forever().expect("stopped by the thread");
    pusher.join().expect("no panic");
    assert!(log.take().len() <= 1);
}

#[test]
fn a_loop_may_be_stopped_before_it_runs() {
    let event_loop: EventLoop = event_loop();
    let handle = event_loop.handle();
    thread::spawn(move || handle.stop().expect("an open loop"))
        .join()
        .expect("no panic");
    event_loop.run_forever().expect("stopped before");
}

#[test]
fn calls_of_the_loops_own_thread_are_in_order_however_made() {
    let (event_loop, log) = (event_loop(), Log::default());
    // A closure that another thread may call, for an entry of the log, which another thread may not.
    thread_local!(static LOG: std::cell::OnceCell<Log> = const { std::cell::OnceCell::new() });
    LOG.with(|own| own.set(log.clone()).expect("once"));
    let push = |event: &'static str| move || LOG.with(|log| log.get().expect("set").push(event));
    let handle = event_loop.handle();
    soon_threadsafe(&handle, push("1, before the run"));
    event_loop.call_soon(push("2"));
    soon_threadsafe(&handle, push("3"));
    event_loop.create_task(push("4")).detach();
    let main = move || {
        let local = current_loop().unwrap();
        local.call_soon(push("6, in the run")).unwrap();
        soon_threadsafe(&handle, push("7"));
        local.call_soon(push("8")).unwrap();
        soon_threadsafe(&handle, push("9"));
        spawn(push("10")).detach();
        // Messages that another thread has sent before come first.
        let theirs = handle.clone();
        let other = thread::spawn(move || soon_threadsafe(&theirs, push("11")));
        other.join().unwrap();
        soon_threadsafe(&handle, push("12"));
        yield_now();
        yield_now();
    };
    soon_threadsafe(&event_loop.handle(), push("5"));
    finished(event_loop.run_until_complete(main));
    let order = log.take();
    let numbers = order.iter().map(|event| event.split(',').next().unwrap());
    assert!(numbers.eq((1..=12).map(|n| n.to_string())), "{order:?}");
}
