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

pub(crate) use any_handle::{AnyHandle, AnyPromise, ForEachMember, describe_many, not_done};
pub(crate) use dispatch::{dispatch, dispatch_now};
pub(crate) use end::{Destination, abandoned, clean_up, run};
pub(crate) use handle::Task;
pub(crate) use join::{Need, admit, wait_done};
pub(crate) use methods::task_methods;
pub(crate) use promise::Promise;
pub(crate) use spawn::{
    MAX_MOVED, SpawnOptions, expect_task, prepare, prepare_for, spawn_eagerly, spawn_on,
    try_spawn_on,
};
pub(crate) use task_ref::TaskRef;
pub(crate) use waitable::{Awaitable, Joinable, WaitSite, Waitable};
