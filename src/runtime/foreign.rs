//! Tasks that wait for what happens outside of the loop, by std's wakers.
//!
//! A waker names a wait by its number, which is never used again; it may live anywhere and for
//! ever. The loop knows which task waits under which number as long as it does.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::task::{Context, Poll, Wake, Waker};

use super::context::Here;
use super::injector::{Injector, Message};
use super::park;
use super::task::{Awaiting, TaskPtr};

/// The waits of a loop.
pub(crate) struct ForeignWaits {
    waits: RefCell<HashMap<u64, (TaskPtr, Arc<Signal>)>>,
    /// How many tasks wait for work on another thread.
    n_jobs: Cell<usize>,
    pub(crate) injector: Arc<Injector>,
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

impl ForeignWaits {
    pub(crate) fn new(injector: Arc<Injector>) -> Rc<Self> {
        Rc::new(Self {
            waits: RefCell::default(),
            n_jobs: Cell::new(0),
            injector,
        })
    }

    /// Unparks whoever waits under a number.
    pub(crate) fn wake(&self, number: u64) {
        let task = self.waits.borrow().get(&number).map(|wait| wait.0);
        if let Some(task) = task {
            park::unpark(task);
        }
    }

    /// Whether a task waits for work on another thread, which takes real time.
    pub(crate) fn has_jobs(&self) -> bool {
        self.n_jobs.get() > 0
    }

    /// Whether somebody elsewhere holds a waker of a task that waits.
    pub(crate) fn may_be_woken(&self) -> bool {
        // The table's, and the one by which the task polls.
        const OURS: usize = 2;
        let waits = self.waits.borrow();
        let is_held = waits.values().any(|wait| Arc::strong_count(&wait.1) > OURS);
        // Whoever let go has sent its message before: to be seen by whoever sees that it let go.
        fence(Ordering::Acquire);
        is_held
    }
}

thread_local! {
    static CURRENT: Cell<Option<NonNull<ForeignWaits>>> = const { Cell::new(None) };
}

/// Makes waits current, until others are.
pub(crate) fn make_current(waits: &Rc<ForeignWaits>) {
    CURRENT.set(NonNull::new(Rc::as_ptr(waits).cast_mut()));
}

/// Makes waits those of the running loop, as long as the guard lives.
pub(crate) struct Entered<'a> {
    before: Option<NonNull<ForeignWaits>>,
    entered: PhantomData<&'a ForeignWaits>,
}

impl<'a> Entered<'a> {
    pub(crate) fn new(waits: &'a Rc<ForeignWaits>) -> Self {
        Self {
            before: CURRENT.replace(NonNull::new(Rc::as_ptr(waits).cast_mut())),
            entered: PhantomData,
        }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

/// A share in the running loop's waits.
pub(crate) fn current() -> Option<Rc<ForeignWaits>> {
    // SAFETY: the running loop holds its waits in an `Rc`, which was made by `Rc::new`.
    CURRENT.get().map(|waits| unsafe {
        Rc::increment_strong_count(waits.as_ptr());
        Rc::from_raw(waits.as_ptr())
    })
}

/// Parks the running task until `poll` answers; it is asked now and after each wake.
pub(crate) fn wait<R>(
    here: Here,
    what: &dyn Awaiting,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> R {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let waits = current().expect("a task runs within its loop");
    let signal = Arc::new(Signal {
        is_set: AtomicBool::new(false),
        number: NEXT.fetch_add(1, Ordering::Relaxed),
        injector: Arc::clone(&waits.injector),
    });
    let number = signal.number;
    let entry = (here.task, Arc::clone(&signal));
    waits.waits.borrow_mut().insert(number, entry);
    let _registered = Registered(&waits, number);
    let waker = Waker::from(Arc::clone(&signal));
    drop(signal);
    loop {
        if let Poll::Ready(result) = poll(&mut Context::from_waker(&waker)) {
            return result;
        }
        while !is_set(&waits, number) {
            park::park(here, what);
        }
    }
}

/// As [`wait`], for work on another thread.
pub(crate) fn wait_for_job<R>(here: Here, poll: impl FnMut(&mut Context<'_>) -> Poll<R>) -> R {
    struct Counted(Rc<ForeignWaits>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.n_jobs.set(self.0.n_jobs.get() - 1);
        }
    }
    let waits = current().expect("a task runs within its loop");
    waits.n_jobs.set(waits.n_jobs.get() + 1);
    let _counted = Counted(waits);
    wait(here, &"work on another thread", poll)
}

/// Takes the signal of a wait.
fn is_set(waits: &ForeignWaits, number: u64) -> bool {
    let waits = waits.waits.borrow();
    waits
        .get(&number)
        .is_some_and(|wait| wait.1.is_set.swap(false, Ordering::AcqRel))
}

/// Strikes the wait out when its frame goes.
struct Registered<'a>(&'a ForeignWaits, u64);

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let wait = self.0.waits.borrow_mut().remove(&self.1);
        drop(wait);
    }
}
