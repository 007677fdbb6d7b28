//! Which loop runs on this thread, and which of its tasks.
//!
//! [`Core`] is what tasks see of their loop: the run queue, the clock, the list of tasks, the
//! exception handler. Nothing here knows of timers, descriptors or other threads.

#![allow(unsafe_code)]

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::ptr::NonNull;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::block::{TaskBlock, TaskPtr};
use super::callback::Callback;
use super::clock::Clock;
use super::exception_context::ExceptionContext;
use super::id::TaskId;
use super::run_queue::RunQueue;
use crate::coroutine::undo_if_abandoned;
use crate::util::list::{Link, List};

/// What handles exceptions that nobody else takes.
pub(crate) type Handler = Rc<dyn Fn(&ExceptionContext)>;

/// The part of a loop that its tasks see.
pub(crate) struct Core {
    this: Weak<Self>,
    pub(crate) id: u64,
    pub(crate) run_queue: RunQueue,
    current: Cell<Option<TaskPtr>>,
    /// The running task, while what runs on its stack must not wait.
    hidden: Cell<Option<TaskPtr>>,
    pub(crate) clock: Clock,
    /// The tasks that are not done, in the order in which they were made.
    tasks: List,
    pub(crate) n_tasks: Cell<usize>,
    pub(crate) default_stack_size: usize,
    pub(crate) is_running: Cell<bool>,
    pub(crate) is_closing: Cell<bool>,
    pub(crate) is_closed: Cell<bool>,
    /// Whether the thread panicked before the loop began to end its tasks.
    pub(crate) is_closing_in_panic: Cell<bool>,
    /// Whether `run` is over and ends what is left.
    pub(crate) is_ending_run: Cell<bool>,
    pub(crate) is_debug: Cell<bool>,
    pub(crate) slow_callback_duration: Duration,
    pub(crate) handler: RefCell<Option<Handler>>,
    parts: OnceCell<Parts>,
}

/// The rest of a core's loop: slots for parts whose types belong to higher rooms.
pub(crate) struct Parts {
    /// See `Core::timers`.
    pub(crate) timers: Rc<dyn Any>,
    /// See `Core::reactor`.
    pub(crate) reactor: Rc<dyn Any>,
    /// See `Core::wakers`.
    pub(crate) wakers: Rc<dyn Any>,
    pub(crate) owner: Weak<dyn Owner>,
}

/// The loop as its core knows it.
pub(crate) trait Owner {
    /// Unregisters an abandoned task's waits so that waiters behind it proceed.
    fn unregister_abandoned(&self, task: TaskPtr);

    /// The loop, for a room that knows its type.
    fn into_any(self: Rc<Self>) -> Rc<dyn Any>;
}

thread_local! {
    /// The core of the loop that runs on this thread: the one place that says so.
    static CURRENT: Cell<Option<NonNull<Core>>> = const { Cell::new(None) };
}

impl Core {
    pub(crate) fn new(
        clock: Clock,
        default_stack_size: usize,
        is_debug: bool,
        slow_callback_duration: Duration,
    ) -> Rc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Rc::new_cyclic(|this| Self {
            this: this.clone(),
            id: NEXT.fetch_add(1, Relaxed),
            run_queue: RunQueue::new(),
            current: Cell::new(None),
            hidden: Cell::new(None),
            clock,
            tasks: List::new(),
            n_tasks: Cell::new(0),
            default_stack_size,
            is_running: Cell::new(false),
            is_closing: Cell::new(false),
            is_closed: Cell::new(false),
            is_closing_in_panic: Cell::new(false),
            is_ending_run: Cell::new(false),
            is_debug: Cell::new(is_debug),
            slow_callback_duration,
            handler: RefCell::new(None),
            parts: OnceCell::new(),
        })
    }

    /// Fills the slots, once, when the loop is made.
    pub(crate) fn set_parts(&self, parts: Parts) {
        assert!(self.parts.set(parts).is_ok(), "a loop is made once");
    }

    pub(crate) fn parts(&self) -> &Parts {
        self.parts
            .get()
            .expect("a loop fills the slots of its core when it is made")
    }

    /// A reference that does not keep it.
    #[inline]
    pub(crate) fn weak(&self) -> Weak<Self> {
        self.this.clone()
    }

    /// The running task.
    #[inline(always)]
    pub(crate) fn current(&self) -> Option<TaskPtr> {
        self.current.get()
    }

    #[inline(always)]
    pub(crate) fn set_current(&self, task: Option<TaskPtr>) {
        self.current.set(task);
    }

    /// Lets no task be current as long as the guard lives, although one runs.
    pub(crate) fn hide_task(&self) -> Hidden<'_> {
        let hidden = Hidden {
            core: self,
            current: self.current.take(),
            hidden: self.hidden.get(),
        };
        if hidden.current.is_some() {
            self.hidden.set(hidden.current);
        }
        hidden
    }

    /// The running task, and the one that is hidden.
    pub(crate) fn entered(&self) -> (Option<TaskPtr>, Option<TaskPtr>) {
        (self.current.get(), self.hidden.get())
    }

    /// Sets what [`entered`](Self::entered) answers.
    pub(crate) fn set_entered(&self, (current, hidden): (Option<TaskPtr>, Option<TaskPtr>)) {
        self.current.set(current);
        self.hidden.set(hidden);
    }

    /// The task that was entered last, when it has come back for the last time, by its end or
    /// because it was left behind, perhaps with a guard of [`hide_task`](Self::hide_task).
    pub(crate) fn take_entered(&self) -> Option<TaskPtr> {
        self.current.take().or_else(|| self.hidden.take())
    }

    /// Has a function called in the next iteration.
    pub(crate) fn call_soon(
        &self,
        function: Box<dyn FnOnce()>,
        site: &'static Location<'static>,
    ) -> Rc<Callback> {
        let callback = Callback::new(function, site);
        self.run_queue.push_callback(Rc::clone(&callback));
        callback
    }

    /// Adds a task to the list.
    ///
    /// # Safety
    /// It stays where it is until [`forget`](Self::forget).
    #[inline]
    pub(crate) unsafe fn adopt(&self, task: TaskPtr) {
        // SAFETY: forwarded to the caller.
        unsafe { self.tasks.push_back(&task.0.as_ref().link) };
        self.n_tasks.set(self.n_tasks.get() + 1);
    }

    /// Takes a task off the list.
    #[inline]
    pub(crate) fn forget(&self, task: TaskPtr) {
        if task.link.is_linked() {
            task.link.unlink();
            self.n_tasks.set(self.n_tasks.get() - 1);
        }
    }

    /// The task that was made last, of those that are not done.
    pub(crate) fn newest_task(&self) -> Option<TaskPtr> {
        Self::task_of(self.tasks.back())
    }

    /// The task with a number, if it is not done. Numbers grow along the list.
    pub(crate) fn find_task(&self, id: TaskId) -> Option<TaskPtr> {
        let mut link = self.tasks.back();
        loop {
            let task = Self::task_of(link)?;
            if task.id <= id {
                return (task.id == id).then_some(task);
            }
            link = self.tasks.before(link);
        }
    }

    /// The task that was made last, of those that a scope of a task's has for children, directly or by
    /// way of others.
    pub(crate) fn newest_child(&self, of: TaskPtr) -> Option<TaskPtr> {
        let mut link = self.tasks.back();
        loop {
            let task = Self::task_of(link).filter(|task| task.id > of.id)?;
            if of.is_host_of(task) {
                return Some(task);
            }
            link = self.tasks.before(link);
        }
    }

    fn task_of(link: *const Link) -> Option<TaskPtr> {
        if link.is_null() {
            return None;
        }
        let offset = std::mem::offset_of!(TaskBlock, link);
        // SAFETY: every node of the list is the link of a live task's block.
        let block = unsafe { link.byte_sub(offset) }.cast::<TaskBlock>();
        NonNull::new(block.cast_mut()).map(TaskPtr)
    }

    /// The tasks that are not done, in the order in which they were made.
    pub(crate) fn tasks(&self) -> Vec<TaskPtr> {
        let mut tasks = Vec::with_capacity(self.n_tasks.get());
        let mut link = self.tasks.front();
        while !link.is_null() {
            tasks.extend(Self::task_of(link));
            link = self.tasks.after(link);
        }
        tasks
    }
}

/// While it lives, no task is current.
pub(crate) struct Hidden<'a> {
    core: &'a Core,
    current: Option<TaskPtr>,
    hidden: Option<TaskPtr>,
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        self.core.current.set(self.current);
        self.core.hidden.set(self.hidden);
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop")
            .field("id", &self.id)
            .field("n_tasks", &self.n_tasks.get())
            .field("is_running", &self.is_running.get())
            .field("is_closed", &self.is_closed.get())
            .finish_non_exhaustive()
    }
}

/// The running loop's core, for code that it has called. It is not kept beyond that.
#[derive(Clone, Copy)]
pub(crate) struct CoreRef(NonNull<Core>);

impl CoreRef {
    #[inline(always)]
    pub(crate) fn as_ptr(self) -> *const Core {
        self.0.as_ptr()
    }
}

impl Deref for CoreRef {
    type Target = Core;

    #[inline(always)]
    fn deref(&self) -> &Core {
        // SAFETY: the loop's `run` holds its core while it is current, and whoever has this was
        // called by it, on its thread.
        unsafe { self.0.as_ref() }
    }
}

/// Where a running task may park.
#[derive(Clone, Copy)]
pub(crate) struct TaskContext {
    pub(crate) core: CoreRef,
    pub(crate) task: TaskPtr,
}

/// The loop that runs on this thread.
#[inline(always)]
pub(crate) fn current() -> Option<CoreRef> {
    CURRENT.get().map(CoreRef)
}

/// Makes a core current again, or none, after a guard that was abandoned.
pub(crate) fn restore(before: Option<CoreRef>) {
    CURRENT.set(before.map(|core| core.0));
}

/// Makes a core current while the guard lives.
pub(crate) struct Entered<'a> {
    core: &'a Rc<Core>,
    before: Option<NonNull<Core>>,
}

impl<'a> Entered<'a> {
    pub(crate) fn new(core: &'a Rc<Core>) -> Self {
        core.is_running.set(true);
        Self {
            core,
            before: CURRENT.replace(NonNull::new(Rc::as_ptr(core).cast_mut())),
        }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.core.set_current(None);
        self.core.is_running.set(false);
        CURRENT.set(self.before);
    }
}

/// Runs a function as a callback: no task is current meanwhile.
pub(crate) fn without_task<R>(f: impl FnOnce() -> R) -> R {
    let Some(core) = current() else { return f() };
    let entered = core.entered();
    // The coroutine that this is called on may be left behind, while its task goes on.
    undo_if_abandoned(&|| core.set_entered(entered), || {
        let _hidden = core.hide_task();
        f()
    })
}
