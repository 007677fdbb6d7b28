//! A cancel removes jobs that no thread has started, and leaves running jobs alone.

use std::cell::RefCell;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use selvedge::event_loop::current_loop;
use selvedge::task::{current_task, gather_settled};
use selvedge::{EventLoop, fs, gather, spawn, to_thread, yield_now};

use crate::gates::{Drops, Gate};
use crate::support::{OnDrop, finished, scaled};

/// Runs `body` on a loop with one pool thread, which waits at the gate.
fn with_busy_pool(body: impl FnOnce(Gate) + 'static) {
    let event_loop = EventLoop::builder()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    finished(event_loop.run_until_complete(|| {
        let gate = Gate::default();
        let theirs = gate.clone();
        let busy = current_loop()
            .unwrap()
            .run_in_executor(move || theirs.pass())
            .unwrap();
        gate.wait_for(1);
        body(gate.clone());
        gate.open();
        busy.wait().unwrap();
    }));
}

#[test]
fn a_queued_function_is_dropped_on_the_loop_and_never_runs() {
    with_busy_pool(|gate| {
        let (drops, here) = (Drops::default(), thread::current().id());
        let (captured, at_gate) = (drops.guard(), gate.clone());
        let (tell, told) = channel();
        let witness = OnDropSend(Some(move || tell.send(thread::current().id()).unwrap()));
        let task = spawn(move || {
            to_thread(move || {
                let _captured = (captured, witness);
                at_gate.pass();
            })
        });
        yield_now();
        assert_eq!(drops.n(), 0);
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(drops.n(), 1, "dropped before the thread was free");
        assert_eq!(told.recv().unwrap(), here);
        gate.open();
        to_thread(|| ()).unwrap();
        assert_eq!(gate.n_waiting(), 1, "it never ran");
    });
}

/// As `OnDrop`, for closures that move to another thread.
struct OnDropSend<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for OnDropSend<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

#[test]
fn a_cancelled_promise_drops_a_queued_function() {
    with_busy_pool(|gate| {
        let drops = Drops::default();
        let (captured, at_gate) = (drops.guard(), gate.clone());
        let job = move || {
            let _captured = captured;
            at_gate.pass();
        };
        let promise = current_loop().unwrap().run_in_executor(job).unwrap();
        assert!(promise.cancel(), "it was pending");
        assert!(!promise.cancel(), "it is cancelled now");
        assert_eq!(drops.n(), 1);
        assert!(promise.wait().unwrap_err().is_cancelled());
        gate.open();
        to_thread(|| ()).unwrap();
        assert_eq!(gate.n_waiting(), 1);
    });
}

#[test]
fn a_cancel_of_the_task_that_waits_for_the_promise_goes_through() {
    with_busy_pool(|_gate| {
        let drops = Drops::default();
        let captured = drops.guard();
        let promise = current_loop()
            .unwrap()
            .run_in_executor(move || drop(captured))
            .unwrap();
        let waited_for = promise.clone();
        let task = spawn(move || waited_for.wait());
        yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert!(promise.is_cancelled());
        assert_eq!(drops.n(), 1);
    });
}

#[test]
fn a_running_function_completes_and_its_result_is_dropped() {
    with_busy_pool(|gate| {
        gate.open();
        let (inner, drops) = (Gate::default(), Drops::default());
        let (at_gate, result) = (inner.clone(), drops.guard());
        let task = spawn(move || {
            to_thread(move || {
                at_gate.pass();
                result
            })
        });
        inner.wait_for(1);
        task.cancel();
        assert!(
            task.join().unwrap_err().is_cancelled(),
            "at once, while it runs"
        );
        assert_eq!(drops.n(), 0);
        inner.open();
        while drops.n() == 0 {
            yield_now();
        }
    });
}

/// The cancel is still pending: the task must not start a job that can't be stopped.
#[test]
fn a_task_that_cancelled_itself_starts_no_function() {
    with_busy_pool(|gate| {
        gate.open();
        let (inner, drops) = (Gate::default(), Drops::default());
        let (at_gate, captured) = (inner.clone(), drops.guard());
        let task = spawn(move || {
            current_task().unwrap().cancel();
            to_thread(move || {
                let _captured = captured;
                at_gate.pass();
            })
        });
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!((inner.n_waiting(), drops.n()), (0, 1));
    });
}

#[test]
fn a_closure_that_panics_in_its_drop_does_no_harm() {
    with_busy_pool(|gate| {
        let bomb = OnDropSend(Some(|| panic!("dropped")));
        let task = spawn(move || to_thread(move || drop(bomb)));
        let bomb = OnDropSend(Some(|| panic!("dropped")));
        let promise = current_loop()
            .unwrap()
            .run_in_executor(move || drop(bomb))
            .unwrap();
        yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        assert!(promise.cancel());
        // A result without a receiver is dropped on the pool's thread.
        let inner = Gate::default();
        let at_gate = inner.clone();
        let unwanted = current_loop().unwrap().run_in_executor(move || {
            at_gate.pass();
            OnDropSend(Some(|| panic!("dropped")))
        });
        gate.open();
        inner.wait_for(1);
        unwanted.unwrap().cancel();
        inner.open();
        assert_eq!(to_thread(|| 1).unwrap(), 1, "the thread is still there");
    });
}

#[test]
fn a_destructor_may_use_the_pool_again() {
    with_busy_pool(|gate| {
        let promise = current_loop().unwrap().run_in_executor(|| 1).unwrap();
        let inner = promise.clone();
        let keeper = spawn(move || {
            let _on_drop = OnDrop(move || {
                assert!(inner.cancel());
                let error = to_thread(|| ()).unwrap_err();
                assert!(!error.is_panic(), "{error:?}");
            });
            to_thread(|| ())
        });
        yield_now();
        keeper.cancel();
        assert!(keeper.join().unwrap_err().is_cancelled());
        assert!(promise.is_cancelled());
        gate.open();
    });
}

/// Cancels at every moment: each function either ran or was dropped, once, and every waiter is woken.
#[test]
fn cancels_at_any_moment_lose_nothing() {
    let n = scaled(2_000, 200);
    let event_loop = EventLoop::builder()
        .max_blocking_threads(2)
        .build()
        .unwrap();
    finished(event_loop.run_until_complete(move || {
        let drops = Drops::default();
        let mut state = 1_u64;
        for _ in 0..n {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let captured = drops.guard();
            let task = spawn(move || {
                to_thread(move || {
                    drop(captured);
                    9
                })
            });
            for _ in 0..state >> 61 {
                yield_now();
            }
            task.cancel();
            match task.join() {
                Ok(value) => assert_eq!(value.unwrap(), 9),
                Err(error) => assert!(error.is_cancelled()),
            }
        }
        while drops.n() < n {
            yield_now();
        }
        assert!(fs::exists("/").unwrap());
        assert_eq!(drops.n(), n);
    }));
}

thread_local! {
    static LOOP: RefCell<Option<EventLoop>> = const { RefCell::new(None) };
}

#[test]
fn a_destructor_run_by_a_cancel_may_run_or_drop_the_loop() {
    let run = || {
        let event_loop = LOOP.take().unwrap();
        finished(event_loop.run_until_complete(|| (0..4).for_each(|_| yield_now())));
        LOOP.set(Some(event_loop));
    };
    for end_task in [run as fn(), || drop(LOOP.take())] {
        let event_loop = EventLoop::builder()
            .max_blocking_threads(1)
            .shutdown_timeout(Duration::ZERO)
            .build()
            .unwrap();
        event_loop.set_exception_handler(|_| ());
        let gate = Gate::default();
        let theirs = gate.clone();
        let _busy = event_loop.run_in_executor(move || theirs.pass());
        let (tell, told) = channel();
        let witness = OnDropSend(Some(move || {
            end_task();
            tell.send(()).unwrap();
        }));
        let mut promises = vec![event_loop.run_in_executor(move || drop(witness))];
        promises.extend((0..20).map(|_| event_loop.run_in_executor(|| ())));
        // Two tasks, so that the cancel passes through a join.
        let task = event_loop.create_task(move || {
            let inner = spawn(move || gather_settled(promises).len());
            drop(gather([inner]));
        });
        finished(event_loop.run_until_complete(|| (0..4).for_each(|_| yield_now())));
        LOOP.set(Some(event_loop));
        assert!(task.cancel());
        told.try_recv()
            .expect("dropped by the time that the cancel returns");
        assert!(task.is_cancelled());
        gate.open();
        drop(LOOP.take());
    }
}
