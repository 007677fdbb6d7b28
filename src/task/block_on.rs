//! [`block_on`]: a std future in a task.

use std::future::Future;

use crate::coroutine::OpenFrame;
use crate::runtime::threads::waker_registry;
use crate::runtime::wait::{consume_budget, here_or_panic};

/// May suspend: polls a std future in the running task until the future is ready. The task parks between
/// two polls; the future's waker may be called on any thread.
///
/// ```
/// let answer = selvedge::run(|| selvedge::block_on(async { 42 }));
/// assert_eq!(answer, 42);
/// ```
///
/// # Panics
/// If no task is running, or the thread is panicking. A coroutine in whose body this is called can't
/// suspend to its resumer while the future is polled.
///
/// # Cancellation
/// The future is dropped.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let here = here_or_panic();
    consume_budget(1);
    // The future is user code, but the wait belongs to this task: a coroutine in whose body this call is may
    // not be resumed by another task meanwhile.
    let _open = OpenFrame::open_for_task();
    let mut future = std::pin::pin!(future);
    waker_registry::wait(here, &"a future", |context| future.as_mut().poll(context))
}
