//! [`finally`]: cleanup that may wait, outside of the unwind and shielded from cancels.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::coroutine::drop_payload;
use crate::runtime::core::CancelFrame;
use crate::runtime::wait::{delivery, task_context};

/// May suspend: runs `body`, and then `cleanup`, also if `body` was unwound by a panic or a cancel.
///
/// A destructor can't wait while its thread panics. `cleanup` can, because it runs outside of the unwind.
/// It is not cancelled: a cancel that arrives meanwhile is delivered at the next suspension after it.
/// Timeouts inside of `cleanup` work, and can bound it.
///
/// ```
/// use std::time::Duration;
/// use selvedge::task::finally;
/// use selvedge::{sleep, spawn, yield_now};
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
/// With the panic of `body`, otherwise with that of `cleanup`.
///
/// # Cancellation
/// A cancel of `body` runs `cleanup`, and then unwinds. When the loop closes and forces its tasks to unwind,
/// the waits of `cleanup` unwind as well. On a stack that another library has made, a cancel also unwinds `cleanup`.
pub fn finally<T>(body: impl FnOnce() -> T, cleanup: impl FnOnce()) -> T {
    let result = catch_unwind(AssertUnwindSafe(body));
    let here = task_context();
    let cleaned = catch_unwind(AssertUnwindSafe(|| match here {
        Ok(here) => CancelFrame::mask(here, cleanup),
        // No task runs that could wait or be cancelled.
        Err(_) => cleanup(),
    }));
    match (result, cleaned) {
        (Ok(value), Ok(())) => value,
        (Err(payload), Ok(())) | (Ok(_), Err(payload)) => resume_unwind(payload),
        (Err(first), Err(second)) => {
            let is_cancel = here.is_ok_and(|here| delivery::is_cancel(&first, here.task));
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
