//! Open frames: stack frames that other code refers to while a scope, a timeout or a wait is in progress.
//! The coroutine can't suspend while it has one, because its handle could then drop the frame.

#![allow(unsafe_code)]

use std::ptr::NonNull;

use super::header::Header;
use super::on_stack::caller_of;
use crate::arch::stack_pointer;
use crate::stack::{self, Use};

/// A guard: while it lives, the coroutine on whose stack it was made can't suspend.
#[derive(Debug)]
pub(crate) struct OpenFrame {
    header: Option<NonNull<Header>>,
    is_first_of_task: bool,
}

impl OpenFrame {
    /// Opens a frame on the running code's stack, if that is a coroutine's.
    pub(crate) fn open() -> Self {
        let header = innermost();
        if let Some(header) = header {
            // SAFETY: the header of the running coroutine.
            unsafe { header.as_ref() }.open_frame();
        }
        Self {
            header,
            is_first_of_task: false,
        }
    }

    /// The coroutine whose stack the frame is on.
    #[cfg(feature = "runtime")]
    pub(super) fn header(&self) -> Option<NonNull<Header>> {
        self.header
    }

    /// Opens a frame that refers to the running task, or to which other code refers on the task's behalf.
    /// If the coroutine is abandoned with it, the task is abandoned too.
    #[cfg(feature = "runtime")]
    pub(crate) fn open_for_task() -> Self {
        let mut frame = Self::open();
        if let Some(header) = frame.header {
            // SAFETY: as in `open`.
            let header = unsafe { header.as_ref() };
            frame.is_first_of_task = !header.has_task_frame();
            header.set_task_frame();
        }
        frame
    }
}

impl Drop for OpenFrame {
    fn drop(&mut self) {
        if let Some(header) = self.header {
            // SAFETY: the guard lives in a frame of the coroutine, so the coroutine's stack is not released.
            unsafe { Header::close_frame(header, self.is_first_of_task) }
        }
    }
}

/// The header of the innermost running coroutine, also if the running code is on a stack that this
/// coroutine has called to by [`on_stack`](super::on_stack()).
pub(super) fn innermost() -> Option<NonNull<Header>> {
    let mut address = stack_pointer();
    loop {
        let record = stack::find(address)?;
        if record.in_use() != Use::Call {
            return Header::of(record);
        }
        address = caller_of(record);
    }
}
