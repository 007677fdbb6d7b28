//! Queues and locks between the tasks of a loop, and channels that cross threads.
//!
//! | type | purpose |
//! |---|---|
//! | [`Queue`], [`LifoQueue`], [`PriorityQueue`] | items from producers to consumers, with `join` and `shutdown` |
//! | [`Mutex`] | a value that one task at a time uses, across suspensions |
//! | [`Condition`] | a change of the value that a lock protects |
//! | [`Semaphore`], [`BoundedSemaphore`] | a limited number of tasks at a time |
//! | [`Event`] | a flag that tasks wait for |
//! | [`Barrier`] | a place where tasks wait for each other |
//! | [`channel`] | items from and to other threads |
//!
//! All but the channels are handles: a clone is the same queue or lock, as with [`Promise`](crate::Promise), because a
//! task's closure owns what it uses. They stay on their thread. Waiting tasks are served first come, first served: a
//! lock, permit or item that is released while a task waits goes to that task directly, so a later task can't overtake.
//! A wait costs no allocation.
//!
//! An operation that need not wait sometimes gives the other tasks a turn before it begins, so that a task whose
//! operations never wait does not block timeouts and sockets. Otherwise such an operation does not suspend, and works
//! outside of a loop as well. An operation that has to wait but can't, because no task is running or the thread is
//! panicking, returns an error if it returns a `Result`, and panics otherwise; in a destructor that runs because of a
//! panic, the second panic aborts the process. Operations that begin with `try_` never suspend.
//!
//! A task that is cancelled while it waits takes nothing: a wake-up, permit, lock or item that was meant for it goes to
//! the next task in order.

pub mod channel;

mod barrier;
mod condition;

mod error;
mod event;
mod made_at;
mod mutex;
mod permits;
mod queue;
mod queue_core;
mod queue_methods;
mod room;
mod semaphore;
mod size_methods;
mod store;

pub use barrier::Barrier;
pub use condition::Condition;
pub use error::{BrokenBarrier, GetError, NothingUnfinished, PutError, TooManyPermits};
pub use event::Event;
pub use mutex::{Mutex, MutexGuard};
pub use queue::{LifoQueue, PriorityQueue, Queue};
pub use room::Room;
pub use semaphore::{BoundedSemaphore, Permit, Semaphore};
