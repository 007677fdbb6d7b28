//! Tasks: functions that run concurrently on one thread, each on a stack of its own.
//!
//! A task is spawned, runs when its turn comes, and gives the others theirs whenever it waits: for a
//! sleep, a socket, another task. Everything here is for code inside of a running loop.
//!
//! What the first page of a program uses is at the root: [`Task`](crate::Task), [`Promise`](crate::Promise),
//! [`spawn`](crate::spawn), [`spawn_named`](crate::spawn_named), [`spawn_fallible`](crate::spawn_fallible),
//! [`yield_now`](crate::yield_now), [`gather`](crate::gather()), [`scope`](crate::scope()), [`race`](crate::race()),
//! [`select!`](crate::select), [`to_thread`](crate::to_thread) and [`block_on`](crate::block_on). The rest is here.

pub(crate) mod spawn;

pub(crate) mod running;

pub(crate) mod gather;

mod wait;

mod wait_for;

mod as_completed;

mod shield;

pub(crate) mod scope;

mod scoped_task;

pub(crate) mod race;

pub(crate) mod select;

mod select_arms;

mod finally;

pub(crate) mod first;

mod try_scope;

pub(crate) mod block_on;

pub use self::as_completed::{AsCompleted, WithTimeout, as_completed};
pub use self::finally::finally;
pub use self::first::first;
pub use self::gather::{Gather, gather_settled};
pub use self::race::Race;
pub use self::running::{all_tasks, current_task};
pub use self::scope::Scope;
pub use self::scoped_task::ScopedTask;
pub use self::shield::shield;
pub use self::spawn::{Builder, spawn_eager};
pub use self::try_scope::try_scope;
pub use self::wait::{ReturnWhen, Waited, wait};
pub use self::wait_for::wait_for;
pub use crate::runtime::api::remote_task::RemoteTask;
pub use crate::runtime::cancel::request::catch_cancelled;
pub use crate::runtime::core::id::{CallbackId, TaskId};
pub use crate::runtime::core::task_stack::TaskStack;
pub use crate::runtime::first::Wait;
pub use crate::runtime::task::promise_future::PromiseFuture;
pub use crate::runtime::task::task_ref::TaskRef;
pub use crate::runtime::task::waitable::{Awaitable, Joinable, Waitable};
