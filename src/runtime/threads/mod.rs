//! Other threads: messages to the loop, wakers, and the pool for blocking work.

pub(crate) mod block_thread;
pub(crate) mod blocking;
pub(crate) mod injector;
pub(crate) mod pool;
pub(crate) mod waker_registry;

pub(crate) use block_thread::block_thread;
pub(crate) use blocking::off_loop;
pub(crate) use injector::{Injector, Message};
pub(crate) use pool::{AtClose, Pool};
pub(crate) use waker_registry::WakerRegistry;
