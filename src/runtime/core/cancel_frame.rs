//! Requests to cancel a task, and the frames of the task that make them or defer them.
//!
//! A request is addressed to the task (`Task::cancel`) or to a [`CancelFrame`]: to a timeout whose deadline has passed, to
//! a scope with a failed child. A mask (`finally`) is a frame that defers the requests from outside of the mask. The
//! frames of a task are a list, innermost first, which begins at `TaskBlock::frames`.
//!
//! Each request has a state. While a request stands that no mask defers, the flag `MUST_CANCEL` is set, and the
//! next wait *delivers* all such requests:
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
//! `Stands` and `Returned` *stand*. A request is withdrawn by the end of its frame, by `uncancel` down to zero, and by
//! a `catch_cancelled` to which it was delivered. The state of a frame's request is in the frame. The state of the
//! request to the task is in the flags `TASK_CANCEL` and `TASK_RETURNED`, and in a mask while the mask defers the
//! request. After a request was delivered to the task itself, no state is kept, but asyncio's count,
//! `TaskBlock::n_cancels`, contains the request until `uncancel`. The count also contains the requests of the frames. A
//! frame treats an unwind as its own if the count without the frame's own request is the same as when the frame began.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::iter::{once, successors};
use std::ptr::{self, NonNull};

use super::{MUST_CANCEL, TASK_CANCEL, TASK_RETURNED, TaskBlock, TaskContext, TaskPtr};
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
    /// The frame's own request. In a mask: the request to the task that the mask defers.
    request: Cell<Request>,
    /// No older request stood when the frame made its own.
    is_only: Cell<bool>,
    /// Number of requests that this mask defers.
    n_deferred: Cell<u32>,
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
    /// Delivered by an unwind or by forwarding; or withdrawn.
    Delivered,
}

/// How a frame's request ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ended {
    /// The request was made, and no other code has requested a cancel: an unwind that leaves the frame is the
    /// frame's own.
    pub(crate) is_alone: bool,
    /// The request was returned as an error, and was not taken back.
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
        // This includes a request that a mask now defers.
        let mut stands = frames(&self.task)
            .map(Self::stands)
            .chain([self.task.has(TASK_CANCEL)]);
        self.is_only
            .set(!(self.stood_before && stands.any(|stands| stands)));
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
        if !self.is_made() {
            return Ended::default();
        }
        take_back(self.task);
        update(self.task);
        Ended {
            is_alone: self.is_only.get() && self.task.n_cancels.get() <= self.n_before,
            was_returned: self.request.get() == Request::Returned,
        }
    }

    /// Calls a function, and defers cancels of the running task until the function returns.
    pub(crate) fn mask<R>(here: TaskContext, f: impl FnOnce() -> R) -> R {
        /// Ends the mask when dropped. Holds the number of errors at the mask's start.
        struct Masked<'a>(&'a CancelFrame, u8);

        impl Drop for Masked<'_> {
            fn drop(&mut self) {
                let Self(frame, n_errors) = self;
                frame.unlink();
                let task = frame.task;
                task.n_cancels.update(|n| n + frame.n_deferred.get());
                task.n_errors.set(*n_errors);
                task.set(match frame.request.get() {
                    Request::Stands => TASK_CANCEL,
                    Request::Returned => TASK_CANCEL | TASK_RETURNED,
                    Request::NotMade | Request::Delivered => 0,
                });
                update(task);
            }
        }

        // The task's block points to this frame, so a coroutine with this frame must not suspend meanwhile. Another
        // library's coroutine could: there the function runs, and is not masked.
        let Ok(_open) = OpenFrame::try_open_for_task() else {
            return f();
        };
        let task = here.task;
        let frame = Self::new(task, FrameKind::Mask);
        if task.has(TASK_CANCEL) {
            frame.request.set(match task.has(TASK_RETURNED) {
                true => Request::Returned,
                false => Request::Stands,
            });
        }
        task.clear(MUST_CANCEL | TASK_CANCEL | TASK_RETURNED);
        // SAFETY: the frame stays here until the guard has unlinked it; the task is abandoned with it.
        unsafe { frame.link() };
        let _masked = Masked(&frame, task.n_errors.replace(0));
        f()
    }
}

/// The frames of a task, innermost first.
fn frames(task: &TaskBlock) -> impl Iterator<Item = &CancelFrame> {
    let linked = |frame: NonNull<CancelFrame>| {
        // SAFETY: a frame is unlinked before its memory is freed; abandoned frames keep their
        // memory.
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

/// Whether a mask defers a request from a frame, or from outside of the task's frames. If so, the mask counts the
/// request.
pub(crate) fn defers(task: TaskPtr, from: Option<&CancelFrame>) -> bool {
    let inner = frames(&task).take_while(|frame| from.is_none_or(|from| !ptr::eq(*frame, from)));
    // The outermost mask inside of the frame that makes the request.
    let Some(mask) = inner.filter(|frame| frame.kind == FrameKind::Mask).last() else {
        return false;
    };
    mask.n_deferred.set(mask.n_deferred.get() + 1);
    if from.is_none() && !mask.stands() {
        mask.request.set(Request::Stands);
    }
    true
}

/// Updates `MUST_CANCEL` after a frame was unlinked or its request has changed.
fn update(task: TaskPtr) {
    if task.has(TASK_CANCEL) || unmasked(&task).any(CancelFrame::stands) {
        task.set(MUST_CANCEL);
    } else {
        task.clear(MUST_CANCEL);
        task.n_errors.set(0);
    }
}

/// Withdraws the requests that no mask defers, or notes their delivery.
pub(crate) fn withdraw(task: TaskPtr) {
    task.clear(MUST_CANCEL | TASK_CANCEL | TASK_RETURNED);
    task.n_errors.set(0);
    let standing = unmasked(&task).filter(|frame| frame.stands());
    standing.for_each(CancelFrame::set_delivered);
}

/// Makes requests stand again that were delivered. Inside of a mask, requests from outside of the mask
/// are excluded.
pub(crate) fn redeliver(task: TaskPtr) {
    let made = || unmasked(&task).filter(|frame| frame.is_made());
    for frame in made().filter(|frame| !frame.stands()) {
        frame.request.set(Request::Stands);
    }
    if !is_masked(task) && task.n_cancels.get() as usize > made().count() {
        task.set(TASK_CANCEL);
    }
    update(task);
}

/// Returns the kind of the frame to which the outermost standing request is addressed, or `None` if it is addressed to
/// the task. Notes that the request is returned as an error.
pub(crate) fn return_outermost(task: TaskPtr) -> Option<FrameKind> {
    if task.has(TASK_CANCEL) {
        task.set(TASK_RETURNED);
        return None;
    }
    let outermost = unmasked(&task).filter(|frame| frame.stands()).last()?;
    outermost.request.set(Request::Returned);
    Some(outermost.kind)
}

/// Whether a standing request was returned as an error.
pub(crate) fn is_returned(task: TaskPtr) -> bool {
    let returned = |frame: &CancelFrame| frame.request.get() == Request::Returned;
    task.has(TASK_RETURNED) || unmasked(&task).any(returned)
}

/// Number of requests to a task that were not taken back, including deferred ones.
pub(crate) fn n_requests(task: TaskPtr) -> u32 {
    let n_deferred = masks(&task).map(|mask| mask.n_deferred.get()).sum::<u32>();
    task.n_cancels.get() + n_deferred
}

/// Takes one request back, and returns how many are left. Taking back the last request also withdraws all
/// requests that stand.
pub(crate) fn take_back(task: TaskPtr) -> u32 {
    // A request from inside of the innermost mask comes first.
    let deferred = masks(&task).map(|mask| &mask.n_deferred);
    let mut counts = once(&task.n_cancels).chain(deferred);
    if let Some(count) = counts.find(|count| count.get() > 0) {
        count.update(|n| n - 1);
    }
    let n_left = n_requests(task);
    if n_left == 0 {
        withdraw(task);
        let deferred = frames(&task).filter(|frame| frame.stands());
        deferred.for_each(CancelFrame::set_delivered);
    }
    n_left
}
