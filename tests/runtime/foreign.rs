//! std's futures on both sides: a `RemoteTask` awaited by any executor, and `block_on` inside of a task.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use selvedge::{block_on, run, sleep, spawn, yield_now};

use crate::remote::{beside_a_loop, executor};
use crate::support::{finished, thread_number, wait_until_asleep};

#[test]
fn any_executor_awaits_a_remote_task() {
    beside_a_loop(|handle| {
        let value = executor(async {
            let first = handle.spawn_threadsafe(|| 20).map_err(drop).expect("open");
            let second = handle
                .spawn_threadsafe(|| {
                    sleep(std::time::Duration::from_millis(1));
                    22
                })
                .map_err(drop)
                .expect("open");
            finished(first.await) + finished(second.await)
        });
        assert_eq!(value, 42);
        let failed = executor(async {
            let task = handle
                .spawn_threadsafe(|| panic!("torn"))
                .map_err(drop)
                .expect("open");
            task.await.map(|()| ()).expect_err("it panicked").is_panic()
        });
        assert!(failed);
    });
}

#[test]
fn a_remote_task_that_is_polled_with_another_waker_wakes_the_last_one() {
    struct Flag(AtomicBool);
    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    beside_a_loop(|handle| {
        let (release, released) = mpsc::channel();
        let mut task = handle
            .spawn_threadsafe(move || {
                while released.try_recv() == Err(mpsc::TryRecvError::Empty) {
                    yield_now();
                }
            })
            .map_err(drop)
            .expect("open");
        let flags = [0, 1].map(|_| Arc::new(Flag(AtomicBool::new(false))));
        for flag in &flags {
            let waker = Waker::from(flag.clone());
            let poll = pin!(&mut task).poll(&mut Context::from_waker(&waker));
            assert!(poll.is_pending());
        }
        release.send(()).expect("the task waits");
        while !flags[1].0.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        assert!(task.is_done());
        finished(task.join());
    });
}

#[test]
fn block_on_awaits_a_remote_task_inside_of_a_task() {
    beside_a_loop(|handle| {
        run(move || {
            let sum = block_on(async {
                let remote = handle.spawn_threadsafe(|| 4).map_err(drop).expect("open");
                finished(remote.await) + 1
            });
            assert_eq!(sum, 5);
        });
    });
}

#[test]
fn block_on_lets_other_tasks_run_and_takes_wakes_from_threads() {
    run(|| {
        let (sender, receiver) = mpsc::channel::<Waker>();
        let is_ready = Arc::new(AtomicBool::new(false));
        let (sets, number) = (is_ready.clone(), thread_number());
        let waking = thread::spawn(move || {
            let waker = receiver.recv().expect("a waker");
            wait_until_asleep(number);
            sets.store(true, Ordering::SeqCst);
            waker.wake();
        });
        let neighbour = spawn(|| {
            for _ in 0..10 {
                yield_now();
            }
            5
        });
        let mut n_polls = 0;
        block_on(std::future::poll_fn(|context| {
            n_polls += 1;
            if is_ready.load(Ordering::SeqCst) {
                return Poll::Ready(());
            }
            let _ = sender.send(context.waker().clone());
            Poll::Pending
        }));
        assert!(n_polls >= 2, "{n_polls}");
        assert_eq!(finished(neighbour.join()), 5);
        waking.join().expect("no panic");
    });
}

#[test]
fn wakes_before_after_and_beyond_the_need_do_no_harm() {
    run(|| {
        let mut kept = None;
        for n in 0..100 {
            let mut n_polls = 0;
            block_on(std::future::poll_fn(|context| {
                n_polls += 1;
                context.waker().wake_by_ref();
                context.waker().wake_by_ref();
                kept = Some(context.waker().clone());
                if n_polls > n % 4 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            }));
            let stale = kept.take().expect("a waker");
            stale.wake_by_ref();
            thread::spawn(move || stale.wake())
                .join()
                .expect("no panic");
            yield_now();
            sleep(std::time::Duration::ZERO);
        }
    });
}

#[test]
fn a_cancel_unwinds_block_on_and_drops_the_future() {
    run(|| {
        let token = Arc::new(());
        let held = token.clone();
        let task = spawn(move || {
            block_on(async move {
                let _held = held;
                std::future::pending::<()>().await;
            });
        });
        yield_now();
        assert_eq!(Arc::strong_count(&token), 2);
        task.cancel();
        assert!(task.join().expect_err("cancelled").is_cancelled());
        assert_eq!(Arc::strong_count(&token), 1);
    });
}
