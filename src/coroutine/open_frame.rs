//! Frames that must not be left while something refers to them: scopes, timeouts, waits for futures.

#![allow(unsafe_code)]

use std::ptr::NonNull;

use super::header::{Header, stack_pointer};
use super::on_stack::caller_of;
use crate::stack::{self, Use};

/// While it lives, the coroutine on whose stack it was made can't suspend.
#[derive(Debug)]
pub(crate) struct OpenFrame {
    header: Option<NonNull<Header>>,
    is_first_of_task: bool,
}

impl OpenFrame {
    /// Opens a frame on the stack of the running code, if that is a coroutine's.
    pub(crate) fn open() -> Self {
        let header = innermost();
        if let Some(header) = header {
            // SAFETY: the header of the coroutine that is running.
            unsafe { header.as_ref() }.frame_opens();
        }
        Self {
            header,
            is_first_of_task: false,
        }
    }

    /// The coroutine on whose stack it is.
    #[cfg(feature = "runtime")]
    pub(super) fn header(&self) -> Option<NonNull<Header>> {
        self.header
    }

    /// Opens a frame that refers to the running task, or to which others refer on its behalf. If the
    /// coroutine is left for ever with it, the task is.
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
            // SAFETY: the guard lives in a frame of the coroutine, which is therefore there.
            unsafe { Header::frame_closes(header, self.is_first_of_task) }
        }
    }
}

/// The header of the innermost coroutine that runs, also if the running code is on a stack that it
/// called to.
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
