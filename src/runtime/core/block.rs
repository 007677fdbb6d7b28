//! The control block of a task: what the scheduler and whoever waits know of it.
//!
//! It lies on the first page of the task's own stack, beside its innermost frames while it is
//! parked, so that entering a task touches one page. What outlives the task is elsewhere: its
//! result and its identity are in its [`packet`](super::packet).
//!
//! | flag | meaning | set by | cleared by |
//! |---|---|---|---|
//! | `SCHEDULED` | it runs, or is in the run queue | `unpark` | its parking |
//! | `NOTIFIED` | it was unparked while awake: its next parking comes back at once | `unpark` | that parking |
//! | `MUST_CANCEL` | its next suspension raises a cancel | a cancel | that suspension, `uncancel` |
//! | `CANCEL_FORWARDED` | a cancel was passed on to what it waits for | a cancel | the end of that wait |
//! | `FORCE_UNWIND` | every suspension raises a cancel: its loop is closing for good | shutdown | never |
//! | `DETACHED` | its handle is gone | the handle's drop | never |
//! | `ERROR_RETRIEVED` | an error of its counts as retrieved | a `gather` that is over | never |
//! | `MUST_NOT_ABANDON` | its body may borrow from the caller of `run`: it can't be abandoned | `run` | never |
//! | `COMPLETED` | it is done, or abandoned; wake-ups are ignored | its end | never |
//!
//! `MUST_CANCEL` and `CANCEL_FORWARDED` exclude each other.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::rc::Rc;

use super::callback::Callback;
use super::cancel_mask::Level;
use super::context::Core;
use super::id::{CallbackId, TaskId, default_name, next_in_turn};
use super::packet::AnyPacket;
use super::wait_list::WaitList;
use crate::arch::Parked;
use crate::coroutine::Hosted;
use crate::error::TaskError;
use crate::sys::prefetch::prefetch;
use crate::sys::prefetch_distances::{IO_TASK_LINES, LINE_SIZE_BYTES};
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

/// The control block.
#[repr(C, align(64))]
pub(crate) struct TaskBlock {
    // The first line is what parking and waking touch. The flags lie in the coroutine's header, beside
    // what a turn touches anyway.
    /// Where the task was parked last.
    pub(crate) parked: Cell<Parked>,
    /// How many operations succeeded at once since one suspended.
    pub(crate) n_immediate: Cell<u32>,
    pub(crate) core: NonNull<Core>,
    /// What the task waits for: a value in the waiting frame.
    pub(crate) awaiting: Cell<Option<NonNull<dyn Awaiting>>>,
    /// Where its result goes; nobody wants it if there is none.
    pub(crate) packet: Cell<Option<AnyPacket>>,

    // The second line.
    /// In the list of the loop's tasks.
    pub(crate) link: Link,
    /// Who waits for its end.
    pub(crate) waiters: WaitList,
    pub(crate) id: TaskId,
    pub(crate) name: Cell<Option<Box<Box<str>>>>,
    pub(crate) extras: Cell<Option<Box<Extras>>>,
    pub(crate) n_cancels: Cell<u32>,
    /// How often it went on after its doom.
    pub(crate) n_swallowed: Cell<u32>,
    /// The scope whose child the task is. The scope's frame stays until this task has ended.
    pub(crate) scope: Cell<Option<NonNull<dyn ParentScope>>>,
}

const _: () = assert!(size_of::<TaskBlock>() == 128);

/// What few tasks have.
#[derive(Default)]
pub(crate) struct Extras {
    /// The message of the last cancel.
    pub(crate) message: Option<String>,
    /// To be called when it is done, in this order.
    pub(crate) callbacks: Vec<(CallbackId, Rc<Callback>)>,
    /// Where its innermost deferral of cancels is, in one of its own frames.
    pub(crate) deferral: Level,
}

impl Extras {
    pub(crate) fn add_callback(&mut self, callback: Rc<Callback>) -> CallbackId {
        let id = CallbackId(next_in_turn());
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
            core,
            awaiting: Cell::new(None),
            packet: Cell::new(Some(packet)),
            link: Link::new(),
            waiters: WaitList::new(),
            id,
            name: Cell::new(name),
            extras: Cell::new(None),
            n_cancels: Cell::new(0),
            n_swallowed: Cell::new(0),
            scope: Cell::new(None),
        }
    }

    /// Whether the body was entered.
    pub(crate) fn has_begun(&self) -> bool {
        Hosted::has_begun(NonNull::from(self))
    }

    /// Changes what few tasks have.
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

    /// Where it was spawned.
    pub(crate) fn site(&self) -> Option<&'static Location<'static>> {
        // SAFETY: the block lies on its coroutine's stack, which is released after it.
        unsafe { Hosted::site(NonNull::from(self)) }
    }

    pub(crate) fn message(&self) -> Option<String> {
        let extras = self.extras.take();
        let message = extras.as_ref().and_then(|extras| extras.message.clone());
        self.extras.set(extras);
        message
    }

    /// The task in one of whose frames its scope is, if it is a scope's child.
    pub(crate) fn host(&self) -> Option<TaskPtr> {
        // SAFETY: by the field's rule the scope is there.
        self.scope
            .get()
            .and_then(|scope| unsafe { scope.as_ref() }.host())
    }

    /// Lets the scope that it is a child of take no more.
    pub(crate) fn close_scope(&self) {
        if let Some(scope) = self.scope.get() {
            // SAFETY: by the field's rule the scope is there.
            unsafe { scope.as_ref() }.close();
        }
    }

    /// Whether a scope of this task's has another for a child, directly or by way of others.
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

    /// What it waits for, as a reader of a report wants it.
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

    /// How many tasks its loop has, of a task that is not over.
    pub(crate) fn n_of_loop(&self) -> usize {
        // SAFETY: a task that is not over has a living loop.
        unsafe { self.core.as_ref() }.n_tasks.get()
    }

    /// Calls a function with what the task waits for, if it does.
    pub(crate) fn with_awaiting<R>(&self, f: impl FnOnce(&dyn Awaiting) -> R) -> Option<R> {
        // SAFETY: the waiting frame takes the pointer back before it goes.
        self.awaiting.get().map(|what| f(unsafe { what.as_ref() }))
    }
}

/// What a task can wait for.
pub(crate) trait Awaiting {
    /// Completes the sentence "the task waits for ...".
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;

    /// Calls a function with each task without whose end this wait can't end.
    fn tasks(&self, _visit: &mut dyn FnMut(TaskPtr)) {}

    /// Passes a cancel on to what is waited for; false if that can't be cancelled. Where tasks are
    /// waited for, this only says that they are to be asked: whoever calls it goes on to them, so
    /// that a long chain takes no recursion.
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
/// It is kept where the task is known to be alive only: in the run queue, as the running task, in
/// nodes that the task's own frames unlink, in the loop's list and in the packet, which forgets it
/// at the end. The stack of an abandoned task is never given back, so that a block stays valid there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TaskPtr(pub(crate) NonNull<TaskBlock>);

impl TaskPtr {
    #[inline(always)]
    fn flags(&self) -> &Cell<u32> {
        // SAFETY: by the type's rule the task is alive.
        unsafe { Hosted::<TaskBlock>::flags(self.0) }
    }

    /// Starts to load what waking the task touches.
    #[inline(always)]
    pub(crate) fn prefetch(self) {
        prefetch(self.0.as_ptr().cast_const().cast());
        prefetch(ptr::from_ref(self.flags()).cast());
    }

    /// Starts to load what it touches when it goes on from where it is parked: besides that, its frames
    /// from the innermost one on.
    #[inline]
    pub(crate) fn prefetch_all(self, parked: Parked) {
        (0..IO_TASK_LINES).for_each(|line| parked.prefetch_line(line));
        self.prefetch();
    }

    /// Starts to load the whole block.
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

    /// Starts to load what its end touches besides the block: it leaves the list of its loop's tasks, and
    /// its result goes into the packet.
    #[inline(always)]
    pub(crate) fn prefetch_for_end(self) {
        let neighbours = self.link.neighbours();
        neighbours
            .into_iter()
            .for_each(|node| prefetch(node.cast()));
        // A packet is a pointer; what is copied is not used as one.
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

    /// Clears all flags, of a task that has just been made.
    #[inline(always)]
    pub(crate) fn clear_all(self) {
        self.flags().set(0);
    }
}

impl Deref for TaskPtr {
    type Target = TaskBlock;

    #[inline(always)]
    fn deref(&self) -> &TaskBlock {
        // SAFETY: by the type's rule the task is alive, and a block is only used through shared
        // references while it is.
        unsafe { self.0.as_ref() }
    }
}

impl fmt::Debug for TaskPtr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}
