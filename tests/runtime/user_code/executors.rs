//! Wakers and futures of other executors, and values that cross threads.

use std::future::{Future, IntoFuture, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::time::Duration;

use selvedge::event_loop::current_loop;
use selvedge::task::{catch_cancelled, current_task, wait_for};
use selvedge::{
    EventLoop, Promise, block_on, gather, race, run, scope, sleep, spawn, timeout, to_thread,
    yield_now,
};

use super::strikes::{IN_DROP, Strikes};
use super::{ignore, later, places, strike};
use crate::support::{A_SECOND, text};

/// Strikes when it wakes, and when it is dropped.
struct Executor;

impl Wake for Executor {
    fn wake(self: Arc<Self>) {
        strike();
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        strike();
    }
}

/// A waker that strikes when it is cloned.
fn strikes_in_clone() -> Waker {
    const TABLE: &RawWakerVTable = &RawWakerVTable::new(
        |_| {
            strike();
            RawWaker::new(ptr::null(), TABLE)
        },
        |_| (),
        |_| (),
        |_| (),
    );
    // SAFETY: the functions use nothing.
    unsafe { Waker::from_raw(RawWaker::new(ptr::null(), TABLE)) }
}

fn poll_once<F: Future + Unpin>(future: &mut F, waker: &Waker) -> bool {
    pin!(future)
        .poll(&mut Context::from_waker(waker))
        .is_ready()
}

/// Occupies the pool's only thread until the sender is dropped. The job has begun, so no later one can begin.
fn occupy(run: impl FnOnce(Box<dyn FnOnce() + Send>)) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel::<()>();
    let (begin, has_begun) = mpsc::channel();
    run(Box::new(move || {
        begin.send(()).expect("a receiver");
        let _ = released.recv();
    }));
    has_begun.recv().expect("the job begins");
    release
}

/// A promise for a job that never begins, which owns a value.
fn queued_job() -> Promise<()> {
    let local = current_loop().expect("a loop");
    let release = occupy(|job| drop(local.run_in_executor(job)));
    // A virtual clock stands still during a job.
    let after_some_turns = move || {
        (0..50).for_each(|_| yield_now());
        drop(release);
    };
    spawn(after_some_turns).detach();
    let value = Strikes::<IN_DROP>;
    local.run_in_executor(move || drop(value)).expect("open")
}

places! {
    "a promise's future: clone of a waker" => || {
        let promise = Promise::<()>::new();
        let mut future = promise.clone().into_future();
        poll_once(&mut future, &strikes_in_clone());
        ignore(promise.set_result(()));
    },
    "a promise's future: wake" => || {
        let promise = Promise::<()>::new();
        let mut future = promise.clone().into_future();
        poll_once(&mut future, &Arc::new(Executor).into());
        ignore(promise.set_result(()));
        yield_now();
        yield_now();
        later(move || drop(future));
    },
    "a promise's future: drop of a waker" => || {
        let promise = Promise::<()>::new();
        let mut future = promise.clone().into_future();
        poll_once(&mut future, &Arc::new(Executor).into());
        poll_once(&mut future, Waker::noop());
        later(move || ignore(promise.set_result(())));
    },
    "a promise's future: drop with its waker" => || {
        let promise = Promise::<()>::new();
        let mut future = promise.clone().into_future();
        poll_once(&mut future, &Arc::new(Executor).into());
        drop(future);
        later(move || ignore(promise.set_result(())));
    },
    "a remote task: clone of a waker" => || {
        let handle = current_loop().expect("a loop").handle().expect("open");
        let mut remote = handle.spawn_threadsafe(|| 1).map_err(drop).expect("open");
        poll_once(&mut remote, &strikes_in_clone());
        poll_once(&mut remote, Waker::noop());
        yield_now();
        let _ = remote.is_done();
    },
    "a remote task: wake" => || {
        let handle = current_loop().expect("a loop").handle().expect("open");
        let mut remote = handle.spawn_threadsafe(|| 1).map_err(drop).expect("open");
        poll_once(&mut remote, &Arc::new(Executor).into());
        (0..200).for_each(|_| yield_now());
        let _ = remote.is_done();
    },
    "a remote task: drop of a waker" => || {
        let handle = current_loop().expect("a loop").handle().expect("open");
        let mut remote = handle.spawn_threadsafe(|| 1).map_err(drop).expect("open");
        poll_once(&mut remote, &Arc::new(Executor).into());
        poll_once(&mut remote, Waker::noop());
        let _ = remote.is_done();
    },
    "a remote task: a join after a poll" => || {
        let handle = current_loop().expect("a loop").handle().expect("open");
        let mut remote = handle.spawn_threadsafe(|| sleep(A_SECOND)).map_err(drop).expect("open");
        poll_once(&mut remote, &Arc::new(Executor).into());
        drop(remote.join());
    },
    "a remote task: captures of a closed loop" => || {
        let (other, value) = (EventLoop::new().expect("a loop"), Strikes::<IN_DROP>);
        let remote = other.handle().spawn_threadsafe(move || drop(value)).map_err(drop).expect("open");
        drop(other);
        drop(remote.join());
    },
    "a remote task: result without a handle" => || {
        let handle = current_loop().expect("a loop").handle().expect("open");
        drop(handle.spawn_threadsafe(|| Strikes::<IN_DROP>).map_err(drop));
        (0..200).for_each(|_| yield_now());
    },
    "a remote task: a refused function" => || {
        let handle = EventLoop::new().expect("a loop").handle();
        let value = Strikes::<IN_DROP>;
        drop(handle.spawn_threadsafe(move || drop(value)));
    },
    "block_on: poll" => || block_on(poll_fn(|_| { strike(); Poll::Ready(()) })),
    "block_on: second poll" => || {
        let mut n = 0;
        block_on(poll_fn(|context| {
            n += 1;
            context.waker().wake_by_ref();
            if n < 2 { return Poll::Pending; }
            strike();
            Poll::Ready(())
        }));
    },
    "block_on: drop of the future" => || {
        let value = Strikes::<IN_DROP>;
        block_on(async move { let _value = value; });
    },
    "block_on: drop of a future that was late" => || {
        let value = Strikes::<IN_DROP>;
        let _ = timeout(A_SECOND, || block_on(async move {
            let _value = value;
            std::future::pending::<()>().await;
        }));
    },
    "run_in_executor: an unwanted result" => || {
        let local = current_loop().expect("a loop");
        drop(local.run_in_executor(|| Strikes::<IN_DROP>));
        sleep(A_SECOND);
        let done = local.run_in_executor(|| ()).expect("open");
        drop(done.wait());
        yield_now();
    },
    "run_in_executor: an unwanted error" => || {
        let local = current_loop().expect("a loop");
        drop(local.run_in_executor(|| { let it: Strikes<IN_DROP> = Strikes; std::panic::panic_any(it) }));
        drop(local.run_in_executor(|| ()).expect("open").wait());
        (0..200).for_each(|_| yield_now());
    },
    "run_in_executor: a result of a closed loop" => || {
        let other = EventLoop::new().expect("a loop");
        let (done, is_done) = mpsc::channel();
        drop(other.run_in_executor(move || { done.send(()).expect("a receiver"); Strikes::<IN_DROP> }));
        is_done.recv().expect("it runs");
        drop(other);
        // It may have been dropped by the other thread.
        strike();
    },
    "run_in_executor: captures of a job that never began" => || {
        let builder = EventLoop::builder().max_blocking_threads(1);
        let (other, value) = (builder.build().expect("a loop"), Strikes::<IN_DROP>);
        let release = occupy(|job| drop(other.run_in_executor(job)));
        let promise = other.run_in_executor(move || drop(value));
        promise.cancel();
        drop(release);
        drop(other);
    },
    "run_in_executor: captures of jobs of a closed loop" => || {
        let builder = EventLoop::builder().max_blocking_threads(1);
        let (other, value) = (builder.build().expect("a loop"), Strikes::<IN_DROP>);
        let release = occupy(|job| drop(other.run_in_executor(job)));
        // The end of the loop drops this job, which lets the first one end.
        let captures = (release, value);
        drop(other.run_in_executor(move || drop(captures)));
        drop(other);
    },
    "a queued job: cancelled by its promise" => || ignore(queued_job().cancel()),
    "a queued job: cancelled by a timeout" => || {
        let promise = queued_job();
        ignore(timeout(Duration::ZERO, || drop(promise.wait())));
    },
    "a queued job: cancelled before a wait for a task that waits for it" => || {
        let promise = queued_job();
        let waits = spawn(move || {
            // Ends after the task that waits for this one.
            let _ = catch_cancelled(|| drop(promise.wait()));
            sleep(9 * A_SECOND);
        });
        yield_now();
        current_task().expect("a task").cancel();
        drop(waits.join());
    },
    "a queued job: cancelled before a gather of tasks that wait for it" => || {
        let promise = queued_job();
        let waits = spawn(move || {
            // Ends after the task that waits for this one.
            let _ = catch_cancelled(|| drop(promise.wait()));
            sleep(9 * A_SECOND);
        });
        yield_now();
        current_task().expect("a task").cancel();
        drop(gather([waits]));
    },
    "a queued job: late in wait_for" => || drop(wait_for(queued_job(), Duration::ZERO)),
    "a queued job: cancelled by a child's failure" => || {
        let promise = queued_job();
        drop(scope(|s| {
            s.spawn(|| drop(promise.wait()));
            s.spawn(|| {
                yield_now();
                panic!("torn");
            });
        }));
    },
    "a queued job: cancelled by a race's winner" => || {
        let promise = queued_job();
        drop(race::<[Box<dyn FnOnce()>; 2]>([
            Box::new(yield_now),
            Box::new(move || drop(promise.wait())),
        ]));
    },
    "to_thread: captures of a cancelled job" => || {
        let value = Strikes::<IN_DROP>;
        let task = spawn(move || drop(to_thread(move || drop(value))));
        task.cancel();
        drop(task.join());
    },
    "to_thread: an unwanted result" => || {
        let (done, is_done) = mpsc::channel();
        let task = spawn(move || drop(to_thread(move || {
            done.send(()).expect("a receiver");
            Strikes::<IN_DROP>
        })));
        yield_now();
        is_done.recv().expect("it runs");
        task.cancel();
        drop(task.join());
        strike();
    },
    "to_thread: a result" => || drop(to_thread(|| Strikes::<IN_DROP>)),
}

/// A promise's callbacks are dropped while one of them panics; a later one wakes a waker, which panics as well.
#[test]
fn a_waker_that_panics_in_an_unwind_does_not_abort() {
    struct PanicsInDrop;
    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    struct Panics(AtomicUsize);
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
            panic!("in wake");
        }
    }
    run(|| {
        let promise = Promise::<()>::new();
        let value = PanicsInDrop;
        promise.add_done_callback(move |_| drop(value));
        let panics = Arc::new(Panics(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&panics));
        let mut future = promise.clone().into_future();
        let mut context = Context::from_waker(&waker);
        assert!(pin!(&mut future).poll(&mut context).is_pending());
        let unwound = catch_unwind(AssertUnwindSafe(|| promise.clear_done_callbacks()));
        assert_eq!(text(&unwound.expect_err("the value panics")), "in drop");
        assert_eq!(panics.0.load(Ordering::SeqCst), 1, "the waker was woken");
    });
}
