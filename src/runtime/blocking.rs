//! Work that blocks its thread, on a pool of threads beside the loop.
//!
//! Threads are started when there is work and none is idle, up to a limit, and leave when they
//! have been idle for a while. A panic of the work comes back to whoever waits for it.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use super::context::{self, Nowhere};
use super::foreign;

/// How long an idle thread stays.
const IDLE: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce() + Send>;

/// Threads that work off a queue.
struct Pool {
    state: Mutex<State>,
    has_work: Condvar,
    n_threads_max: usize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    n_threads: usize,
    n_idle: usize,
}

/// The pool of this process: name resolution is all that uses it so far.
fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| Pool {
        state: Mutex::default(),
        has_work: Condvar::new(),
        n_threads_max: thread::available_parallelism()
            .map_or(1, usize::from)
            .min(28)
            + 4,
    })
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of the user's runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a job.
    ///
    /// # Errors
    /// If no thread can be started and none runs that will come to it; the job is dropped then.
    fn submit(&'static self, job: Job) -> io::Result<()> {
        let mut state = self.lock();
        state.jobs.push_back(job);
        if state.n_idle >= state.jobs.len() || state.n_threads == self.n_threads_max {
            drop(state);
            self.has_work.notify_one();
            return Ok(());
        }
        state.n_threads += 1;
        drop(state);
        let builder = thread::Builder::new().name("selvedge-blocking".to_owned());
        if let Err(error) = builder.spawn(|| self.work()) {
            let mut state = self.lock();
            state.n_threads -= 1;
            if state.n_threads == 0 {
                let job = state.jobs.pop_back();
                drop(state);
                drop(job);
                return Err(error);
            }
        }
        Ok(())
    }

    /// What a thread does.
    fn work(&self) {
        let mut state = self.lock();
        loop {
            while let Some(job) = state.jobs.pop_front() {
                drop(state);
                job();
                state = self.lock();
            }
            state.n_idle += 1;
            let (after, timeout) = self
                .has_work
                .wait_timeout(state, IDLE)
                .unwrap_or_else(PoisonError::into_inner);
            state = after;
            state.n_idle -= 1;
            if timeout.timed_out() && state.jobs.is_empty() {
                state.n_threads -= 1;
                return;
            }
        }
    }
}

/// Where a job leaves its result.
struct Reply<T> {
    result: Option<thread::Result<T>>,
    waker: Option<Waker>,
}

/// May suspend. Runs a function on the pool and returns what it returns. Where there is nothing to
/// suspend, it runs in place.
///
/// # Errors
/// If no thread can be started; if a callback asks, which can't wait.
///
/// # Panics
/// With what the function panics with.
///
/// # Cancellation
/// The function runs to its end; its result is dropped.
pub(crate) fn off_loop<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let here = match context::here() {
        Ok(here) => here,
        Err(Nowhere::NoLoop) => return Ok(f()),
        Err(nowhere) => return Err(io::Error::other(nowhere.sentence())),
    };
    let reply = Arc::new(Mutex::new(Reply {
        result: None,
        waker: None,
    }));
    let theirs = Arc::clone(&reply);
    pool().submit(Box::new(move || {
        let result = catch_unwind(AssertUnwindSafe(f));
        let mut reply = theirs.lock().unwrap_or_else(PoisonError::into_inner);
        reply.result = Some(result);
        let waker = reply.waker.take();
        drop(reply);
        drop(theirs);
        if let Some(waker) = waker {
            waker.wake();
        }
    }))?;
    let result = foreign::wait_for_job(here, |context| {
        let mut reply = reply.lock().unwrap_or_else(PoisonError::into_inner);
        match reply.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                reply.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    });
    result.map_or_else(|payload| resume_unwind(payload), Ok)
}
