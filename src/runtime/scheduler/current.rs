//! Which loop runs on this thread, with all that belongs to it.

use std::cell::Cell;
use std::ptr::NonNull;
use std::rc::Rc;

use super::turn::{Loop, Running};
use crate::coroutine::undo_if_left;
use crate::runtime::core::block::TaskPtr;
use crate::runtime::core::context::{self, Owner};
use crate::runtime::io::reactor;
use crate::runtime::threads::waker_registry;
use crate::runtime::time::timer;

thread_local! {
    static CURRENT: Cell<Option<NonNull<Loop>>> = const { Cell::new(None) };
}

/// Makes a loop the one that [`current`] answers, and calls a function. If the coroutine that this is on
/// is left behind for ever meanwhile, the loop is closed, and the one before is current again.
pub(crate) fn within<R>(inner: &Rc<Loop>, f: impl FnOnce() -> R) -> R {
    let before = current();
    let undo = || {
        inner.close_abandoned();
        make_current(before.as_deref());
    };
    undo_if_left(&undo, || {
        let _entered = Entered {
            before: CURRENT.replace(NonNull::new(Rc::as_ptr(inner).cast_mut())),
            _running: inner.enter(),
        };
        f()
    })
}

struct Entered<'a> {
    before: Option<NonNull<Loop>>,
    _running: Running<'a>,
}

/// Makes a loop current, or none, with all that belongs to it.
fn make_current(inner: Option<&Loop>) {
    CURRENT.set(inner.map(NonNull::from));
    context::make_current(inner.map(|inner| &inner.core));
    timer::make_current(inner.map(|inner| &*inner.timers));
    reactor::make_current(inner.map(|inner| &*inner.reactor));
    waker_registry::make_current(inner.map(|inner| &inner.waits));
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

impl Owner for Loop {
    fn unregister_abandoned(&self, task: TaskPtr) {
        self.waits.unregister_abandoned(task);
    }
}

/// A share in the loop that runs on this thread.
#[allow(unsafe_code)]
pub(crate) fn current() -> Option<Rc<Loop>> {
    // SAFETY: whoever runs a loop holds it in an `Rc` meanwhile; all are made by `Rc::new`.
    CURRENT.get().map(|inner| unsafe {
        Rc::increment_strong_count(inner.as_ptr());
        Rc::from_raw(inner.as_ptr())
    })
}
