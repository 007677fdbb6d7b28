//! No source of work starves: not timers under a storm of callbacks, not sockets under yielding tasks, not tasks under
//! a socket.

use std::io::{Read, Write};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use selvedge::event_loop::current_loop;
use selvedge::net::unix::UnixStream;
use selvedge::{Promise, run, sleep, spawn, yield_now};

use crate::support::{Hops, OnDrop, Shared, finished, scaled, shared, soon};

const A_MOMENT: Duration = Duration::from_millis(2);

/// A callback that schedules itself again for as long as the flag is up.
fn storm(goes_on: &Shared<bool>) {
    let goes_on = Rc::clone(goes_on);
    soon(move || {
        if goes_on.get() {
            storm(&goes_on);
        }
    });
}

/// Runs `f` under callbacks, yielding tasks and timers that never leave the queue empty.
fn in_a_storm<T>(f: impl FnOnce() -> T) -> T {
    let goes_on = shared(true);
    let flag = Rc::clone(&goes_on);
    let _end = OnDrop(move || flag.set(false));
    for _ in 0..100 {
        storm(&goes_on);
        let goes_on = Rc::clone(&goes_on);
        drop(spawn(move || {
            while goes_on.get() {
                yield_now();
            }
        }));
    }
    f()
}

#[test]
fn timers_and_sleepers_run_in_a_storm_of_work() {
    run(|| {
        in_a_storm(|| {
            sleep(A_MOMENT);
            let promise = Promise::new();
            let setter = promise.clone();
            let local = current_loop().expect("a loop");
            local
                .call_later(A_MOMENT, move || setter.set_result(1).expect("pending"))
                .expect("open");
            assert_eq!(finished(promise.wait()), 1);
        });
    });
}

#[test]
fn sockets_are_served_in_a_storm_of_work() {
    let (mut near, mut far) = UnixStream::pair().expect("a pair");
    let echo = thread::spawn(move || {
        let mut byte = [0];
        while far.read(&mut byte).expect("a byte or the end") == 1 {
            far.write_all(&byte).expect("written");
        }
    });
    run(move || {
        in_a_storm(|| {
            for n in 0..20 {
                near.write_all(&[n]).expect("written");
                let mut byte = [0];
                near.read_exact(&mut byte).expect("echoed");
                assert_eq!(byte, [n]);
            }
        });
    });
    echo.join().expect("no panic");
}

#[test]
fn calls_from_other_threads_run_in_a_storm_of_work() {
    run(|| {
        let handle = current_loop().expect("a loop").handle().expect("open");
        in_a_storm(|| {
            let thread = thread::spawn(move || {
                let task = handle.spawn_threadsafe(|| 8).map_err(drop).expect("open");
                finished(task.join())
            });
            while !thread.is_finished() {
                yield_now();
            }
            assert_eq!(thread.join().expect("no panic"), 8);
        });
    });
}

#[test]
fn callbacks_run_beside_timers_that_are_always_due() {
    fn again(goes_on: &Shared<bool>) {
        let goes_on = Rc::clone(goes_on);
        let local = current_loop().expect("a loop");
        let timer = move || {
            if goes_on.get() {
                again(&goes_on);
            }
        };
        local.call_later(Duration::ZERO, timer).expect("open");
    }
    run(|| {
        let goes_on = shared(true);
        again(&goes_on);
        for _ in 0..1000 {
            yield_now();
        }
        sleep(A_MOMENT);
        goes_on.set(false);
    });
}

#[test]
fn a_task_whose_socket_is_always_ready_lets_others_run() {
    let n_rounds = scaled(10_000, 1_000) as u64;
    let hops = run(|| {
        let hops = Hops::start();
        let busy = spawn(move || {
            let (mut near, mut far) = UnixStream::pair().expect("a pair");
            let mut byte = [0];
            for _ in 0..n_rounds {
                near.write_all(b"x").expect("there is room");
                far.read_exact(&mut byte).expect("it is there");
            }
        });
        finished(busy.join());
        hops.count()
    });
    // A yield each 128 operations would give this many; a tenth of it is far from none.
    assert!(
        hops >= n_rounds * 2 / 1280,
        "{hops} turns of others in {n_rounds} rounds"
    );
}

#[test]
fn a_hundred_yielding_tasks_advance_evenly() {
    run(|| {
        let counts: Rc<Vec<Shared<u32>>> = Rc::new((0..100).map(|_| shared(0)).collect());
        for n in 0..100 {
            let counts = Rc::clone(&counts);
            drop(spawn(move || {
                loop {
                    counts[n].set(counts[n].get() + 1);
                    yield_now();
                }
            }));
        }
        for _ in 0..50 {
            yield_now();
            let (least, most) = (
                counts.iter().map(|c| c.get()).min(),
                counts.iter().map(|c| c.get()).max(),
            );
            assert_eq!(least, most, "each has had as many turns as any other");
        }
    });
}

#[test]
fn woken_tasks_queue_behind_runnable_ones() {
    run(|| {
        let order = Rc::new(std::cell::RefCell::new(Vec::new()));
        let promise = Promise::new();
        let push = |event: &'static str| {
            let order = Rc::clone(&order);
            move || order.borrow_mut().push(event)
        };
        let (waited_on, woken) = (promise.clone(), push("woken"));
        drop(spawn(move || {
            assert_eq!(finished(waited_on.wait()), 1);
            woken();
        }));
        yield_now();
        soon(push("queued before"));
        promise.set_result(1).expect("pending");
        soon(push("queued after"));
        yield_now();
        yield_now();
        assert_eq!(*order.borrow(), ["queued before", "woken", "queued after"]);
    });
}
