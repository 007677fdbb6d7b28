//! One loop a thread: several at once, two created on one thread, and many loops in a row.

use std::rc::Rc;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use selvedge::event_loop::current_loop;
use selvedge::{EventLoop, run, sleep, spawn, yield_now};

use crate::support::{
    A_SECOND, Log, event_loop, finished, scaled, shared, soon_threadsafe, stop, virtual_loop,
};

#[test]
fn four_threads_run_their_loops_at_once() {
    let start = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4_u64)
        .map(|thread| {
            let start = start.clone();
            thread::spawn(move || {
                run(|| {
                    start.wait();
                    let tasks: Vec<_> = (0..100)
                        .map(|n| {
                            spawn(move || {
                                for _ in 0..n % 10 {
                                    yield_now();
                                }
                                sleep(std::time::Duration::from_micros(n));
                                n * thread
                            })
                        })
                        .collect();
                    tasks
                        .into_iter()
                        .map(|task| finished(task.join()))
                        .sum::<u64>()
                })
            })
        })
        .collect();
    let sums: Vec<u64> = threads
        .into_iter()
        .map(|t| t.join().expect("no panic"))
        .collect();
    assert_eq!(sums, [0, 4950, 2 * 4950, 3 * 4950]);
}

#[test]
fn loops_on_four_threads_pass_a_token_around() {
    const N_THREADS: usize = 4;
    let n_rounds = scaled(2_000, 100);
    let (handles, all): (Vec<_>, Vec<_>) = (0..N_THREADS).map(|_| mpsc::channel()).unzip();
    let threads: Vec<_> = all
        .into_iter()
        .map(|next| {
            let (sender, receiver) = mpsc::channel();
            let thread = thread::spawn(move || {
                let event_loop = event_loop();
                sender.send(event_loop.handle()).expect("the test waits");
                let next = next.recv().expect("the handle of the next loop");
                NEXT.set(Some(next));
                event_loop.run_forever().expect("stopped by the token");
            });
            (thread, receiver.recv().expect("a handle"))
        })
        .collect();
    let (threads, loops): (Vec<_>, Vec<_>) = threads.into_iter().unzip();
    for (n, sender) in handles.into_iter().enumerate() {
        sender
            .send(loops[(n + 1) % N_THREADS].clone())
            .expect("the thread waits");
    }
    soon_threadsafe(&loops[0], move || pass(n_rounds));
    drop(loops);
    for thread in threads {
        thread.join().expect("no panic");
    }
}

thread_local! {
    static NEXT: std::cell::Cell<Option<selvedge::event_loop::LoopHandle>> = const { std::cell::Cell::new(None) };
}

/// Hands the token to the next thread's loop; the last round stops each loop that it passes.
fn pass(n_left: usize) {
    let next = NEXT.take().expect("the next loop");
    if n_left > 0 {
        soon_threadsafe(&next, move || pass(n_left - 1));
        NEXT.set(Some(next));
    } else {
        // A stopped loop drops its handle, which would keep the next loop alive; the last one finds the next loop
        // closed.
        let _ = next.call_soon_threadsafe(|| pass(0));
        stop();
    }
}

#[test]
fn two_loops_of_one_thread_run_in_turn() {
    let (first, second) = (event_loop(), event_loop());
    let log = Log::default();
    first.call_soon(log.pusher("first"));
    second.call_soon(log.pusher("second"));
    finished(second.run_until_complete(yield_now));
    assert_eq!(log.take(), ["second"]);
    finished(first.run_until_complete(yield_now));
    assert_eq!(log.take(), ["first"]);
    drop(first);
    assert_eq!(finished(second.run_until_complete(|| 4)), 4);
}

#[test]
fn the_current_loop_is_the_one_that_runs() {
    let (first, second) = (virtual_loop(), virtual_loop());
    finished(first.run_until_complete(|| sleep(A_SECOND)));
    let seen = shared(None);
    for event_loop in [&first, &second] {
        let saw = Rc::clone(&seen);
        finished(event_loop.run_until_complete(move || {
            saw.set(Some(current_loop().expect("a loop").time().expect("open")));
        }));
        assert_eq!(seen.take(), Some(event_loop.time()));
    }
    assert!(current_loop().is_none());
}

#[test]
fn loops_come_and_go() {
    for n in 0..scaled(1_000, 100) {
        let event_loop = event_loop();
        let task = event_loop.create_task(move || {
            yield_now();
            n
        });
        assert_eq!(finished(event_loop.run_until_complete(task)), n);
    }
}

#[test]
fn loops_that_never_ran_may_be_dropped() {
    let log = Log::default();
    let event_loop = EventLoop::new().expect("a loop");
    let guard = log.guard("captures dropped");
    drop(event_loop.create_task(move || drop(guard)));
    drop(event_loop);
    assert_eq!(log.take(), ["captures dropped"]);
}

#[test]
fn a_thread_may_end_with_a_loop_in_a_thread_local() {
    thread_local! {
        static KEPT: std::cell::RefCell<Option<EventLoop>> = const { std::cell::RefCell::new(None) };
    }
    let ended = thread::spawn(|| {
        let event_loop = event_loop();
        let task = event_loop.create_task(|| sleep(A_SECOND));
        event_loop.stop();
        event_loop.run_forever().expect("stopped");
        drop(task);
        KEPT.set(Some(event_loop));
    });
    ended.join().expect("no panic");
}

#[test]
fn a_run_in_a_thread_local_destructor_runs_or_errs() {
    struct Runs(mpsc::Sender<bool>);
    impl Drop for Runs {
        fn drop(&mut self) {
            let outcome = selvedge::try_run(|| {
                yield_now();
                7
            });
            // A loop may or may not be available then; the call must return either way.
            let _ = self.0.send(outcome.is_ok());
        }
    }
    thread_local! {
        static KEPT: std::cell::RefCell<Option<Runs>> = const { std::cell::RefCell::new(None) };
    }
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        KEPT.set(Some(Runs(sender)));
        run(yield_now);
    })
    .join()
    .expect("no panic");
    receiver.recv().expect("an answer");
}
