//! Tasks that wait for what happens outside of the loop, by std's wakers.
//!
//! A waker names a wait by its number, which is never used again; it may live anywhere and for
//! ever. The loop knows which task waits under which number as long as it does.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::mem::transmute;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::injector::{Injector, Message};
use super::pool::Pool;
use crate::runtime::core::block::{Awaiting, TaskPtr};
use crate::runtime::core::context::{Core, TaskContext};
use crate::runtime::core::wake::unpark;
use crate::runtime::wait::park;

/// The waits of a loop.
pub(crate) struct WakerRegistry {
    waits: RefCell<HashMap<u64, Entry>>,
    /// What is done at the end of jobs for which a promise stands.
    promised: RefCell<HashMap<u64, Delivery>>,
    /// How many tasks wait for a job.
    n_jobs: Cell<usize>,
    /// How many tasks wait for an end of a channel, which exists as long as they wait.
    n_on_channels: Cell<usize>,
    pub(crate) injector: Arc<Injector>,
    pub(crate) pool: Pool,
}

/// A wait.
struct Entry {
    task: TaskPtr,
    signal: Arc<Signal>,
    /// What is done if the task is left behind for ever, in the waiting frame.
    leave: NonNull<dyn Fn()>,
}

/// Keeps a promise.
type Delivery = Box<dyn FnOnce(Ended)>;

/// Why there is nothing to wait for any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The job has left its result.
    Done,
    /// The loop closes.
    LoopClosed,
}

/// What a waker sets.
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
            // A closed loop has nobody to wake.
            drop(self.injector.push(Message::Wake(self.number)));
        }
    }
}

impl WakerRegistry {
    pub(crate) fn new(injector: Arc<Injector>, pool: Pool) -> Rc<Self> {
        Rc::new(Self {
            waits: RefCell::default(),
            promised: RefCell::default(),
            n_jobs: Cell::new(0),
            n_on_channels: Cell::new(0),
            injector,
            pool,
        })
    }

    /// Unparks whoever waits under a number, or keeps the promise under it.
    pub(crate) fn wake(&self, number: u64) {
        let task = self.waits.borrow().get(&number).map(|wait| wait.task);
        if let Some(task) = task {
            unpark(task);
        } else if let Some(deliver) = self.remove(number) {
            deliver(Ended::Done);
        }
    }

    /// Strikes out the waits of a task that was left behind for ever: others may stand in line after it.
    pub(crate) fn unregister_abandoned(&self, task: TaskPtr) {
        let struck_out: Vec<_> = self
            .waits
            .borrow_mut()
            .extract_if(|_, wait| wait.task == task)
            .collect();
        for (_, wait) in struck_out {
            // SAFETY: the waiting frame has not struck the wait out, so it is there: such frames keep
            // their memory, and what they borrow from is left behind, or goes, after this.
            let leave = unsafe { wait.leave.as_ref() };
            leave();
        }
    }

    /// Has a promise kept at the end of the job with that number.
    pub(crate) fn await_promised(&self, number: u64, deliver: Delivery) {
        self.promised.borrow_mut().insert(number, deliver);
    }

    /// Waits for a job no longer; what was to be done at its end is the caller's to drop.
    pub(crate) fn remove(&self, number: u64) -> Option<Delivery> {
        self.promised.borrow_mut().remove(&number)
    }

    /// Whether something waits for a job, which takes real time, and which tells of its end.
    pub(crate) fn has_jobs(&self) -> bool {
        self.n_jobs.get() > 0 || !self.promised.borrow().is_empty()
    }

    /// Closes the pool, and fails every promise that it was to keep; with patience, waits for so long
    /// for what runs.
    pub(crate) fn close_pool(&self, patience: Option<Duration>) {
        let promised = self.promised.take();
        for (_, deliver) in promised {
            deliver(Ended::LoopClosed);
        }
        self.pool.close(patience);
    }

    /// Whether a task waits for an end of a channel, which may be anywhere.
    pub(crate) fn has_channels(&self) -> bool {
        self.n_on_channels.get() > 0
    }

    /// Whether somebody elsewhere holds a waker of a task that waits.
    pub(crate) fn may_be_woken(&self) -> bool {
        // The table's, and the one by which the task polls.
        const OURS: usize = 2;
        let waits = self.waits.borrow();
        let is_held = waits
            .values()
            .any(|wait| Arc::strong_count(&wait.signal) > OURS);
        // Whoever let go has sent its message before: to be seen by whoever sees that it let go.
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

/// A number under which something is waited for: never given again.
pub(crate) fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Parks the running task until `poll` answers; it is asked now and after each wake.
pub(crate) fn wait<R>(
    here: TaskContext,
    what: &dyn Awaiting,
    poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> R {
    wait_in_line(here, what, &|| (), poll)
}

/// As [`wait`], in a line with others, which the task is to leave by calling `leave` if it is left
/// behind for ever.
pub(crate) fn wait_in_line<R>(
    here: TaskContext,
    what: &dyn Awaiting,
    leave: &dyn Fn(),
    poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> R {
    match wait_unless(here, what, leave, || false, poll) {
        Some(result) => result,
        None => unreachable!("it never gives up"),
    }
}

/// As [`wait`], until `give_up` says so, which is asked whenever the task runs again for whatever
/// reason without having been woken. `None` then.
fn wait_unless<R>(
    here: TaskContext,
    what: &dyn Awaiting,
    leave: &dyn Fn(),
    mut give_up: impl FnMut() -> bool,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> Option<R> {
    let waits = here.core.wakers();
    let signal = Arc::new(Signal {
        is_set: AtomicBool::new(false),
        number: next_number(),
        injector: Arc::clone(&waits.injector),
    });
    let number = signal.number;
    // SAFETY: only the lifetime is changed. The entry is struck out below, before `leave` can go.
    let leave = unsafe { transmute::<&dyn Fn(), &'static dyn Fn()>(leave) };
    let entry = Entry {
        task: here.task,
        signal: Arc::clone(&signal),
        leave: NonNull::from(leave),
    };
    waits.waits.borrow_mut().insert(number, entry);
    let _registered = Registered(&waits, number);
    let waker = Waker::from(Arc::clone(&signal));
    drop(signal);
    loop {
        if let Poll::Ready(result) = poll(&mut Context::from_waker(&waker)) {
            return Some(result);
        }
        while !is_set(&waits, number) {
            if give_up() {
                return None;
            }
            park::park(here, what);
        }
    }
}

/// As [`wait`], for a job of the pool's.
pub(crate) fn wait_for_job<R>(
    here: TaskContext,
    poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> R {
    let _counted = Counted::new(here, |waits| &waits.n_jobs);
    wait(here, &"work on another thread", poll)
}

/// As [`wait_in_line`], for an end of a channel, which exists as long as the task waits; `None` if `give_up` says so.
pub(crate) fn wait_on_channel<R>(
    here: TaskContext,
    what: &dyn Awaiting,
    leave: &dyn Fn(),
    give_up: impl FnMut() -> bool,
    poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> Option<R> {
    let _counted = Counted::new(here, |waits| &waits.n_on_channels);
    wait_unless(here, what, leave, give_up, poll)
}

/// Counts a task that waits, as long as it does.
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

/// Takes the signal of a wait.
fn is_set(waits: &WakerRegistry, number: u64) -> bool {
    let waits = waits.waits.borrow();
    waits
        .get(&number)
        .is_some_and(|wait| wait.signal.is_set.swap(false, Ordering::AcqRel))
}

/// Strikes the wait out when its frame goes.
struct Registered<'a>(&'a WakerRegistry, u64);

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let wait = self.0.waits.borrow_mut().remove(&self.1);
        drop(wait);
    }
}
