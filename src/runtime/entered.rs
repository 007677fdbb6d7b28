//! Which loop runs on this thread, with all that belongs to it.

use std::cell::Cell;
use std::ptr::NonNull;
use std::rc::Rc;

use super::context::{self, Owner};
use super::foreign;
use super::local::LocalLoop;
use super::reactor;
use super::scheduler::{Loop, Running};
use super::task::TaskPtr;
use super::timer;
use crate::coroutine::undo_if_abandoned;

thread_local! {
    static CURRENT: Cell<Option<NonNull<Loop>>> = const { Cell::new(None) };
}

/// Makes a loop the one that [`current`] answers, and calls a function. If the coroutine that this is on
/// is left behind for ever meanwhile, the loop is closed, and the one before is current again.
pub(super) fn within<R>(inner: &Rc<Loop>, f: impl FnOnce() -> R) -> R {
    let before = current();
    let undo = || {
        inner.leave_for_ever();
        make_current(before.as_deref());
    };
    undo_if_abandoned(&undo, || {
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
    foreign::make_current(inner.map(|inner| &inner.waits));
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

impl Owner for Loop {
    fn leave_behind(&self, task: TaskPtr) {
        self.waits.leave_behind(task);
    }
}

/// The loop that runs on this thread, for callbacks and tasks; `None` outside of one.
///
/// ```
/// assert!(selvedge::current_loop().is_none());
/// selvedge::run(|| {
///     let event_loop = selvedge::current_loop().unwrap();
///     event_loop.call_soon(|| println!("soon")).unwrap();
///     selvedge::yield_now();
/// });
/// ```
#[must_use]
pub fn current_loop() -> Option<LocalLoop> {
    current().map(|inner| LocalLoop::new(&inner))
}

/// A share in the loop that runs on this thread.
#[allow(unsafe_code)]
pub(super) fn current() -> Option<Rc<Loop>> {
    // SAFETY: whoever runs a loop holds it in an `Rc` meanwhile; all are made by `Rc::new`.
    CURRENT.get().map(|inner| unsafe {
        Rc::increment_strong_count(inner.as_ptr());
        Rc::from_raw(inner.as_ptr())
    })
}
