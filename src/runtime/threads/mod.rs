//! Other threads: messages to the loop, wakers, and the pool for blocking work.

pub(crate) mod block_thread;
pub(crate) mod blocking;
pub(crate) mod injector;
pub(crate) mod pool;
pub(crate) mod waker_registry;
