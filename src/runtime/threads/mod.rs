//! Other threads: messages to the loop, wakers, and the pool for blocking work.

pub(crate) mod block_thread;
pub(crate) mod blocking;
mod crew;
pub(crate) mod injector;
pub(crate) mod job;
pub(crate) mod pool;
pub(crate) mod waker_registry;

pub(crate) use block_thread::block_thread;
pub(crate) use blocking::{off_loop, off_loop_to_end};
pub(crate) use injector::{Injector, Message};
pub(crate) use job::{AtClose, Job, JobKind, Label, Refused, Ticket};
pub(crate) use pool::Pool;
pub(crate) use waker_registry::{Ended, WakerRegistry};
