//! A callback in the run queue, or waiting for its deadline.

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;

use crate::coroutine::drop_quietly;
use crate::error::TaskError;

/// A function for a loop to call.
pub(crate) type Function = Box<dyn FnOnce()>;

/// A function that is called once, or cancelled before.
pub(crate) struct Callback {
    function: Cell<Option<Function>>,
    is_cancelled: Cell<bool>,
    pub(crate) site: &'static Location<'static>,
}

impl Callback {
    pub(crate) fn new(function: Function, site: &'static Location<'static>) -> Rc<Self> {
        Rc::new(Self {
            function: Cell::new(Some(function)),
            is_cancelled: Cell::new(false),
            site,
        })
    }

    /// Drops the function now, uncalled. Does nothing if the function was called already.
    pub(crate) fn cancel(&self) {
        self.is_cancelled.set(true);
        let function = self.function.take();
        drop(function);
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_cancelled.get()
    }

    /// Calls the function, unless it was called or cancelled.
    ///
    /// # Errors
    /// The function's panic.
    pub(crate) fn call(&self) -> Result<(), TaskError> {
        match self.function.take() {
            Some(function) => catch_unwind(AssertUnwindSafe(function)).map_err(TaskError::panic),
            None => Ok(()),
        }
    }

    /// Drops the function, uncalled, and discards a panic of its destructors.
    pub(crate) fn discard(&self) {
        drop_quietly(self.function.take());
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback")
            .field("created_at", &format_args!("{}", self.site))
            .field("is_cancelled", &self.is_cancelled.get())
            .finish()
    }
}
