//! Which loop runs on this thread.

use std::any::Any;
use std::rc::Rc;

use super::Loop;
use crate::coroutine::{OpenFrame, undo_if_abandoned};
use crate::runtime::core::{Entered, Owner, TaskPtr, context};

/// Calls a function with `inner` as the current loop. If the coroutine that runs this is abandoned meanwhile, the loop is
/// closed, and the previous loop is current again.
pub(crate) fn within<R>(inner: &Rc<Loop>, f: impl FnOnce() -> R) -> R {
    let before = context::current();
    let undo = || {
        inner.close_abandoned();
        context::restore(before);
    };
    undo_if_abandoned(OpenFrame::open(), &undo, || {
        let _entered = Entered::new(&inner.core);
        f()
    })
}

/// The loop that runs on this thread.
pub(crate) fn current() -> Option<Rc<Loop>> {
    let owner = context::current()?.parts().owner.upgrade()?;
    owner.into_any().downcast().ok()
}

impl Owner for Loop {
    fn unregister_abandoned(&self, task: TaskPtr) {
        self.waits.unregister_abandoned(task);
    }

    fn into_any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }
}
