//! The loop that runs on this thread, and the task that runs on that loop.
//!
//! [`Core`] is the part of a loop that its tasks use: run queue, clock, list of tasks, exception handler. Nothing
//! here knows of timers, descriptors or other threads.

#![allow(unsafe_code)]

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::iter::successors;
use std::ops::Deref;
use std::panic::Location;
use std::ptr::NonNull;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::{Callback, Clock, ExceptionContext, RunQueue, TaskBlock, TaskId, TaskPtr};
use crate::coroutine::{OpenFrame, undo_if_abandoned};
use crate::util::list::{Link, List};

/// Handles exceptions that no other code takes.
pub(crate) type Handler = Rc<dyn Fn(&ExceptionContext)>;

/// The part of a loop that its tasks use.
pub(crate) struct Core {
    this: Weak<Self>,
    pub(crate) id: u64,
    pub(crate) run_queue: RunQueue,
    current: Cell<Option<TaskPtr>>,
    /// The running task while [`hide_task`](Self::hide_task) hides it: the code on its stack must not wait.
    hidden: Cell<Option<TaskPtr>>,
    pub(crate) clock: Clock,
    /// The tasks that are not done, oldest first.
    tasks: List,
    /// The task to which a walk along the list comes next.
    walk: Cell<Option<TaskPtr>>,
    pub(crate) n_tasks: Cell<usize>,
    pub(crate) default_stack_size: usize,
    pub(crate) is_running: Cell<bool>,
    pub(crate) is_closing: Cell<bool>,
    pub(crate) is_closed: Cell<bool>,
    /// The thread was panicking when the loop began to end its tasks.
    pub(crate) is_closing_in_panic: Cell<bool>,
    /// `run` has returned from its main task and ends the other tasks.
    pub(crate) is_ending_run: Cell<bool>,
    pub(crate) is_debug: Cell<bool>,
    pub(crate) slow_callback_duration: Duration,
    pub(crate) handler: RefCell<Option<Handler>>,
    /// For strict mode: the first exception that was reported, until a run has failed with it.
    pub(crate) unhandled: Option<RefCell<Option<Box<ExceptionContext>>>>,
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

    /// The loop, for a room that knows its type and downcasts.
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
        is_strict: bool,
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
            walk: Cell::new(None),
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
            unhandled: is_strict.then(RefCell::default),
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

    /// A weak reference to this core.
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

    /// While the guard lives, `current` is `None` although a task is running.
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

    /// The running task, and the hidden one.
    pub(crate) fn entered(&self) -> (Option<TaskPtr>, Option<TaskPtr>) {
        (self.current.get(), self.hidden.get())
    }

    /// Restores what [`entered`](Self::entered) returned.
    pub(crate) fn set_entered(&self, (current, hidden): (Option<TaskPtr>, Option<TaskPtr>)) {
        self.current.set(current);
        self.hidden.set(hidden);
    }

    /// Takes the task that was entered last, after control has left its stack for good: the task has ended or was
    /// abandoned. An abandoned task may still be hidden by [`hide_task`](Self::hide_task).
    pub(crate) fn take_entered(&self) -> Option<TaskPtr> {
        self.current.take().or_else(|| self.hidden.take())
    }

    /// Queues a function for the next iteration.
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
    /// The task's block stays in place until [`forget`](Self::forget).
    #[inline]
    pub(crate) unsafe fn adopt(&self, task: TaskPtr) {
        // SAFETY: forwarded to the caller.
        unsafe { self.tasks.push_back(&task.0.as_ref().link) };
        self.n_tasks.set(self.n_tasks.get() + 1);
    }

    /// Removes a task from the list.
    #[inline]
    pub(crate) fn forget(&self, task: TaskPtr) {
        if task.link.is_linked() {
            if self.walk.get() == Some(task) {
                self.walk_on();
            }
            task.link.unlink();
            self.n_tasks.set(self.n_tasks.get() - 1);
        }
    }

    /// The newest task that is not done.
    pub(crate) fn newest_task(&self) -> Option<TaskPtr> {
        self.newest_first().next()
    }

    /// The task with this number, if it is not done. Numbers grow along the list.
    pub(crate) fn find_task(&self, id: TaskId) -> Option<TaskPtr> {
        let task = self.newest_first().find(|task| task.id <= id);
        task.filter(|task| task.id == id)
    }

    /// The newest descendant of a task: a child of one of its scopes, or of a descendant's.
    pub(crate) fn newest_child(&self, of: TaskPtr) -> Option<TaskPtr> {
        let mut younger = self.newest_first().take_while(|task| task.id > of.id);
        younger.find(|task| of.is_host_of(*task))
    }

    /// The tasks that are not done, oldest first.
    pub(crate) fn tasks(&self) -> Vec<TaskPtr> {
        let mut tasks: Vec<_> = self.newest_first().collect();
        tasks.reverse();
        tasks
    }

    /// Begins a walk along the list, oldest first. Tasks may join and leave the list between its steps.
    pub(crate) fn begin_walk(&self) {
        self.walk.set(Self::task_of(self.tasks.front()));
    }

    /// The next task of the walk; `None` at its end.
    pub(crate) fn walk_on(&self) -> Option<TaskPtr> {
        let task = self.walk.get()?;
        self.walk
            .set(Self::task_of(self.tasks.after(&raw const task.link)));
        Some(task)
    }

    /// Whether the walk has come to its end.
    pub(crate) fn is_walk_over(&self) -> bool {
        self.walk.get().is_none()
    }

    /// Goes through the list from its end. No task joins or leaves the list meanwhile.
    fn newest_first(&self) -> impl Iterator<Item = TaskPtr> {
        let before = |task: &TaskPtr| Self::task_of(self.tasks.before(&raw const task.link));
        successors(Self::task_of(self.tasks.back()), before)
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
}

/// While this guard lives, no task is current.
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

/// The running loop's core, for code that the loop has called. Not kept after that code returns.
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
        // SAFETY: the loop's `run` holds its core while the core is current, and the code that has this reference
        // was called by `run`, on its thread.
        unsafe { self.0.as_ref() }
    }
}

/// A running task that may park, with its loop's core.
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

/// Restores the current core, or none, in place of an [`Entered`] guard that was abandoned.
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

/// Runs a function as a callback: no task is current while it runs. On another library's stack, which the function
/// could leave for ever, the function runs as part of the task.
pub(crate) fn without_task<R>(f: impl FnOnce() -> R) -> R {
    let Some(core) = current() else { return f() };
    let Ok(open) = OpenFrame::try_open() else {
        return f();
    };
    let entered = core.entered();
    // The coroutine that calls this may be abandoned while its task continues.
    undo_if_abandoned(open, &|| core.set_entered(entered), || {
        let _hidden = core.hide_task();
        f()
    })
}
