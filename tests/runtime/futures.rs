//! std's futures in both directions: a `RemoteTask` awaited by any executor, and `block_on` inside a task.

use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use selvedge::coroutine::Status;
use selvedge::stack::{set_pool_watermark, trim_pool};
use selvedge::{Coroutine, Task, Yielder, block_on, run, sleep, spawn, yield_now};

use crate::remote::{beside_a_loop, executor};
use crate::support::{assert_sentence, finished, scaled, text, thread_number, wait_until_asleep};

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
            task.await.expect_err("it panicked").is_panic()
        });
        assert!(failed);
    });
}

#[test]
fn a_remote_task_wakes_the_waker_of_the_last_poll() {
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
fn block_on_awaits_a_remote_task_inside_a_task() {
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
fn early_late_and_surplus_wakes_do_no_harm() {
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

/// The frame of `block_on` belongs to the task that called it. Suspending the coroutine that holds this frame is
/// refused, as for any frame of the library that no other task may resume; or it works.
#[test]
fn a_coroutine_suspending_in_a_poll_is_refused_or_goes_on() {
    run(|| {
        let (slot, kept) = (
            Rc::new(RefCell::new(None)),
            Rc::new(RefCell::new(None::<Waker>)),
        );
        let (to, keeps) = (Rc::clone(&slot), Rc::clone(&kept));
        let first = move || {
            let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
                let mut n_polls = 0;
                block_on(std::future::poll_fn(|context| {
                    keeps.replace(Some(context.waker().clone()));
                    n_polls += 1;
                    if n_polls == 1
                        && let Err(refused) = catch_unwind(AssertUnwindSafe(|| yielder.suspend(())))
                    {
                        assert_sentence(text(&refused));
                        return Poll::Ready(());
                    }
                    if n_polls == 3 {
                        return Poll::Ready(());
                    }
                    Poll::Pending
                }));
            });
            coroutine.resume();
            to.replace(Some(coroutine));
        };
        // A size of its own, so that its slab can be unmapped with it.
        let first = Task::builder().stack_size_bytes(3 << 20).spawn(first);
        finished(first.expect("a stack").join());
        set_pool_watermark(0);
        trim_pool();
        let wake = || {
            kept.borrow().as_ref().expect("a waker").wake_by_ref();
            (0..200).for_each(|_| yield_now());
        };
        wake();
        let mut coroutine = slot.take().expect("the coroutine");
        let second = spawn(move || {
            if coroutine.status() == Status::Suspended {
                coroutine.resume();
            }
            coroutine.status()
        });
        yield_now();
        while !second.is_done() {
            wake();
        }
        assert_eq!(finished(second.join()), Status::Done);
    });
}

#[test]
fn wakers_outlive_their_task_and_their_loop() {
    let kept = Rc::new(RefCell::new(Vec::new()));
    for _ in 0..3 {
        run(|| {
            let keeps = Rc::clone(&kept);
            let task = spawn(move || {
                block_on(std::future::poll_fn(|context| {
                    keeps.borrow_mut().push(context.waker().clone());
                    context.waker().wake_by_ref();
                    if keeps.borrow().len() % 3 == 0 {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                }));
            });
            finished(task.join());
            kept.borrow().iter().for_each(Waker::wake_by_ref);
            yield_now();
        });
    }
    let wakers: Vec<Waker> = kept.take();
    assert_eq!(wakers.len(), 9);
    wakers[0].wake_by_ref();
    thread::spawn(move || wakers.into_iter().for_each(Waker::wake))
        .join()
        .expect("no panic");
}

/// The future is woken by four threads, before, while and after it is polled; each round needs all four.
#[test]
fn wakes_of_four_threads_race_against_polls_and_parking() {
    const N_THREADS: usize = 4;
    let n_rounds = scaled(2_000, 50);
    run(|| {
        let (senders, threads): (Vec<_>, Vec<_>) = (0..N_THREADS)
            .map(|_| {
                let (sender, receiver) = mpsc::channel::<(Waker, Arc<AtomicUsize>)>();
                let thread = thread::spawn(move || {
                    for (waker, n_left) in receiver {
                        waker.wake_by_ref();
                        n_left.fetch_sub(1, Ordering::SeqCst);
                        waker.wake();
                    }
                });
                (sender, thread)
            })
            .unzip();
        for round in 0..n_rounds {
            let n_left = Arc::new(AtomicUsize::new(N_THREADS));
            let mut n_polls = 0;
            block_on(std::future::poll_fn(|context| {
                n_polls += 1;
                if n_polls == 1 {
                    for sender in &senders {
                        let job = (context.waker().clone(), Arc::clone(&n_left));
                        sender.send(job).expect("the thread waits");
                    }
                }
                if n_left.load(Ordering::SeqCst) == 0 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            }));
            if round % 16 == 0 {
                yield_now();
            }
        }
        drop(senders);
        for thread in threads {
            thread.join().expect("no panic");
        }
    });
}

#[test]
fn cancelling_a_remote_task_races_against_its_end() {
    let n_rounds = scaled(2_000, 50);
    let n_ended = beside_a_loop(move |handle| {
        let mut n_ended = [0, 0];
        for round in 0..n_rounds {
            let task = handle
                .spawn_threadsafe(move || (0..round % 5).for_each(|_| yield_now()))
                .map_err(drop)
                .expect("open");
            for _ in 0..round % 7 * 40 {
                std::hint::spin_loop();
            }
            task.cancel();
            match task.join() {
                Ok(()) => n_ended[0] += 1,
                Err(error) if error.is_cancelled() => n_ended[1] += 1,
                Err(error) => panic!("neither its end nor the cancel: {error}"),
            }
        }
        n_ended
    });
    assert_eq!(n_ended[0] + n_ended[1], n_rounds);
}

/// A waker that counts.
#[derive(Default)]
struct Counts(AtomicUsize);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll<F: Future + Unpin>(future: &mut F, waker: &Arc<Counts>) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(&Arc::clone(waker).into()))
}

#[test]
fn a_promises_future_is_woken_by_the_end_of_its_loop() {
    let counts = Arc::<Counts>::default();
    for is_set_first in [true, false] {
        let event_loop = crate::support::event_loop();
        let promise = event_loop.create_promise();
        let mut future = promise.clone().into_future();
        assert!(poll(&mut future, &counts).is_pending());
        if is_set_first {
            promise.set_result(5).expect("pending");
            drop(event_loop);
        } else {
            drop(event_loop);
            promise.set_result(5).expect("pending");
        }
        assert_eq!(counts.0.swap(0, Ordering::SeqCst), 1);
        assert!(matches!(poll(&mut future, &counts), Poll::Ready(Ok(5))));
    }
}

#[test]
fn a_promises_future_survives_that_callbacks_are_cleared() {
    let counts = Arc::<Counts>::default();
    let event_loop = crate::support::event_loop();
    let promise = event_loop.create_promise();
    let mut future = promise.clone().into_future();
    assert!(poll(&mut future, &counts).is_pending());
    promise.clear_done_callbacks();
    assert_eq!(counts.0.swap(0, Ordering::SeqCst), 1);
    assert!(poll(&mut future, &counts).is_pending());
    promise.set_result(5).expect("pending");
    finished(event_loop.run_until_complete(yield_now));
    assert_eq!(counts.0.swap(0, Ordering::SeqCst), 1);
    assert!(matches!(poll(&mut future, &counts), Poll::Ready(Ok(5))));
    // A future that is dropped wakes nobody.
    let promise = event_loop.create_promise::<()>();
    let mut future = promise.into_future();
    assert!(poll(&mut future, &counts).is_pending());
    drop(future);
    assert_eq!(counts.0.load(Ordering::SeqCst), 0);
}
