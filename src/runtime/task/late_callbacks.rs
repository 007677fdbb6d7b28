//! Callbacks that come too late: what a closed loop is asked to call is dropped.
//!
//! A destructor may offer another one, whose destructor does the same, and so on: so they are dropped
//! one after the other, not within each other, and not for ever.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::rc::Weak;

use crate::coroutine::{Payload, drop_payload, undo_if_abandoned};
use crate::runtime::core::callback::Function;
use crate::runtime::core::context::{Core, without_task};

/// Has a loop call a function in the next iteration, if it is still there and open.
pub(crate) fn offer(core: &Weak<Core>, function: Function, site: &'static Location<'static>) {
    match core.upgrade().filter(|core| !core.is_closed.get()) {
        Some(core) => drop(core.call_soon(function, site)),
        None => refuse(function),
    }
}

/// How many functions are dropped that destructors of others have offered.
const MANY: usize = 1 << 12;

thread_local! {
    static IS_REFUSING: Cell<bool> = const { Cell::new(false) };
    /// Those that are to be dropped. Without a destructor, so that it is there as long as the thread is.
    static REFUSED: Cell<ManuallyDrop<Vec<Function>>> =
        const { Cell::new(ManuallyDrop::new(Vec::new())) };
}

/// Drops a function that a closed loop does not take. Its destructors run as a callback does, and can't
/// wait; what they offer in turn is dropped after it, by whoever is at it already.
pub(crate) fn refuse(function: Function) {
    let mut refused = take_refused();
    refused.push(function);
    REFUSED.set(ManuallyDrop::new(refused));
    if IS_REFUSING.replace(true) {
        return;
    }
    let panicked = undo_if_abandoned(&|| IS_REFUSING.set(false), drop_refused);
    IS_REFUSING.set(false);
    if let Some(payload) = panicked {
        resume_unwind(payload);
    }
}

/// Drops what was refused; answers what the first that panicked did so with.
fn drop_refused() -> Option<Payload> {
    let mut panicked = None;
    for n in 0..=MANY {
        let refused = take_refused();
        if refused.is_empty() {
            break;
        }
        if n == MANY {
            std::mem::forget(refused);
            break;
        }
        for function in refused {
            let dropped = catch_unwind(AssertUnwindSafe(|| without_task(|| drop(function))));
            if let Err(another) = dropped
                && let Some(one_too_many) = panicked.replace(another)
            {
                drop_payload(one_too_many);
            }
        }
    }
    panicked
}

fn take_refused() -> Vec<Function> {
    ManuallyDrop::into_inner(REFUSED.replace(ManuallyDrop::new(Vec::new())))
}
