//! Sleeping, the virtual clock, and deadlines at the limits of `Duration`.

use std::io::{Read, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use selvedge::event_loop::current_loop;
use selvedge::net::unix::UnixStream;
use selvedge::task::catch_cancelled;
use selvedge::time::sleep_until;
use selvedge::{Promise, sleep, spawn, yield_now};

use crate::support::{
    A_SECOND, AN_HOUR, Log, event_loop, finished, in_virtual_loop, scaled, shared, virtual_loop,
};

const A_DAY: Duration = Duration::from_secs(24 * 3600);

fn now() -> Instant {
    current_loop()
        .expect("a loop")
        .time()
        .expect("an open loop")
}

#[test]
fn a_year_passes_at_once_under_a_virtual_clock() {
    let event_loop = virtual_loop();
    finished(event_loop.run_until_complete(|| {
        let start = now();
        for day in 1..=365 {
            sleep(A_DAY);
            assert_eq!(now() - start, day * A_DAY);
        }
    }));
    assert_eq!(event_loop.elapsed(), 365 * A_DAY);
}

#[test]
fn a_virtual_clock_stands_still_while_something_runs() {
    in_virtual_loop(|| {
        let start = now();
        for _ in 0..100 {
            yield_now();
        }
        let mut real = Instant::now();
        let until = real + Duration::from_millis(2);
        while real < until {
            real = Instant::now();
        }
        yield_now();
        assert_eq!(now(), start);
    });
}

#[test]
fn sleepers_wake_in_the_order_of_their_deadlines() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let sleepers: Vec<_> = [30, 10, 20, 10]
            .into_iter()
            .enumerate()
            .map(|(n, seconds)| {
                let log = inside.clone();
                spawn(move || {
                    sleep(Duration::from_secs(seconds));
                    log.push(format!("{n} after {seconds}"));
                })
            })
            .collect();
        for sleeper in sleepers {
            finished(sleeper.join());
        }
    });
    assert_eq!(
        log.take(),
        ["1 after 10", "3 after 10", "2 after 20", "0 after 30"]
    );
}

#[test]
fn sleeps_and_timers_of_one_deadline_fire_in_the_order_of_calls() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let deadline = now() + A_SECOND;
        let local = current_loop().expect("a loop");
        local
            .call_at(deadline, inside.pusher("timer 1"))
            .expect("open");
        let sleeper = inside.clone();
        spawn(move || {
            sleep_until(deadline);
            sleeper.push("sleeper");
        })
        .detach();
        yield_now();
        local
            .call_at(deadline, inside.pusher("timer 2"))
            .expect("open");
        sleep(2 * A_SECOND);
    });
    assert_eq!(log.take(), ["timer 1", "sleeper", "timer 2"]);
}

#[test]
fn sleeping_until_a_deadline_ends_at_it() {
    in_virtual_loop(|| {
        let deadline = now() + Duration::from_nanos(1_234_567_891);
        sleep_until(deadline);
        assert_eq!(now(), deadline);
        sleep_until(deadline - A_SECOND);
        assert_eq!(now(), deadline);
    });
}

#[test]
fn the_longest_sleep_never_ends_and_overflows_nothing() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let endless: Vec<_> = [
            Duration::MAX,
            Duration::MAX - Duration::from_nanos(1),
            Duration::from_secs(u64::MAX),
        ]
        .into_iter()
        .map(|duration| {
            let log = inside.clone();
            spawn(move || {
                sleep(duration);
                log.push("an endless sleep ended");
            })
        })
        .collect();
        for _ in 0..100 {
            sleep(365 * A_DAY);
        }
        for sleeper in endless {
            assert!(!sleeper.is_done());
            assert!(sleeper.cancel());
            assert!(sleeper.join().expect_err("cancelled").is_cancelled());
        }
    });
    assert!(log.take().is_empty());
}

#[test]
fn the_longest_timer_never_fires_and_overflows_nothing() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let handle = event_loop.call_later(Duration::MAX, log.pusher("it fired"));
    assert!(handle.when() > event_loop.time());
    finished(event_loop.run_until_complete(|| sleep(1000 * A_DAY)));
    assert!(log.take().is_empty());
    handle.cancel();
}

#[test]
fn the_longest_sleep_under_a_real_clock_can_be_cancelled() {
    let event_loop = event_loop();
    finished(event_loop.run_until_complete(|| {
        let sleeper = spawn(|| catch_cancelled(|| sleep(Duration::MAX)).is_err());
        for _ in 0..3 {
            sleep(Duration::from_millis(1));
        }
        sleeper.cancel();
        assert!(finished(sleeper.join()));
    }));
}

#[test]
fn a_sleep_is_never_short() {
    let event_loop = event_loop();
    finished(event_loop.run_until_complete(|| {
        for microseconds in [1, 10, 99, 100, 101, 500, 999, 1000, 1001, 2500] {
            let duration = Duration::from_micros(microseconds);
            let start = Instant::now();
            sleep(duration);
            // Timers due within the clock's resolution fire with it; that is a nanosecond on Linux.
            assert!(
                start.elapsed() + Duration::from_micros(1) >= duration,
                "{duration:?}"
            );
        }
    }));
}

#[test]
fn the_clock_of_a_loop_follows_the_real_one() {
    let event_loop = event_loop();
    let (before, elapsed) = (event_loop.time(), event_loop.elapsed());
    finished(event_loop.run_until_complete(|| sleep(Duration::from_millis(3))));
    assert!(event_loop.time() - before >= Duration::from_millis(2));
    assert!(event_loop.elapsed() > elapsed);
}

/// Processor time that this thread has used.
fn processor_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: fills the value on this stack.
    let got = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(got, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A loop that spins until a deadline uses all of the processor's time until then; one that sleeps uses a few
/// microseconds a sleep. However slow or busy the machine is, these are far from half of it.
#[test]
fn sleeps_below_a_millisecond_do_not_spin() {
    if scaled(1, 0) == 0 {
        return; // An emulator's own work is not small relative to such a sleep.
    }
    let event_loop = event_loop();
    finished(event_loop.run_until_complete(|| {
        for microseconds in [900, 1_500] {
            let (start, used) = (Instant::now(), processor_time());
            for _ in 0..200 {
                sleep(Duration::from_micros(microseconds));
            }
            let (passed, used) = (start.elapsed(), processor_time() - used);
            assert!(
                used < passed / 2,
                "{used:?} of {passed:?} at {microseconds} us"
            );
        }
    }));
}

#[test]
fn many_sleepers_wake_once_each_and_none_early() {
    let n_sleepers = scaled(10_000, 500) as u64;
    let n_woken = shared(0);
    let woken = Rc::clone(&n_woken);
    in_virtual_loop(move || {
        let sleepers: Vec<_> = (0..n_sleepers)
            .map(|n| {
                let woken = Rc::clone(&woken);
                // A multiplication by an odd number visits the residues in a scattered order.
                let duration = Duration::from_micros(n * 7919 % n_sleepers);
                spawn(move || {
                    let deadline = now() + duration;
                    sleep_until(deadline);
                    woken.set(woken.get() + 1);
                    now() >= deadline
                })
            })
            .collect();
        assert!(sleepers.into_iter().all(|sleeper| finished(sleeper.join())));
    });
    assert_eq!(n_woken.get(), n_sleepers);
}

#[test]
fn a_cancelled_sleep_removes_its_deadline() {
    let event_loop = virtual_loop();
    finished(event_loop.run_until_complete(|| {
        let start = now();
        let sleeper = spawn(|| sleep(AN_HOUR));
        yield_now();
        sleeper.cancel();
        assert!(sleeper.join().is_err());
        sleep(A_SECOND);
        assert_eq!(now() - start, A_SECOND);
    }));
    assert_eq!(event_loop.elapsed(), A_SECOND);
}

#[test]
fn a_real_sleep_and_a_real_timer_end_among_yielding_tasks() {
    let event_loop = event_loop();
    let log = Log::default();
    let inside = log.clone();
    finished(event_loop.run_until_complete(move || {
        let storm = spawn(|| {
            loop {
                yield_now();
            }
        });
        let start = now();
        let has_come = Promise::new();
        let (comes, push) = (has_come.clone(), inside.pusher("timer"));
        let timer = current_loop()
            .expect("a loop")
            .call_at(start + Duration::from_millis(4), move || {
                push();
                comes.set_result(()).expect("pending");
            })
            .expect("an open loop");
        sleep_until(start + Duration::from_millis(2));
        inside.push("sleeper");
        finished(has_come.wait());
        assert!(!timer.is_cancelled());
        storm.cancel();
        assert!(storm.join().is_err());
    }));
    assert_eq!(log.take(), ["sleeper", "timer"]);
}

/// An `Instant` of every platform holds a century, of most platforms far more.
#[test]
fn timeouts_of_sockets_work_after_two_centuries() {
    in_virtual_loop(|| {
        let (mut near, mut far) = UnixStream::pair().unwrap();
        near.set_read_timeout(Some(AN_HOUR)).unwrap();
        sleep(2 * 366 * 100 * A_DAY);
        spawn(move || {
            sleep(A_SECOND);
            far.write_all(b"!").unwrap();
        })
        .detach();
        assert_eq!(near.read(&mut [0; 8]).unwrap(), 1);
    });
}
