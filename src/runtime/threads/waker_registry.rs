//! [`WakerRegistry`]: tasks that wait for events outside of the loop, by std's wakers.
//!
//! A waker names a wait by its number, which is never used again. So a waker may live on any thread, and outlive the wait
//! and the loop. The registry maps the number to the task while the task waits.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::io;
use std::mem::transmute;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::{Injector, Message, Pool};
use crate::runtime::core::{Awaiting, Core, NEVER, TaskContext, TaskPtr, unpark};
use crate::runtime::time::Alarm;
use crate::runtime::wait::park::{self, Park};
use crate::runtime::wait::{io_end, is_io_ending};
use crate::util::slots::{Key, Slots};

/// The waits of a loop that wakers name.
pub(crate) struct WakerRegistry {
    waits: RefCell<Slots<Wait>>,
    /// Number of tasks and promises that wait for a job.
    n_jobs: Cell<usize>,
    /// Number of tasks that wait for an end of a channel, which exists as long as they wait.
    n_on_channels: Cell<usize>,
    pub(crate) injector: Arc<Injector>,
    pub(crate) pool: Pool,
}

/// A registered wait.
enum Wait {
    Task {
        task: TaskPtr,
        signal: Arc<Signal>,
        /// In the waiting frame: called if the task is abandoned.
        leave: NonNull<dyn Fn()>,
    },
    /// Called at the end of a job, to complete a promise.
    Promise(Delivery),
}

/// Completes a promise.
type Delivery = Box<dyn FnOnce(Ended)>;

/// How a wait for a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The job has stored its result.
    Done,
    /// The loop closes.
    LoopClosed,
}

/// The target of a waker.
struct Signal {
    is_set: AtomicBool,
    number: u64,
    injector: Arc<Injector>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_set.swap(true, Ordering::AcqRel) {
            // A closed loop has no task to wake.
            drop(self.injector.push(Message::Wake(self.number)));
        }
    }
}

impl WakerRegistry {
    pub(crate) fn new(injector: Arc<Injector>, pool: Pool) -> Rc<Self> {
        Rc::new(Self {
            waits: RefCell::default(),
            n_jobs: Cell::new(0),
            n_on_channels: Cell::new(0),
            injector,
            pool,
        })
    }

    /// Unparks the task that waits under a number, or completes the promise under it.
    pub(crate) fn wake(&self, number: u64) {
        let task = match self.waits.borrow().get(Key::from_u64(number)) {
            Some(Wait::Task { task, .. }) => Some(*task),
            Some(Wait::Promise(_)) | None => None,
        };
        if let Some(task) = task {
            unpark(task);
        } else if let Some(deliver) = self.remove_promise(number) {
            deliver(Ended::Done);
        }
    }

    /// Registers a wait of a task. Returns its key, and the waker that names it.
    fn register(&self, task: TaskPtr, leave: NonNull<dyn Fn()>) -> (Key, Waker) {
        let mut waits = self.waits.borrow_mut();
        let key = waits.next_key();
        let signal = Arc::new(Signal {
            is_set: AtomicBool::new(false),
            number: key.to_u64(),
            injector: Arc::clone(&self.injector),
        });
        let waker = Waker::from(Arc::clone(&signal));
        waits.insert(Wait::Task {
            task,
            signal,
            leave,
        });
        (key, waker)
    }

    /// Unregisters an abandoned task's waits so that waiters behind it proceed.
    pub(crate) fn unregister_abandoned(&self, abandoned: TaskPtr) {
        let is_its = |wait: &Wait| matches!(wait, Wait::Task { task, .. } if *task == abandoned);
        let removed = self.waits.borrow_mut().remove_where(is_its);
        for wait in removed {
            if let Wait::Task { leave, .. } = wait {
                // SAFETY: the waiting frame has not unregistered the wait, so the frame exists: the frames of
                // an abandoned task keep their memory, and what they borrow from is abandoned, or goes later.
                let leave = unsafe { leave.as_ref() };
                leave();
            }
        }
    }

    /// The number under which the next wait will be registered.
    pub(crate) fn next_number(&self) -> u64 {
        self.waits.borrow().next_key().to_u64()
    }

    /// Registers a promise, to be completed at the end of the job that reports the next number.
    pub(crate) fn add_promise(&self, number: u64, deliver: Delivery) {
        let key = self.waits.borrow_mut().insert(Wait::Promise(deliver));
        debug_assert_eq!(
            key.to_u64(),
            number,
            "nothing else was registered meanwhile"
        );
        self.n_jobs.update(|n| n + 1);
    }

    /// Unregisters a promise; the caller drops its delivery. `None` if it was completed.
    pub(crate) fn remove_promise(&self, number: u64) -> Option<Delivery> {
        match self.waits.borrow_mut().remove(Key::from_u64(number))? {
            Wait::Promise(deliver) => {
                self.n_jobs.update(|n| n - 1);
                Some(deliver)
            }
            Wait::Task { .. } => unreachable!("the number is a promise's"),
        }
    }

    /// Whether a task or a promise waits for a job. Jobs take real time, and report their end.
    pub(crate) fn has_jobs(&self) -> bool {
        self.n_jobs.get() > 0
    }

    /// Closes the pool, and fails the promises of its jobs. With a timeout, waits that long for running jobs, and
    /// reports the jobs if the wait takes long.
    pub(crate) fn close_pool(&self, timeout: Option<Duration>, tell: impl FnMut(String)) {
        let is_promise = |wait: &Wait| matches!(wait, Wait::Promise(_));
        let promised = self.waits.borrow_mut().remove_where(is_promise);
        self.n_jobs.update(|n| n - promised.len());
        for wait in promised {
            if let Wait::Promise(deliver) = wait {
                deliver(Ended::LoopClosed);
            }
        }
        self.pool.close(timeout, tell);
    }

    /// Whether a task waits at a channel, whose other end may be on any thread.
    pub(crate) fn has_channels(&self) -> bool {
        self.n_on_channels.get() > 0
    }

    /// Whether a waker of a waiting task exists outside of the loop.
    pub(crate) fn may_be_woken(&self) -> bool {
        // The registry's share, and that of the waker by which the task polls.
        const OURS: usize = 2;
        let waits = self.waits.borrow();
        let is_held = waits.values().any(|wait| match wait {
            Wait::Task { signal, .. } => Arc::strong_count(signal) > OURS,
            Wait::Promise(_) => false,
        });
        // A thread sends its message before it releases its waker: the fence keeps that order here.
        fence(Ordering::Acquire);
        is_held
    }
}

impl Core {
    /// The waker registry of the core's loop.
    pub(crate) fn wakers(&self) -> Rc<WakerRegistry> {
        let wakers = Rc::clone(&self.parts().wakers).downcast();
        wakers.expect("the slot holds a waker registry")
    }
}

/// Parks the running task until `poll` is ready. Polls now and after each wake-up.
pub(crate) fn wait<R>(
    here: TaskContext,
    what: &dyn Awaiting,
    poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> R {
    let Ok(result) = wait_by(park::park_or_unwind, here, what, &|| (), || false, poll);
    result.expect(NEVER_GIVES_UP)
}

const NEVER_GIVES_UP: &str = "the wait never gives up";

/// As [`wait`], for I/O, in a queue with other tasks. If the task is abandoned, `leave` is called, which removes the
/// task from the queue.
///
/// # Errors
/// `TimedOut` if the deadline of the task's I/O passes; the error of a cancel.
pub(crate) fn wait_io<R>(
    here: TaskContext,
    what: &dyn Awaiting,
    leave: &dyn Fn(),
    poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> io::Result<R> {
    let Some(deadline) = here.task.io_deadline() else {
        let result = wait_by(park::park_io, here, what, leave, || false, poll)?;
        return Ok(result.expect(NEVER_GIVES_UP));
    };
    let result = Alarm::with(here, deadline, |alarm| {
        wait_by(park::park_io, here, what, leave, || alarm.has_fired(), poll)
    })?;
    result.ok_or_else(|| io::ErrorKind::TimedOut.into())
}

/// Waits with the given parking function. Returns `None` when `give_up` returns true, which is called
/// before each park.
fn wait_by<R, E>(
    park: Park<E>,
    here: TaskContext,
    what: &dyn Awaiting,
    leave: &dyn Fn(),
    mut give_up: impl FnMut() -> bool,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> Result<Option<R>, E> {
    let waits = here.core.wakers();
    // SAFETY: only the lifetime changes. The wait is unregistered below, before `leave` can go.
    let leave = unsafe { transmute::<&dyn Fn(), &'static dyn Fn()>(leave) };
    let (key, waker) = waits.register(here.task, NonNull::from(leave));
    let _registered = Registered(&waits, key);
    loop {
        if let Poll::Ready(result) = poll(&mut Context::from_waker(&waker)) {
            return Ok(Some(result));
        }
        while !is_set(&waits, key) {
            if give_up() {
                return Ok(None);
            }
            park(here, what)?;
        }
    }
}

/// As [`wait`], for a job of the pool.
pub(crate) fn wait_for_job<R>(
    here: TaskContext,
    poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> R {
    let _counted = Counted::new(here, |waits| &waits.n_jobs);
    wait(here, &JOB, poll)
}

/// As [`wait_io`], for a job of the pool.
pub(crate) fn wait_for_io_job<R>(
    here: TaskContext,
    poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> io::Result<R> {
    let _counted = Counted::new(here, |waits| &waits.n_jobs);
    wait_io(here, &JOB, &|| (), poll)
}

/// As [`wait_for_io_job`], but a cancel or a deadline ends the wait only if `may_end` returns true.
pub(crate) fn wait_for_write<R>(
    here: TaskContext,
    may_end: impl Fn() -> bool,
    poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> io::Result<R> {
    let _counted = Counted::new(here, |waits| &waits.n_jobs);
    let ends = || is_io_ending() && may_end();
    let deadline = here.task.io_deadline().unwrap_or(NEVER);
    let Ok(result) = Alarm::with(here, deadline, |_| {
        wait_by(park::park_until_close, here, &JOB, &|| (), ends, poll)
    });
    result.ok_or_else(|| io_end(here))
}

const JOB: &str = "work on another thread";

/// As [`wait`], at an end of a channel, which exists while the task waits. Returns `None` when `give_up`
/// returns true.
pub(crate) fn wait_on_channel<R>(
    here: TaskContext,
    what: &dyn Awaiting,
    leave: &dyn Fn(),
    give_up: impl FnMut() -> bool,
    poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> Option<R> {
    let _counted = Counted::new(here, |waits| &waits.n_on_channels);
    let Ok(result) = wait_by(park::park_or_unwind, here, what, leave, give_up, poll);
    result
}

/// A wait of the running task at an end of a channel, among other waits, while this lives.
pub(crate) struct OnChannel<'a> {
    counted: Counted,
    key: Key,
    waker: Waker,
    /// The registry names it.
    _leave: Box<dyn Fn() + 'a>,
}

impl<'a> OnChannel<'a> {
    /// Registers the wait. If the task is abandoned, `leave` is called, and the wait is unregistered. Otherwise the caller
    /// drops this before the end of `'a`.
    pub(crate) fn new(here: TaskContext, leave: Box<dyn Fn() + 'a>) -> Self {
        let counted = Counted::new(here, |waits| &waits.n_on_channels);
        let named = NonNull::from(&*leave);
        // SAFETY: only the lifetime changes. The wait is unregistered before the box goes, by the destructor or as the task
        // is abandoned.
        let named = unsafe { transmute::<NonNull<dyn Fn() + 'a>, NonNull<dyn Fn()>>(named) };
        let (key, waker) = counted.waits.register(here.task, named);
        Self {
            counted,
            key,
            waker,
            _leave: leave,
        }
    }

    /// Whether the waker was woken since the last call.
    pub(crate) fn take_signal(&self) -> bool {
        is_set(&self.counted.waits, self.key)
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }
}

impl Drop for OnChannel<'_> {
    fn drop(&mut self) {
        drop(Registered(&self.counted.waits, self.key));
    }
}

/// Counts a waiting task while the guard lives.
struct Counted {
    waits: Rc<WakerRegistry>,
    counter: fn(&WakerRegistry) -> &Cell<usize>,
}

impl Counted {
    fn new(here: TaskContext, counter: fn(&WakerRegistry) -> &Cell<usize>) -> Self {
        let waits = here.core.wakers();
        counter(&waits).update(|n| n + 1);
        Self { waits, counter }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.counter)(&self.waits).update(|n| n - 1);
    }
}

/// Takes the signal of a task's wait.
fn is_set(waits: &WakerRegistry, key: Key) -> bool {
    match waits.waits.borrow().get(key) {
        Some(Wait::Task { signal, .. }) => signal.is_set.swap(false, Ordering::AcqRel),
        Some(Wait::Promise(_)) | None => false,
    }
}

/// Unregisters a wait when its frame is dropped.
struct Registered<'a>(&'a WakerRegistry, Key);

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let wait = self.0.waits.borrow_mut().remove(self.1);
        drop(wait);
    }
}
