//! Queues and locks between the tasks of a loop, and channels that cross threads.
//!
//! | | what it is for |
//! |---|---|
//! | [`Queue`], [`LifoQueue`], [`PriorityQueue`] | items from producers to consumers, with `join` and `shutdown` |
//! | [`Mutex`] | a value that one task at a time uses, across suspensions |
//! | [`Condition`] | a change of what a lock protects |
//! | [`Semaphore`], [`BoundedSemaphore`] | so many tasks at a time |
//! | [`Event`] | something that happens once, until it is cleared |
//! | [`Barrier`] | tasks that wait for each other |
//! | [`channel`] | items from and to other threads |
//!
//! All but the channels are handles: a clone is the same queue or lock, as with [`Promise`](crate::Promise), because the closure of
//! a task owns what it uses. They stay on their thread. Whoever waits is served first come, first served: what is
//! given back while somebody waits is handed over and is never free in between, so a later comer can't overtake.
//! A wait costs no allocation.
//!
//! Operations that need not wait don't suspend, and work outside of a loop as well. Where one has to wait and can't,
//! because no task is running or the thread is panicking, those with a `Result` return an error, and the others panic
//! with a sentence; within a destructor that runs because of a panic, this aborts the process.
//!
//! A task that is cancelled while it waits takes nothing with it: a wake-up, permit, lock or item that was on its way
//! to it goes on to the next, in its order.

pub mod channel;

mod barrier;
mod condition;

mod error;
mod event;
mod lifo_queue;
mod methods;
mod mutex;
mod permits;
mod priority_queue;
mod queue;
mod queue_core;
mod semaphore;
mod store;

pub use barrier::Barrier;
pub use condition::Condition;
pub use error::{BrokenBarrier, GetError, NothingUnfinished, PutError, TooManyPermits};
pub use event::Event;
pub use lifo_queue::LifoQueue;
pub use mutex::{Mutex, MutexGuard};
pub use priority_queue::PriorityQueue;
pub use queue::Queue;
pub use semaphore::{BoundedSemaphore, Permit, Semaphore};
