//! The control block of a task: the task as the scheduler and waiters see it.
//!
//! The block lies on the first page of the task's own stack, beside the innermost frames of a parked task, so that
//! entering a task touches one page. Result and identity outlive the task: they are in its
//! [`packet`](super::packet).
//!
//! | flag | meaning | set by | cleared by |
//! |---|---|---|---|
//! | `SCHEDULED` | the task runs, or is in the run queue | `unpark` | parking |
//! | `NOTIFIED` | unparked while scheduled: the next park returns at once | `unpark` | that park |
//! | `MUST_CANCEL` | a request to cancel stands: the next wait delivers it | a request | that wait, `uncancel` |
//! | `TASK_CANCEL` | a standing request is addressed to the task, not to a frame | a request | as `MUST_CANCEL` |
//! | `TASK_RETURNED` | that request was returned as an I/O error | I/O | as `MUST_CANCEL` |
//! | `CANCEL_FORWARDED` | a cancel was forwarded to what the task waits for | a request | the end of that wait |
//! | `FORCE_UNWIND` | every suspension raises a cancel that can't be caught | shutdown | never |
//! | `DETACHED` | the handle is gone | the handle's drop | never |
//! | `ERROR_RETRIEVED` | an error of the task counts as retrieved | a `gather` that has ended | never |
//! | `MUST_NOT_ABANDON` | the body may borrow from the caller of `run` | `run` | never |
//! | `HAS_RUN` | the task has been runnable since the last look at idle stacks | `unpark` | that look |
//! | `HAD_RUN` | the same, since the look before that one | `unpark` | a look that finds `HAS_RUN` cleared |
//! | `COMPLETED` | the task is done, or abandoned; wake-ups are ignored | its end | never |
//!
//! `MUST_CANCEL` and `CANCEL_FORWARDED` exclude each other.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::rc::Rc;

use super::{
    AnyPacket, Callback, CallbackId, CancelFrame, Core, Nanoseconds, TaskId, WaitList,
    default_name, next_sequence,
};
use crate::arch::Parked;
use crate::coroutine::Hosted;
use crate::error::TaskError;
use crate::sys::prefetch::prefetch;
use crate::sys::prefetch_distances::{IO_TASK_LINES, LINE_SIZE_BYTES};
use crate::util::fmt::impl_fmt;
use crate::util::list::Link;

pub(crate) const SCHEDULED: u32 = 1;
pub(crate) const MUST_CANCEL: u32 = 2;
pub(crate) const CANCEL_FORWARDED: u32 = 4;
pub(crate) const FORCE_UNWIND: u32 = 8;
pub(crate) const DETACHED: u32 = 16;
pub(crate) const COMPLETED: u32 = 32;
pub(crate) const MUST_NOT_ABANDON: u32 = 64;
pub(crate) const NOTIFIED: u32 = 128;
pub(crate) const ERROR_RETRIEVED: u32 = 256;
pub(crate) const TASK_CANCEL: u32 = 512;
pub(crate) const TASK_RETURNED: u32 = 1024;
pub(crate) const HAS_RUN: u32 = 2048;
pub(crate) const HAD_RUN: u32 = 4096;

/// What makes a task runnable.
pub(crate) const RUNNABLE: u32 = SCHEDULED | HAS_RUN | HAD_RUN;

/// The control block.
#[repr(C, align(64))]
pub(crate) struct TaskBlock {
    // The first cache line: what parking and waking touch. The flags lie in the coroutine's header, on a line that
    // a switch touches anyway.
    /// The position at which the task parked last.
    pub(crate) parked: Cell<Parked>,
    /// Operations that succeeded at once since the last suspension.
    pub(crate) n_immediate: Cell<u8>,
    /// How often requests that stand were returned as an I/O error. The count restarts in a mask and in
    /// `catch_cancelled`.
    pub(crate) n_errors: Cell<u8>,
    /// How often the task continued after a forced unwind.
    pub(crate) n_swallowed: Cell<u16>,
    /// Requests to cancel that were not taken back.
    pub(crate) n_cancels: Cell<u32>,
    pub(crate) core: NonNull<Core>,
    /// What the task waits for: a value in the waiting frame.
    pub(crate) awaiting: Cell<Option<NonNull<dyn Awaiting>>>,
    /// Takes the result; `None` after the end.
    pub(crate) packet: Cell<Option<AnyPacket>>,

    // The second cache line.
    /// Node in the list of the loop's tasks.
    pub(crate) link: Link,
    /// Tasks and groups that wait for this task's end.
    pub(crate) waiters: WaitList,
    pub(crate) id: TaskId,
    pub(crate) name: Cell<Option<Box<Box<str>>>>,
    pub(crate) extras: Cell<Option<Box<Extras>>>,
    /// The innermost frame that requests or defers cancels.
    pub(crate) frames: Cell<Option<NonNull<CancelFrame>>>,
    /// The scope whose child the task is. The scope's frame stays until this task has ended.
    pub(crate) scope: Cell<Option<NonNull<dyn ParentScope>>>,
}

const _: () = assert!(size_of::<TaskBlock>() == 128);

/// State that few tasks need.
#[derive(Default)]
pub(crate) struct Extras {
    /// The message of the last cancel.
    pub(crate) message: Option<String>,
    /// Callbacks for the task's end, in order.
    pub(crate) callbacks: Vec<(CallbackId, Rc<Callback>)>,
    /// When I/O that waits fails with `TimedOut`.
    pub(crate) io_deadline: Option<Nanoseconds>,
}

impl Extras {
    pub(crate) fn add_callback(&mut self, callback: Rc<Callback>) -> CallbackId {
        let id = CallbackId(next_sequence());
        self.callbacks.push((id, callback));
        id
    }
}

impl TaskBlock {
    pub(crate) fn new(
        core: NonNull<Core>,
        id: TaskId,
        name: Option<Box<Box<str>>>,
        packet: AnyPacket,
        parked: Parked,
    ) -> Self {
        Self {
            parked: Cell::new(parked),
            n_immediate: Cell::new(0),
            n_errors: Cell::new(0),
            n_swallowed: Cell::new(0),
            n_cancels: Cell::new(0),
            core,
            awaiting: Cell::new(None),
            packet: Cell::new(Some(packet)),
            link: Link::new(),
            waiters: WaitList::new(),
            id,
            name: Cell::new(name),
            extras: Cell::new(None),
            frames: Cell::new(None),
            scope: Cell::new(None),
        }
    }

    /// Whether the body was entered.
    pub(crate) fn has_begun(&self) -> bool {
        Hosted::has_begun(NonNull::from(self))
    }

    /// Calls a function with the extras, which are made on first use.
    pub(crate) fn with_extras<R>(&self, f: impl FnOnce(&mut Extras) -> R) -> R {
        let mut extras = self.extras.take().unwrap_or_default();
        let result = f(&mut extras);
        self.extras.set(Some(extras));
        result
    }

    pub(crate) fn name(&self) -> String {
        let name = self.name.take();
        let text = name.as_ref().map(|name| name.to_string());
        self.name.set(name);
        text.unwrap_or_else(|| default_name(self.id))
    }

    /// The source position that spawned the task.
    pub(crate) fn site(&self) -> Option<&'static Location<'static>> {
        // SAFETY: the block lies on its coroutine's stack, which is released after it.
        unsafe { Hosted::site(NonNull::from(self)) }
    }

    pub(crate) fn message(&self) -> Option<String> {
        self.look_at_extras(|extras| extras.message.clone())
    }

    /// When I/O of the task that waits fails with `TimedOut`.
    pub(crate) fn io_deadline(&self) -> Option<Nanoseconds> {
        self.look_at_extras(|extras| extras.io_deadline)
    }

    fn look_at_extras<R>(&self, f: impl FnOnce(&Extras) -> Option<R>) -> Option<R> {
        let extras = self.extras.take();
        let result = extras.as_deref().and_then(f);
        self.extras.set(extras);
        result
    }

    /// The task whose frame holds the scope, if this task is a scope's child.
    pub(crate) fn host(&self) -> Option<TaskPtr> {
        // SAFETY: by the field's rule the scope is there.
        self.scope
            .get()
            .and_then(|scope| unsafe { scope.as_ref() }.host())
    }

    /// Closes the scope whose child the task is: it takes no more children.
    pub(crate) fn close_scope(&self) {
        if let Some(scope) = self.scope.get() {
            // SAFETY: by the field's rule the scope is there.
            unsafe { scope.as_ref() }.close();
        }
    }

    /// Whether another task is a child of one of this task's scopes, or of a descendant's.
    pub(crate) fn is_host_of(&self, child: TaskPtr) -> bool {
        let mut host = child.host();
        while let Some(task) = host {
            if task.id == self.id {
                return true;
            }
            host = task.host();
        }
        false
    }

    /// What the task waits for, in words for a report.
    pub(crate) fn waits_for(&self) -> String {
        struct Text<'a>(&'a dyn Awaiting);
        impl fmt::Display for Text<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.describe(f)
            }
        }
        self.with_awaiting(|what| Text(what).to_string())
            .unwrap_or_else(|| "its turn".to_owned())
    }

    /// Number of tasks of this task's loop. The task has not ended.
    pub(crate) fn n_tasks_of_loop(&self) -> usize {
        // SAFETY: a task that has not ended has a living loop.
        unsafe { self.core.as_ref() }.n_tasks.get()
    }

    /// Calls a function with what the task waits for, if it waits.
    pub(crate) fn with_awaiting<R>(&self, f: impl FnOnce(&dyn Awaiting) -> R) -> Option<R> {
        // SAFETY: the waiting frame clears the pointer before the frame goes.
        self.awaiting.get().map(|what| f(unsafe { what.as_ref() }))
    }
}

/// Something that a task can wait for.
pub(crate) trait Awaiting {
    /// Completes the sentence "the task waits for ...".
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;

    /// Calls `visit` with each task whose end this wait needs.
    fn tasks(&self, _visit: &mut dyn FnMut(TaskPtr)) {}

    /// The task that holds what the task waits for, for reports of a deadlock.
    fn holder(&self) -> Option<TaskPtr> {
        None
    }

    /// Forwards a cancel to what the task waits for; false if that can't be cancelled. A wait for tasks only returns
    /// true: the caller then cancels the tasks of [`tasks`](Self::tasks), so that a long chain needs no recursion.
    fn cancel(&self, _message: Option<&str>) -> bool {
        false
    }
}

/// The scope of a child, as the child's block knows it.
pub(crate) trait ParentScope {
    /// The task in whose frame the scope is.
    fn host(&self) -> Option<TaskPtr>;

    /// Lets the scope take no more children.
    fn close(&self);

    /// A child has ended, with an error or without.
    fn child_ended(&self, id: TaskId, error: Option<TaskError>);

    /// A child was abandoned: its frames, and what they borrow, stay as they are.
    fn child_abandoned(&self, error: TaskError);
}

impl Awaiting for &'static str {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// A task that is alive.
///
/// A `TaskPtr` is kept only where the task is known to be alive: in the run queue, as the running task, in nodes that
/// the task's own frames unlink, in the loop's list, and in the packet, which forgets it at the end. The stack of an
/// abandoned task is never given back, so its block stays valid.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TaskPtr(pub(crate) NonNull<TaskBlock>);

impl TaskPtr {
    #[inline(always)]
    fn flags(&self) -> &Cell<u32> {
        // SAFETY: by the type's rule the task is alive.
        unsafe { Hosted::<TaskBlock>::flags(self.0) }
    }

    /// Prefetches what waking the task touches.
    #[inline(always)]
    pub(crate) fn prefetch(self) {
        prefetch(self.0.as_ptr().cast_const().cast());
        self.prefetch_flags();
    }

    /// Prefetches what yielding touches besides the frames: the flags, with the coroutine's header around them.
    #[inline(always)]
    pub(crate) fn prefetch_flags(self) {
        prefetch(ptr::from_ref(self.flags()).cast());
    }

    /// Prefetches what the task touches when it continues: the block, the flags and its innermost frames.
    #[inline]
    pub(crate) fn prefetch_all(self, parked: Parked) {
        (0..IO_TASK_LINES).for_each(|line| parked.prefetch_line(line));
        self.prefetch();
    }

    /// Prefetches the whole block.
    #[inline(always)]
    pub(crate) fn prefetch_block(self) {
        self.prefetch();
        prefetch(
            self.0
                .as_ptr()
                .cast_const()
                .cast::<u8>()
                .wrapping_add(LINE_SIZE_BYTES),
        );
    }

    /// Prefetches what the task's end touches besides the block: its neighbours in the list of tasks, and the packet.
    #[inline(always)]
    pub(crate) fn prefetch_for_end(self) {
        let neighbours = self.link.neighbours();
        neighbours
            .into_iter()
            .for_each(|node| prefetch(node.cast()));
        // A packet is a pointer; this copy is never dereferenced.
        let packet = self.packet.as_ptr().cast::<*const u8>();
        // SAFETY: an optional packet is a pointer or null.
        prefetch(unsafe { packet.read() });
    }

    #[inline(always)]
    pub(crate) fn has(self, flag: u32) -> bool {
        self.flags().get() & flag != 0
    }

    #[inline(always)]
    pub(crate) fn set(self, flag: u32) {
        self.flags().set(self.flags().get() | flag);
    }

    #[inline(always)]
    pub(crate) fn clear(self, flag: u32) {
        self.flags().set(self.flags().get() & !flag);
    }

    /// Clears all flags of a new task.
    #[inline(always)]
    pub(crate) fn clear_all(self) {
        self.flags().set(0);
    }
}

impl Deref for TaskPtr {
    type Target = TaskBlock;

    #[inline(always)]
    fn deref(&self) -> &TaskBlock {
        // SAFETY: by the type's rule the task is alive; a live block is only used through shared references.
        unsafe { self.0.as_ref() }
    }
}

impl_fmt!(Debug for TaskPtr, |this, f| f.write_str(&this.name()));
