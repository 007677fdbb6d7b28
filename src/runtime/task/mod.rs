//! How a task begins, runs, ends and is joined, and the handles to it: task, view, promise.

pub(crate) mod any_handle;
pub(crate) mod dispatch;
pub(crate) mod end;
pub(crate) mod handle;
pub(crate) mod join;
pub(crate) mod late_callbacks;
pub(crate) mod methods;
pub(crate) mod promise;
pub(crate) mod promise_future;
pub(crate) mod spawn;
pub(crate) mod task_ref;
pub(crate) mod waitable;
