//! Open frames: stack frames that other code refers to while a scope, a timeout or a wait is in progress.
//! The coroutine can't suspend while it has one, because its handle could then drop the frame.

#![allow(unsafe_code)]

use std::ptr::NonNull;

use super::header::Header;
use super::on_stack::caller_of;
#[cfg(feature = "runtime")]
use crate::arch;
use crate::arch::stack_pointer;
use crate::stack;

/// A guard: while it lives, the coroutine on whose stack it was made can't suspend.
#[derive(Debug)]
pub(crate) struct OpenFrame {
    header: Option<NonNull<Header>>,
    is_first_of_task: bool,
}

impl OpenFrame {
    /// Opens a frame on the running code's stack.
    ///
    /// # Panics
    /// On another library's stack: that library could leave the frame without a check.
    #[track_caller]
    pub(crate) fn open() -> Self {
        Self::try_open().unwrap_or_else(|Foreign| refuse_foreign())
    }

    /// As [`open`](Self::open).
    ///
    /// # Errors
    /// On another library's stack.
    pub(crate) fn try_open() -> Result<Self, Foreign> {
        let header = innermost()?;
        if let Some(header) = header {
            // SAFETY: the header of the running coroutine.
            unsafe { header.as_ref() }.open_frame();
        }
        Ok(Self {
            header,
            is_first_of_task: false,
        })
    }

    /// The coroutine whose stack the frame is on.
    #[cfg(feature = "runtime")]
    pub(super) fn header(&self) -> Option<NonNull<Header>> {
        self.header
    }

    /// Opens a frame that refers to the running task, or to which other code refers on the task's behalf.
    /// If the coroutine is abandoned with it, the task is abandoned too.
    ///
    /// # Panics
    /// As [`open`](Self::open).
    #[cfg(feature = "runtime")]
    #[track_caller]
    pub(crate) fn open_for_task() -> Self {
        Self::try_open_for_task().unwrap_or_else(|Foreign| refuse_foreign())
    }

    /// As [`open_for_task`](Self::open_for_task).
    ///
    /// # Errors
    /// On a stack of another library.
    #[cfg(feature = "runtime")]
    pub(crate) fn try_open_for_task() -> Result<Self, Foreign> {
        let mut frame = Self::try_open()?;
        if let Some(header) = frame.header {
            // SAFETY: as in `open`.
            let header = unsafe { header.as_ref() };
            frame.is_first_of_task = !header.has_task_frame();
            header.set_task_frame();
        }
        Ok(frame)
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

/// Error: the running code is on a stack that is neither this library's nor the thread's own.
#[derive(Debug)]
pub(crate) struct Foreign;

/// The header of the innermost running coroutine, also if the running code is on a stack that this
/// coroutine has called to by [`on_stack`](super::on_stack()). `None` on the thread's own stack.
pub(super) fn innermost() -> Result<Option<NonNull<Header>>, Foreign> {
    innermost_at(stack_pointer())
}

fn innermost_at(mut address: usize) -> Result<Option<NonNull<Header>>, Foreign> {
    while let Some(record) = stack::find(address) {
        if !record.is_called() {
            return Ok(Header::of(record));
        }
        address = caller_of(record);
    }
    match stack::is_own(address) {
        true => Ok(None),
        false => Err(Foreign),
    }
}

/// Whether this library owns each stack to which the running code returns, up to the thread's own. Where the backend's
/// stacks can't be walked, only the innermost stack is checked.
#[cfg(feature = "runtime")]
pub(crate) fn runs_on_own_stacks() -> bool {
    any_entered(|_| false).is_ok()
}

/// Whether a coroutine was entered and has not come back: the running code is on its stack, or on one that was entered from
/// there. Where the backend's stacks can't be walked: whether the coroutine is the innermost one.
#[cfg(feature = "runtime")]
pub(super) fn is_entered(coroutine: NonNull<Header>) -> Result<bool, Foreign> {
    any_entered(|header| header == coroutine)
}

/// The value of [`Header::closed_from`] for a coroutine that the running code closes.
pub(super) fn closed_from() -> Option<NonNull<Header>> {
    let closer = innermost().ok()??;
    // SAFETY: the header of the running coroutine.
    let header = unsafe { closer.as_ref() };
    (header.close_request() != 0).then(|| header.closed_from.get().unwrap_or(closer))
}

/// Whether a function returns true for one of the coroutines to which the running code returns, innermost first. Passes over
/// coroutines that are being closed by others that are being closed: destructors of thousands may nest.
#[cfg(feature = "runtime")]
pub(super) fn any_entered(is_it: impl Fn(NonNull<Header>) -> bool) -> Result<bool, Foreign> {
    let mut next = innermost()?;
    while let Some(header) = next {
        if is_it(header) {
            return Ok(true);
        }
        if !arch::CAN_BE_WALKED {
            break;
        }
        // SAFETY: a running coroutine has a header.
        let header = unsafe { header.as_ref() };
        next = match header.closed_from.get() {
            Some(outer) if header.close_request() != 0 => Some(outer),
            // Its resumer waits at the link.
            _ => innermost_at(header.link().address())?,
        };
    }
    Ok(false)
}

#[cold]
#[track_caller]
fn refuse_foreign() -> ! {
    panic!(
        "selvedge: a scope, a timeout, a wait for many or for a future can't begin on a stack that \
         another library has made, because that library could leave it before its end; call it outside of \
         that stack, or, if the stack is only there for its size, use `selvedge::coroutine::on_stack`"
    )
}
