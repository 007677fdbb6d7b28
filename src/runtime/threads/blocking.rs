//! Blocking work: a job on the loop's [`pool`](super::pool), and its result's way back to the loop.
//!
//! A job reports its end in every case: it catches a panic of its function. So the loop can rely on the end of each job
//! that it waits for. A task waits for a job ([`off_loop`]), or a promise stands for the job ([`promise`]). In both cases
//! a job that is no longer wanted, and has not begun, is taken back; its closure is dropped on the loop's thread.

use std::io;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use super::{Ended, Job, JobKind, Message, Pool, Refused, Ticket, WakerRegistry, waker_registry};
use crate::coroutine::drop_quietly;
use crate::error::TaskError;
use crate::error::WaitError;
use crate::runtime::core::{Core, FORCE_UNWIND, MUST_CANCEL, TaskContext};
use crate::runtime::task::{MAX_MOVED, Promise};
use crate::runtime::wait::{budget, delivery, park, task_context};
use crate::util::lock::lock;

/// Holds a job's result.
struct Reply<T>(Mutex<Answer<T>>);

struct Answer<T> {
    result: Option<thread::Result<T>>,
    waker: Option<Waker>,
}

impl<T: Send + 'static> Reply<T> {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Answer {
            result: None,
            waker: None,
        })))
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<thread::Result<T>> {
        let mut answer = lock(&self.0);
        match answer.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                answer.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// A job that stores its result here, and then calls `tell`.
    fn job(
        self: &Arc<Self>,
        f: impl FnOnce() -> T + Send + 'static,
        tell: impl FnOnce(&Self) + Send + 'static,
    ) -> Job {
        let reply = Arc::clone(self);
        Box::new(move || {
            let result = catch_unwind(AssertUnwindSafe(f));
            lock(&reply.0).result = Some(result);
            tell(&reply);
            // The last share drops a result that was not taken.
            drop_quietly(reply);
        })
    }
}

/// May suspend. Runs a function on the pool and returns its value. Without a loop the function runs in place.
///
/// # Errors
/// If no thread can be started, in a callback, which can't wait, and while the thread is panicking.
///
/// # Panics
/// With the function's panic.
///
/// # Cancellation
/// An error. A job that has not begun is dropped. A job that has begun runs to its end, and its result is dropped.
pub(crate) fn off_loop<T: Send + 'static>(
    kind: JobKind,
    f: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    off_loop_by(kind, f, |here, wanted| {
        waker_registry::wait_for_io_job(here, |context| wanted.poll(context))
    })
}

/// As [`off_loop`], but waits for a job that has begun. So after an error of a cancel or a deadline, nothing was done.
///
/// # Cancellation
/// An error if the job has not begun, which drops the job. Otherwise the request is delivered at the next wait.
pub(crate) fn off_loop_to_end<T: Send + 'static>(
    kind: JobKind,
    f: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    off_loop_by(kind, f, |here, wanted| {
        let (pool, ticket) = (wanted.pool, wanted.ticket);
        let take_back = || pool.take_back(ticket);
        waker_registry::wait_for_write(here, take_back, |context| wanted.poll(context))
    })
}

fn off_loop_by<T: Send + 'static>(
    kind: JobKind,
    f: impl FnOnce() -> T + Send + 'static,
    wait: impl FnOnce(TaskContext, &mut Wanted<'_, T>) -> io::Result<thread::Result<T>>,
) -> io::Result<T> {
    let here = match task_context() {
        Ok(here) => here,
        Err(WaitError::NoLoop) => return Ok(f()),
        Err(why) => return Err(io::Error::other(why.sentence())),
    };
    // This precedes the job, which can't be cancelled once it has begun. Other tasks get a turn, even if the job would
    // be done before this task could park.
    budget::yield_io(here)?;
    let waits = here.core.wakers();
    let mut wanted = submit(&waits.pool, kind, f)?;
    let result = wait(here, &mut wanted)?;
    result.or_else(|payload| resume_unwind(payload))
}

/// Implements [`to_thread`](crate::to_thread).
pub(crate) fn to_thread<T, F>(site: &'static Location<'static>, f: F) -> Result<T, TaskError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    if const { size_of::<T>() > MAX_MOVED || size_of::<F>() > MAX_MOVED } {
        let f = Box::new(f);
        run_on_thread(site, move || Box::new(f())).map(|value| *value)
    } else {
        run_on_thread(site, f)
    }
}

fn run_on_thread<T: Send + 'static>(
    site: &'static Location<'static>,
    f: impl FnOnce() -> T + Send + 'static,
) -> Result<T, TaskError> {
    let result = match task_context() {
        Ok(here) => wait_for(here, JobKind::program("to_thread", site), f)
            .map_err(|refused| TaskError::exception(io::Error::from(refused).into()))?,
        Err(WaitError::NoLoop) => catch_unwind(AssertUnwindSafe(f)),
        Err(why) => return Err(TaskError::misuse(why.sentence())),
    };
    result.map_err(TaskError::panic)
}

/// Runs a user's function on the pool while the running task is parked.
fn wait_for<T: Send + 'static>(
    here: TaskContext,
    kind: JobKind,
    f: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::Result<T>, Refused> {
    if here.task.has(MUST_CANCEL | FORCE_UNWIND) {
        // Before work begins that can't be cancelled.
        delivery::raise(here);
    }
    let waits = here.core.wakers();
    let mut wanted = submit(&waits.pool, kind, f)?;
    // Other tasks get a turn, even if the job is done before this task could park.
    park::yield_now(here);
    Ok(waker_registry::wait_for_job(here, |context| {
        wanted.poll(context)
    }))
}

/// Gives a function to the pool.
fn submit<T: Send + 'static>(
    pool: &Pool,
    kind: JobKind,
    f: impl FnOnce() -> T + Send + 'static,
) -> Result<Wanted<'_, T>, Refused> {
    let reply = Reply::new();
    let job = reply.job(f, |reply| {
        let waker = lock(&reply.0).waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    });
    let ticket = pool.submit(job, kind)?;
    let reply = Some(reply);
    Ok(Wanted {
        pool,
        ticket,
        reply,
    })
}

/// A job that a task waits for. The job is taken back if the wait ends early; a result that arrives too
/// late is dropped.
struct Wanted<'a, T> {
    pool: &'a Pool,
    ticket: Ticket,
    /// `None` once the result was taken.
    reply: Option<Arc<Reply<T>>>,
}

impl<T: Send + 'static> Wanted<'_, T> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<thread::Result<T>> {
        let reply = self.reply.as_ref().expect("polled until it is ready");
        let result = reply.poll(context);
        if result.is_ready() {
            self.reply = None;
        }
        result
    }
}

impl<T> Drop for Wanted<'_, T> {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            self.pool.take_back(self.ticket);
            drop_quietly(reply);
        }
    }
}

/// Runs a function on the pool; the promise is completed when it has ended.
pub(crate) fn promise<T: Send + 'static>(
    core: Weak<Core>,
    waits: &Rc<WakerRegistry>,
    site: &'static Location<'static>,
    f: impl FnOnce() -> T + Send + 'static,
) -> Promise<T> {
    let promise = Promise::of(core, site);
    let reply = Reply::new();
    let injector = Arc::clone(&waits.injector);
    let number = waits.next_number();
    let job = reply.job(f, move |_| {
        // A closed loop has failed the promise.
        drop(injector.push(Message::Wake(number)));
    });
    let kind = JobKind::program("run_in_executor", site);
    let ticket = match waits.pool.submit(job, kind) {
        Ok(ticket) => ticket,
        Err(refused) => {
            promise.fail(TaskError::exception(io::Error::from(refused).into()));
            return promise;
        }
    };
    let kept = promise.clone();
    let deliver = move |ended| {
        let result = match ended {
            Ended::Done => {
                let result = lock(&reply.0).result.take();
                let result = result.expect("a job leaves its result before it tells of its end");
                result.map_err(TaskError::panic)
            }
            Ended::LoopClosed => Err(TaskError::cancelled(Some(
                "the event loop was closed before the job was done".to_owned(),
            ))),
        };
        // Refused if the promise was completed by other code.
        let refused = kept.complete(result);
        // The last handle to the promise, or to the reply, drops an unused result.
        drop_quietly((refused, kept, reply));
    };
    waits.add_promise(number, Box::new(deliver));
    let waits = Rc::downgrade(waits);
    promise.at_end(Box::new(move || {
        if let Some(waits) = waits.upgrade() {
            drop_quietly(waits.remove_promise(number));
            waits.pool.take_back(ticket);
        }
    }));
    promise
}
