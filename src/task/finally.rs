//! Cleaning up with waits: after the unwind, and before a cancel.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::coroutine::drop_payload;
use crate::runtime::core::cancel_mask::CancelMask;
use crate::runtime::wait::here::task_context;
use crate::runtime::wait::unwind;

/// May suspend: runs a function, and then another one whether the first returned or was unwound, by a
/// panic or a cancel.
///
/// A destructor can't wait while its thread panics. The second function runs outside of the unwind, so
/// it can; and it is not cancelled: a cancel that arrives meanwhile is met by the next suspension
/// after it. Timeouts within it work, and are how to bound it.
///
/// ```
/// use std::time::Duration;
/// use selvedge::{finally, sleep, spawn, yield_now};
///
/// let log = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
/// let inner = log.clone();
/// selvedge::run(|| {
///     let task = spawn(move || {
///         finally(
///             || sleep(Duration::MAX),
///             || {
///                 sleep(Duration::from_millis(1));
///                 inner.borrow_mut().push("said goodbye");
///             },
///         );
///     });
///     yield_now();
///     task.cancel();
///     assert!(task.join().unwrap_err().is_cancelled());
/// });
/// assert_eq!(*log.borrow(), ["said goodbye"]);
/// ```
///
/// # Panics
/// With what the first function panics with, else with what the second one does.
///
/// # Cancellation
/// Of the first function: runs the second one, and unwinds then. As the task's loop closes for good,
/// the second function's waits unwind as well.
pub fn finally<T>(body: impl FnOnce() -> T, cleanup: impl FnOnce()) -> T {
    let result = catch_unwind(AssertUnwindSafe(body));
    let here = task_context();
    let cleaned = catch_unwind(AssertUnwindSafe(|| match here {
        Ok(here) => CancelMask::during(here, cleanup),
        // Nobody can wait here, or be cancelled.
        Err(_) => cleanup(),
    }));
    match (result, cleaned) {
        (Ok(value), Ok(())) => value,
        (Err(payload), Ok(())) | (Ok(_), Err(payload)) => resume_unwind(payload),
        (Err(first), Err(second)) => {
            let is_cancel = here.is_ok_and(|here| unwind::is_cancel(&first, here.task));
            let (raised, lost) = if is_cancel {
                (second, first)
            } else {
                (first, second)
            };
            drop_payload(lost);
            resume_unwind(raised)
        }
    }
}
