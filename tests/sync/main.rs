//! Queues, locks and channels, one module for each group of promises. Everything here goes through the public API.

#![allow(unsafe_code)]

#[path = "../support/hang_guard.rs"]
mod hang_guard;
#[path = "../support/mod.rs"]
mod support;
#[macro_use]
#[path = "../support/traits.rs"]
mod traits;

mod barrier;
mod channel;
mod channel_loops;
mod channel_threads;
mod condition;
mod events;
mod lock;
mod misuse;
mod model_locks;
mod model_permits;
mod model_queue;
mod model_queue_reference;
mod model_tasks;
mod orders;
mod queue;
mod queue_cancel;
mod queue_shutdown;
mod semaphore;
mod types;
