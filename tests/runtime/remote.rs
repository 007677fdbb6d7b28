//! `spawn_threadsafe` and `RemoteTask`: joined from a thread, from a task, and awaited by any executor.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use selvedge::event_loop::LoopHandle;
use selvedge::task::{RemoteTask, catch_cancelled, current_task};
use selvedge::{run, sleep, spawn, yield_now};

use crate::support::{AN_HOUR, Reports, assert_sentence, event_loop, finished, scaled, soon};

/// Runs `beside` on a thread of its own beside a loop, and returns its value or resumes its panic.
pub fn beside_a_loop<T: Send + 'static>(
    beside: impl FnOnce(LoopHandle) -> T + Send + 'static,
) -> T {
    let event_loop = event_loop();
    let handle = event_loop.handle();
    let thread = thread::spawn(move || {
        let stops = handle.clone();
        let _stop = crate::support::OnDrop(move || drop(stops.stop()));
        beside(handle)
    });
    event_loop.run_forever().expect("stopped by the thread");
    thread
        .join()
        .unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

/// A minimal executor that knows nothing of the library.
pub fn executor<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let (mut future, waker) = (
        pin!(future),
        Waker::from(Arc::new(Unpark(thread::current()))),
    );
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn a_thread_joins_a_task_of_the_loops_thread() {
    let there = beside_a_loop(|handle| {
        let task = handle
            .spawn_threadsafe(|| {
                assert!(current_task().is_some());
                yield_now();
                thread::current().id()
            })
            .map_err(drop)
            .expect("an open loop");
        (finished(task.join()), thread::current().id())
    });
    assert_eq!(there.0, thread::current().id());
    assert_ne!(there.0, there.1);
}

#[test]
fn a_thread_gets_the_panic_of_a_remote_task() {
    let error = beside_a_loop(|handle| {
        let task = handle
            .spawn_threadsafe(|| panic!("torn"))
            .map_err(drop)
            .expect("open");
        task.join().expect_err("it panicked")
    });
    assert!(error.is_panic());
    assert_eq!(error.message().unwrap(), "torn");
}

#[test]
fn a_thread_cancels_a_remote_task() {
    beside_a_loop(|handle| {
        let task = handle
            .spawn_threadsafe(|| sleep(AN_HOUR))
            .map_err(drop)
            .expect("open");
        assert!(!task.is_done());
        task.cancel();
        assert!(task.join().expect_err("cancelled").is_cancelled());
        let (started, has_started) = mpsc::channel();
        let task = handle
            .spawn_threadsafe(move || {
                started.send(()).expect("the thread waits");
                catch_cancelled(|| sleep(AN_HOUR)).is_err()
            })
            .map_err(drop)
            .expect("open");
        has_started.recv().expect("it starts");
        task.cancel();
        assert!(finished(task.join()));
    });
}

#[test]
fn dropping_a_remote_task_detaches_it() {
    beside_a_loop(|handle| {
        let (sender, receiver) = mpsc::channel();
        let task = handle
            .spawn_threadsafe(move || {
                yield_now();
                sender.send(7).expect("the thread waits");
            })
            .map_err(drop)
            .expect("open");
        drop(task);
        assert_eq!(receiver.recv(), Ok(7));
    });
}

#[test]
fn a_remote_task_says_when_it_is_done() {
    beside_a_loop(|handle| {
        let (sender, receiver) = mpsc::channel::<()>();
        let task = handle
            .spawn_threadsafe(move || receiver.try_recv().is_ok())
            .map_err(drop)
            .expect("open");
        drop(sender);
        while !task.is_done() {
            thread::yield_now();
        }
        assert!(!finished(task.join()));
    });
}

#[test]
fn a_task_of_another_loop_joins_without_blocking_its_loop() {
    beside_a_loop(|handle| {
        run(move || {
            let (release, released) = mpsc::channel();
            let remote: RemoteTask<u32> = handle
                .spawn_threadsafe(move || {
                    while released.try_recv() == Err(mpsc::TryRecvError::Empty) {
                        yield_now();
                    }
                    8
                })
                .map_err(drop)
                .expect("open");
            let joiner = spawn(move || finished(remote.join()));
            let neighbour = spawn(move || {
                for _ in 0..10 {
                    yield_now();
                }
                release.send(()).expect("the remote task waits");
            });
            assert_eq!(finished(joiner.join()), 8);
            finished(neighbour.join());
        });
    });
}

#[test]
fn a_task_joins_a_remote_task_of_its_own_loop() {
    run(|| {
        let handle = loop_handle();
        let remote = handle
            .spawn_threadsafe(|| {
                yield_now();
                9
            })
            .map_err(drop)
            .expect("open");
        assert_eq!(finished(remote.join()), 9);
    });
}

/// The handle of the current loop.
fn loop_handle() -> LoopHandle {
    selvedge::event_loop::current_loop()
        .expect("a loop runs here")
        .handle()
        .expect("an open loop")
}

#[test]
fn a_callback_that_joins_gets_an_error_and_does_not_hang() {
    run(|| {
        let handle = loop_handle();
        let remote = handle.spawn_threadsafe(|| 9).map_err(drop).expect("open");
        soon(move || {
            let error = remote.join().expect_err("a callback can't wait");
            assert_sentence(&error.to_string());
        });
        yield_now();
        yield_now();
    });
}

#[test]
fn joining_on_the_thread_of_a_loop_that_does_not_run_errs() {
    let event_loop = event_loop();
    let remote = event_loop
        .handle()
        .spawn_threadsafe(|| 9)
        .map_err(drop)
        .expect("open");
    assert_sentence(&remote.join().expect_err("no loop would run it").to_string());
}

#[test]
fn a_task_that_waits_for_a_remote_task_can_be_cancelled() {
    beside_a_loop(|handle| {
        run(move || {
            let remote = handle
                .spawn_threadsafe(|| sleep(AN_HOUR))
                .map_err(drop)
                .expect("open");
            let joiner = spawn(move || drop(remote.join()));
            yield_now();
            joiner.cancel();
            assert!(joiner.join().expect_err("cancelled").is_cancelled());
        });
    });
}

#[test]
fn many_remote_tasks_from_many_threads_all_complete() {
    let n_each = scaled(1_000, 50);
    let event_loop = event_loop();
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let handle = event_loop.handle();
            thread::spawn(move || -> usize {
                (0..n_each)
                    .map(|n| {
                        let task = handle
                            .spawn_threadsafe(move || {
                                yield_now();
                                n + thread
                            })
                            .map_err(drop)
                            .expect("open");
                        if n % 2 == 0 {
                            finished(task.join())
                        } else {
                            finished(executor(task))
                        }
                    })
                    .sum()
            })
        })
        .collect();
    let handle = event_loop.handle();
    let gatherer = thread::spawn(move || {
        let sums: Vec<usize> = threads
            .into_iter()
            .map(|t| t.join().expect("no panic"))
            .collect();
        handle.stop().expect("an open loop");
        sums
    });
    event_loop.run_forever().expect("stopped");
    let base = n_each * (n_each - 1) / 2;
    let expected: Vec<usize> = (0..4).map(|thread| base + thread * n_each).collect();
    assert_eq!(gatherer.join().expect("no panic"), expected);
}

#[test]
fn a_remote_task_of_a_closing_loop_fails_for_its_joiners() {
    let event_loop = event_loop();
    let handle = event_loop.handle();
    let never_run = handle.spawn_threadsafe(|| 1).map_err(drop).expect("open");
    let (started, has_started) = mpsc::channel();
    let waiting = handle
        .spawn_threadsafe(move || {
            started.send(()).expect("the test waits");
            sleep(AN_HOUR);
        })
        .map_err(drop)
        .expect("open");
    let queued = handle.clone();
    let thread = thread::spawn(move || {
        has_started.recv().expect("it starts");
        queued.stop().expect("open");
        waiting.join().expect_err("its loop is dropped")
    });
    event_loop.run_forever().expect("stopped");
    drop(event_loop);
    let error = thread.join().expect("no panic");
    assert!(!error.is_panic(), "{error}");
    // The task ran in the same run as the other one.
    assert_eq!(finished(never_run.join()), 1);
}

#[test]
fn an_unstarted_remote_task_fails_when_the_loop_closes() {
    let event_loop = event_loop();
    let remote = event_loop
        .handle()
        .spawn_threadsafe(|| 1)
        .map_err(drop)
        .expect("open");
    let thread = thread::spawn(move || remote.join().expect_err("its loop is dropped"));
    drop(event_loop);
    let error = thread.join().expect("no panic");
    assert!(!error.is_panic());
}

#[test]
fn a_panic_of_an_unjoined_remote_task_is_reported() {
    let event_loop = event_loop();
    let reports = Reports::of(&event_loop);
    let handle = event_loop.handle();
    let spawned = handle.spawn_threadsafe(|| panic!("torn"));
    drop(spawned.map_err(drop).expect("open"));
    let kept = handle
        .spawn_threadsafe(|| panic!("fetched"))
        .map_err(drop)
        .expect("open");
    let kept = finished(event_loop.run_until_complete(move || {
        while !kept.is_done() {
            yield_now();
        }
        kept
    }));
    let fetched = thread::spawn(move || kept.join().expect_err("it panicked"));
    assert!(fetched.join().expect("no panic there").is_panic());
    drop(handle);
    drop(event_loop);
    let exception = reports.only().exception.expect("the panic");
    assert_eq!(exception.message().unwrap(), "torn");
}

#[test]
fn joining_a_task_of_an_idle_loop_of_the_same_thread_errs() {
    let other = event_loop();
    let handle = other.handle();
    let remote = handle.spawn_threadsafe(|| 1).map_err(drop).expect("open");
    let awaited = handle.spawn_threadsafe(|| 1).map_err(drop).expect("open");
    run(|| {
        let error = remote.join().expect_err("that loop can't run meanwhile");
        assert_sentence(&error.to_string());
        let outcome = spawn(move || selvedge::block_on(awaited)).join();
        assert!(!matches!(outcome, Ok(Ok(_))), "{outcome:?}");
    });
}

#[test]
fn a_result_fetched_by_a_poll_is_not_waited_for_again() {
    beside_a_loop(|handle| {
        let mut task = handle.spawn_threadsafe(|| 1).map_err(drop).expect("open");
        assert_eq!(finished(executor(&mut task)), 1);
        assert!(task.is_done());
        // Polling again may panic, as for any future; it must not wait.
        let again = caught_or(|| task.join());
        assert!(again.is_err());
    });
    run(|| {
        let mut task = loop_handle()
            .spawn_threadsafe(|| 1)
            .map_err(drop)
            .expect("open");
        assert_eq!(finished(selvedge::block_on(&mut task)), 1);
        assert!(caught_or(|| task.join()).is_err());
    });
}

/// The result of `f`, or an error in place of its panic.
fn caught_or<T, E>(f: impl FnOnce() -> Result<T, E>) -> Result<T, ()> {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
    caught.map_err(drop)?.map_err(drop)
}
