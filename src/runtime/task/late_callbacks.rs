//! Callbacks that come too late: a closed loop drops the functions that it is asked to call.
//!
//! The destructor of a dropped function may offer another function, whose destructor does the same, and so
//! on. The functions are therefore dropped one after the other instead of recursively, and not without end.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::rc::Weak;

use crate::coroutine::{OpenFrame, Payload, drop_payload, undo_if_abandoned};
use crate::runtime::core::{Core, Function, without_task};

/// Has a loop call a function in its next iteration; drops the function if the loop is gone or closed.
pub(crate) fn offer(core: &Weak<Core>, function: Function, site: &'static Location<'static>) {
    match core.upgrade().filter(|core| !core.is_closed.get()) {
        Some(core) => drop(core.call_soon(function, site)),
        None => refuse(function),
    }
}

/// Number of rounds, in each of which the functions that the destructors of the round before have offered are
/// dropped. The functions of a further round are leaked.
const MAX_ROUNDS: usize = 1 << 12;

thread_local! {
    static IS_REFUSING: Cell<bool> = const { Cell::new(false) };
    /// The functions to be dropped. Without a destructor, so that the list exists as long as the thread.
    static REFUSED: Cell<ManuallyDrop<Vec<Function>>> =
        const { Cell::new(ManuallyDrop::new(Vec::new())) };
}

/// Drops a function that a closed loop does not take. Its destructors run outside of tasks, as a callback
/// does, and can't wait. The functions that they offer are dropped after it, by the outermost call.
pub(crate) fn refuse(function: Function) {
    let Ok(open) = OpenFrame::try_open() else {
        // This is another library's stack, which a destructor could leave for ever.
        return drop(function);
    };
    let mut refused = take_refused();
    refused.push(function);
    REFUSED.set(ManuallyDrop::new(refused));
    if IS_REFUSING.get() {
        return;
    }
    let panicked = undo_if_abandoned(open, &|| IS_REFUSING.set(false), || {
        IS_REFUSING.set(true);
        drop_refused()
    });
    IS_REFUSING.set(false);
    if let Some(payload) = panicked {
        resume_unwind(payload);
    }
}

/// Drops the refused functions, and returns the payload of the first that panicked.
fn drop_refused() -> Option<Payload> {
    let mut panicked = None;
    for n in 0..=MAX_ROUNDS {
        let refused = take_refused();
        if refused.is_empty() {
            break;
        }
        if n == MAX_ROUNDS {
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
