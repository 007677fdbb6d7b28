//! Requests to cancel a task, and the frames of the task that make them or defer them.
//!
//! A request is addressed to the task (`Task::cancel`) or to a [`CancelFrame`]: to a timeout whose deadline has passed, to
//! a scope with a failed child. A mask (`finally`) is a frame that defers the requests from outside of the mask. The
//! frames of a task are a list, innermost first, which begins at `TaskBlock::frames`.
//!
//! Each request has a state. While one stands that no mask defers, the flag `MUST_CANCEL` is set, and the next wait
//! *delivers* all of them:
//!
//! ```text
//!                          the task waits for tasks or promises: these are cancelled
//!              +------------------------------------------------------------------------+
//!              |                                                                        v
//! NotMade --> Stands -- a wait without an io::Result unwinds the task ------------> Delivered
//!              |                                                                        ^
//!              +-- an I/O wait returns an error --> Returned -- as from Stands, --------+
//!                                                   |     ^     or too many errors: the I/O wait unwinds
//!                                                   +-----+
//!                                             an I/O wait returns an error
//! ```
//!
//! `Stands` and `Returned` *stand*. The end of the frame, `uncancel` down to zero, and a `catch_cancelled` that has seen
//! the request withdraw it. A request that was delivered to the task itself is not remembered: asyncio's count,
//! `TaskBlock::n_cancels`, goes on counting it until `uncancel`. The count also has the requests of the frames. A frame
//! takes an unwind for its own if the count is, without its own request, what it was when the frame began.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::iter::successors;
use std::ptr::{self, NonNull};

use super::{MUST_CANCEL, TASK_CANCEL, TaskBlock, TaskContext, TaskPtr};
use crate::coroutine::OpenFrame;

/// A frame of a task that requests cancels, or defers them.
pub(crate) struct CancelFrame {
    task: TaskPtr,
    outer: Cell<Option<NonNull<Self>>>,
    kind: FrameKind,
    /// Number of requests when the frame began.
    n_before: u32,
    /// A request stood when the frame began.
    stood_before: bool,
    request: Cell<Request>,
    /// No older request stood when the frame made its own.
    is_only: Cell<bool>,
    /// Number of requests that this mask defers.
    n_deferred: Cell<u32>,
    /// Whether one of them is addressed to the task.
    defers_task: Cell<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    Timeout,
    Scope,
    Mask,
}

/// The state of a frame's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    NotMade,
    Stands,
    /// Stands, and was returned as an error.
    Returned,
    /// By an unwind or by forwarding; or withdrawn.
    Delivered,
}

/// How a frame's request ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ended {
    /// It was made, and no other code has requested a cancel: an unwind that leaves the frame is the frame's own.
    pub(crate) is_alone: bool,
    /// It was returned as an error, and nothing has taken it back.
    pub(crate) was_returned: bool,
}

impl CancelFrame {
    /// A frame of the running task, which begins when it is linked.
    pub(crate) fn new(task: TaskPtr, kind: FrameKind) -> Self {
        Self {
            task,
            outer: Cell::new(None),
            kind,
            n_before: task.n_cancels.get(),
            stood_before: task.has(MUST_CANCEL),
            request: Cell::new(Request::NotMade),
            is_only: Cell::new(false),
            n_deferred: Cell::new(0),
            defers_task: Cell::new(false),
        }
    }

    /// Makes this the task's innermost frame.
    ///
    /// # Safety
    /// The frame does not move until it is unlinked, and frames are unlinked in the reverse order. If the running
    /// coroutine can be abandoned meanwhile, the task is abandoned with it.
    pub(crate) unsafe fn link(&self) {
        self.outer.set(self.task.frames.get());
        self.task.frames.set(Some(NonNull::from(self)));
    }

    fn unlink(&self) {
        debug_assert!(self.task.frames.get() == Some(NonNull::from(self)));
        self.task.frames.set(self.outer.get());
    }

    pub(crate) fn task(&self) -> TaskPtr {
        self.task
    }

    /// Whether the frame has made its request.
    pub(crate) fn is_made(&self) -> bool {
        self.request.get() != Request::NotMade
    }

    /// Notes that the frame makes its request.
    pub(crate) fn set_made(&self) {
        let is_older = self.stood_before && self.task.has(MUST_CANCEL);
        self.is_only.set(!is_older);
        self.request.set(Request::Stands);
    }

    pub(crate) fn set_delivered(&self) {
        self.request.set(Request::Delivered);
    }

    fn stands(&self) -> bool {
        matches!(self.request.get(), Request::Stands | Request::Returned)
    }

    /// Ends the frame, and takes its request back.
    pub(crate) fn end(&self) -> Ended {
        self.unlink();
        let request = self.request.replace(Request::NotMade);
        if request == Request::NotMade {
            return Ended::default();
        }
        let n_left = self.task.n_cancels.get().saturating_sub(1);
        self.task.n_cancels.set(n_left);
        if n_left == 0 {
            withdraw(self.task);
        } else {
            update(self.task);
        }
        Ended {
            is_alone: self.is_only.get() && n_left <= self.n_before,
            was_returned: request == Request::Returned,
        }
    }

    /// Calls a function, and defers cancels of the running task until the function returns.
    pub(crate) fn mask<R>(here: TaskContext, f: impl FnOnce() -> R) -> R {
        /// Ends the mask.
        struct Masked<'a>(&'a CancelFrame);

        impl Drop for Masked<'_> {
            fn drop(&mut self) {
                let CancelFrame { task, .. } = *self.0;
                self.0.unlink();
                let n_cancels = task.n_cancels.get() + self.0.n_deferred.get();
                task.n_cancels.set(n_cancels);
                if n_cancels == 0 {
                    // The requests that stood at the start were taken back.
                    return withdraw(task);
                }
                if self.0.defers_task.get() {
                    task.set(TASK_CANCEL);
                }
                update(task);
            }
        }

        // The task's block points to this frame, so a coroutine with this frame must not suspend meanwhile.
        let _open = OpenFrame::open_for_task();
        let task = here.task;
        let frame = Self::new(task, FrameKind::Mask);
        frame.defers_task.set(task.has(TASK_CANCEL));
        task.clear(MUST_CANCEL | TASK_CANCEL);
        // SAFETY: the frame stays here until the guard has unlinked it; the task is abandoned with it.
        unsafe { frame.link() };
        let _masked = Masked(&frame);
        f()
    }
}

/// The frames of a task, innermost first.
fn frames(task: &TaskBlock) -> impl Iterator<Item = &CancelFrame> {
    let linked = |frame: NonNull<CancelFrame>| {
        // SAFETY: a frame is unlinked before it goes; abandoned frames keep their memory.
        unsafe { frame.as_ref() }
    };
    successors(task.frames.get().map(linked), move |frame| {
        frame.outer.get().map(linked)
    })
}

/// The frames inside of the innermost mask, innermost first.
fn unmasked(task: &TaskBlock) -> impl Iterator<Item = &CancelFrame> {
    frames(task).take_while(|frame| frame.kind != FrameKind::Mask)
}

fn masks(task: &TaskBlock) -> impl Iterator<Item = &CancelFrame> {
    frames(task).filter(|frame| frame.kind == FrameKind::Mask)
}

/// Whether the task runs inside of a mask.
pub(crate) fn is_masked(task: TaskPtr) -> bool {
    masks(&task).next().is_some()
}

/// Whether a mask defers a request from a frame, or from outside of the task's frames; if so, the mask counts the request.
pub(crate) fn defers(task: TaskPtr, from: Option<&CancelFrame>) -> bool {
    let inner = frames(&task).take_while(|frame| from.is_none_or(|from| !ptr::eq(*frame, from)));
    // The first mask inside of the place where the request comes from.
    let Some(mask) = inner.filter(|frame| frame.kind == FrameKind::Mask).last() else {
        return false;
    };
    mask.n_deferred.set(mask.n_deferred.get() + 1);
    if from.is_none() {
        mask.defers_task.set(true);
    }
    true
}

/// Sets the flag that a request stands, after a frame has gone.
fn update(task: TaskPtr) {
    if task.has(TASK_CANCEL) || unmasked(&task).any(CancelFrame::stands) {
        task.set(MUST_CANCEL);
    } else {
        task.clear(MUST_CANCEL);
        task.n_errors.set(0);
    }
}

/// Takes back the requests that no mask defers: they were delivered, or are not wanted any more.
pub(crate) fn withdraw(task: TaskPtr) {
    task.clear(MUST_CANCEL | TASK_CANCEL);
    task.n_errors.set(0);
    let standing = unmasked(&task).filter(|frame| frame.stands());
    standing.for_each(CancelFrame::set_delivered);
}

/// Lets the requests that were made and delivered stand again.
pub(crate) fn redeliver(task: TaskPtr) {
    let n_made = frames(&task).filter(|frame| frame.is_made()).count();
    for frame in unmasked(&task).filter(|frame| frame.is_made()) {
        frame.request.set(Request::Stands);
    }
    if task.n_cancels.get() as usize > n_made {
        task.set(TASK_CANCEL);
    }
    update(task);
}

/// To which frame the outermost standing request is addressed, and of what kind the frame is; `None` for the task. Notes
/// that the request is returned as an error.
pub(crate) fn return_outermost(task: TaskPtr) -> Option<FrameKind> {
    if task.has(TASK_CANCEL) {
        return None;
    }
    let outermost = unmasked(&task).filter(|frame| frame.stands()).last()?;
    outermost.request.set(Request::Returned);
    Some(outermost.kind)
}

/// Number of requests of a task that were not taken back, with those that are deferred.
pub(crate) fn n_requests(task: TaskPtr) -> u32 {
    let n_deferred = masks(&task).map(|mask| mask.n_deferred.get()).sum::<u32>();
    task.n_cancels.get() + n_deferred
}

/// Takes one request back, and returns how many are left. Taking back the last one also withdraws a request that stands.
pub(crate) fn take_back(task: TaskPtr) -> u32 {
    match task.n_cancels.get() {
        0 => {
            if let Some(mask) = masks(&task).find(|mask| mask.n_deferred.get() > 0) {
                mask.n_deferred.set(mask.n_deferred.get() - 1);
            }
        }
        n => task.n_cancels.set(n - 1),
    }
    if task.n_cancels.get() == 0 {
        withdraw(task);
    }
    n_requests(task)
}
