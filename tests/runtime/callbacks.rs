//! `call_soon`, `call_later`, `call_at`: order, cancelling, and the drops of the closures.

use std::rc::Rc;
use std::time::{Duration, Instant};

use selvedge::event_loop::current_loop;
use selvedge::task::current_task;
use selvedge::{EventLoop, sleep};

use crate::support::{
    A_SECOND, AN_HOUR, Log, OnDrop, event_loop, finished, in_virtual_loop, shared, soon, stop,
    virtual_loop,
};

fn run_for(event_loop: &EventLoop, duration: Duration) {
    finished(event_loop.run_until_complete(move || sleep(duration)));
}

#[test]
fn callbacks_run_in_the_order_of_the_calls() {
    let (event_loop, log) = (event_loop(), Log::default());
    for n in 0..1000 {
        let log = log.clone();
        event_loop.call_soon(move || log.push(n.to_string()));
    }
    event_loop.call_soon(stop);
    event_loop.run_forever().expect("stopped");
    let expected: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    assert_eq!(log.take(), expected);
}

#[test]
fn timers_fire_in_the_order_of_their_deadlines() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    for seconds in [5, 1, 4, 2, 3] {
        let log = log.clone();
        event_loop.call_later(Duration::from_secs(seconds), move || {
            log.push(seconds.to_string());
        });
    }
    run_for(&event_loop, 10 * A_SECOND);
    assert_eq!(log.take(), ["1", "2", "3", "4", "5"]);
}

#[test]
fn equal_deadlines_fire_in_the_order_of_the_calls() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let deadline = event_loop.time() + A_SECOND;
    for n in 0..1000 {
        let log = log.clone();
        event_loop.call_at(deadline, move || log.push(n.to_string()));
    }
    run_for(&event_loop, 2 * A_SECOND);
    let expected: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    assert_eq!(log.take(), expected);
}

#[test]
fn equal_deadlines_stay_in_order_when_some_are_cancelled() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let deadline = event_loop.time() + A_SECOND;
    let mut handles = Vec::new();
    for n in 0..1000 {
        let log = log.clone();
        handles.push(event_loop.call_at(deadline, move || log.push(n.to_string())));
    }
    // Not in order, so that the timers' heap is well mixed.
    for step in 0..1000 {
        let n = step * 7 % 1000;
        if n % 3 != 0 {
            handles[n].cancel();
        }
    }
    run_for(&event_loop, 2 * A_SECOND);
    let expected: Vec<String> = (0..1000).step_by(3).map(|n| n.to_string()).collect();
    assert_eq!(log.take(), expected);
}

#[test]
fn deadlines_in_the_past_fire_in_deadline_order() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    run_for(&event_loop, AN_HOUR);
    let now = event_loop.time();
    for seconds_ago in [1, 3, 0, 2] {
        let log = log.clone();
        event_loop.call_at(now - Duration::from_secs(seconds_ago), move || {
            log.push(format!("{seconds_ago} s ago"));
        });
    }
    run_for(&event_loop, A_SECOND);
    assert_eq!(log.take(), ["3 s ago", "2 s ago", "1 s ago", "0 s ago"]);
}

#[test]
fn deadlines_in_the_past_fire_under_a_real_clock_as_well() {
    let (event_loop, log) = (event_loop(), Log::default());
    let now = event_loop.time();
    event_loop.call_at(now, log.pusher("now"));
    event_loop.call_at(now - Duration::from_nanos(1), log.pusher("before"));
    event_loop.call_later(Duration::from_millis(1), stop);
    event_loop.run_forever().expect("stopped");
    assert_eq!(log.take(), ["before", "now"]);
}

#[test]
fn a_callback_sees_its_own_deadline_reached() {
    let event_loop = event_loop();
    for microseconds in [0, 1, 10, 100, 1000, 5000] {
        let deadline = Instant::now() + Duration::from_micros(microseconds);
        let fired_at = shared(None);
        let at = Rc::clone(&fired_at);
        let handle = event_loop.call_at(deadline, move || {
            at.set(Some(Instant::now()));
            stop();
        });
        assert_eq!(handle.when(), deadline);
        event_loop.run_forever().expect("stopped");
        // Within the clock's resolution, which is far below a tenth of a millisecond on every supported system.
        let fired_at = fired_at.get().expect("it fired");
        assert!(fired_at + Duration::from_micros(100) >= deadline);
    }
}

#[test]
fn a_cancelled_callback_never_runs_and_drops_at_once() {
    let (event_loop, log) = (event_loop(), Log::default());
    let (guard, ran) = (log.guard("dropped"), log.clone());
    let handle = event_loop.call_soon(move || {
        let _guard = guard;
        ran.push("ran");
    });
    assert!(!handle.is_cancelled());
    handle.cancel();
    assert!(handle.is_cancelled());
    assert_eq!(log.take(), ["dropped"]);
    handle.cancel();
    event_loop.call_soon(stop);
    event_loop.run_forever().expect("stopped");
    assert!(log.take().is_empty());
}

#[test]
fn a_cancelled_timer_never_fires_and_drops_its_closure_at_once() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let (guard, ran) = (log.guard("dropped"), log.clone());
    let handle = event_loop.call_later(A_SECOND, move || {
        let _guard = guard;
        ran.push("ran");
    });
    handle.cancel();
    assert!(handle.is_cancelled());
    assert_eq!(log.take(), ["dropped"]);
    run_for(&event_loop, 2 * A_SECOND);
    assert!(log.take().is_empty());
}

#[test]
fn a_due_timer_can_still_be_cancelled_by_an_earlier_callback() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let victim = Rc::new(std::cell::RefCell::new(
        None::<selvedge::event_loop::TimerHandle>,
    ));
    let of_first = Rc::clone(&victim);
    let deadline = event_loop.time() + A_SECOND;
    event_loop.call_at(deadline, move || {
        of_first.borrow_mut().take().expect("a handle").cancel();
    });
    *victim.borrow_mut() = Some(event_loop.call_at(deadline, log.pusher("the victim ran")));
    run_for(&event_loop, 2 * A_SECOND);
    assert!(log.take().is_empty());
}

#[test]
fn a_ready_callback_can_be_cancelled_by_an_earlier_one() {
    let (event_loop, log) = (event_loop(), Log::default());
    let victim = Rc::new(std::cell::RefCell::new(
        None::<selvedge::event_loop::CallbackHandle>,
    ));
    let of_first = Rc::clone(&victim);
    event_loop.call_soon(move || of_first.borrow_mut().take().expect("a handle").cancel());
    *victim.borrow_mut() = Some(event_loop.call_soon(log.pusher("the victim ran")));
    event_loop.call_soon(stop);
    event_loop.run_forever().expect("stopped");
    assert!(log.take().is_empty());
}

#[test]
fn cancelling_after_the_callback_ran_changes_nothing() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let soon = event_loop.call_soon(log.pusher("soon"));
    let later = event_loop.call_later(A_SECOND, log.pusher("later"));
    run_for(&event_loop, 2 * A_SECOND);
    soon.cancel();
    later.cancel();
    run_for(&event_loop, 2 * A_SECOND);
    assert_eq!(log.take(), ["soon", "later"]);
}

#[test]
fn dropping_a_handle_cancels_nothing() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    drop(event_loop.call_soon(log.pusher("soon")));
    drop(event_loop.call_later(A_SECOND, log.pusher("later")));
    run_for(&event_loop, 2 * A_SECOND);
    assert_eq!(log.take(), ["soon", "later"]);
}

#[test]
fn handles_outlive_their_loop() {
    let (event_loop, log) = (event_loop(), Log::default());
    let soon = event_loop.call_soon(log.pusher("ran"));
    let later = event_loop.call_later(A_SECOND, log.pusher("ran"));
    drop(event_loop);
    soon.cancel();
    later.cancel();
    let _still_answers = (soon.is_cancelled(), later.is_cancelled(), later.when());
    assert!(log.take().is_empty());
}

#[test]
fn a_closure_is_dropped_once_it_has_run() {
    let (event_loop, log) = (event_loop(), Log::default());
    let guard = log.guard("dropped");
    let handle = event_loop.call_soon(move || drop(guard));
    let later = log.clone();
    event_loop.call_soon(move || {
        later.push("the next one");
        stop();
    });
    event_loop.run_forever().expect("stopped");
    assert_eq!(log.take(), ["dropped", "the next one"]);
    drop(handle);
}

#[test]
fn cancelled_and_live_timers_may_be_mixed_at_random() {
    const N_TIMERS: u64 = 20_000;
    let event_loop = virtual_loop();
    let (fired, start) = (
        Rc::new(std::cell::RefCell::new(Vec::new())),
        event_loop.time(),
    );
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut expected = Vec::new();
    for n in 0..N_TIMERS {
        let milliseconds = next() % 1_000;
        let inside = Rc::clone(&fired);
        let deadline = start + Duration::from_millis(milliseconds);
        let handle = event_loop.call_at(deadline, move || {
            inside.borrow_mut().push((milliseconds, n))
        });
        if next().is_multiple_of(4) {
            expected.push((milliseconds, n));
        } else {
            handle.cancel();
        }
    }
    run_for(&event_loop, 2 * A_SECOND);
    expected.sort_unstable();
    assert_eq!(*fired.borrow(), expected);
}

#[test]
fn a_callback_has_a_current_loop_and_no_current_task() {
    in_virtual_loop(|| {
        let seen = shared(None);
        let inside = Rc::clone(&seen);
        soon(move || inside.set(Some((current_task().is_none(), current_loop().is_some()))));
        sleep(Duration::ZERO);
        assert_eq!(seen.get(), Some((true, true)));
    });
}

#[test]
fn timers_may_be_made_and_cancelled_inside_timers() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let inside = log.clone();
    event_loop.call_later(A_SECOND, move || {
        let local = current_loop().expect("a loop");
        let _ = local
            .call_later(Duration::ZERO, inside.pusher("at once"))
            .expect("open");
        let _ = local
            .call_later(A_SECOND, inside.pusher("a second later"))
            .expect("open");
        let never = local
            .call_later(A_SECOND, inside.pusher("never"))
            .expect("open");
        never.cancel();
    });
    run_for(&event_loop, A_SECOND + A_SECOND / 2);
    assert_eq!(log.take(), ["at once"]);
    run_for(&event_loop, A_SECOND);
    assert_eq!(log.take(), ["a second later"]);
}

#[test]
fn a_cancelled_closures_destructor_may_schedule_callbacks() {
    let (event_loop, log) = (event_loop(), Log::default());
    let (local, inside) = (event_loop.local(), log.clone());
    let on_drop = OnDrop(move || {
        local
            .call_soon(inside.pusher("scheduled by a drop"))
            .expect("open");
    });
    event_loop.call_soon(move || drop(on_drop)).cancel();
    event_loop.call_soon(stop);
    event_loop.run_forever().expect("stopped");
    assert_eq!(log.take(), ["scheduled by a drop"]);
}
