//! The definitions that the other rooms share: control block, packet, run queue, wait list, and what they point at.
//!
//! These files import each other because the types point at each other: a block is in a run queue and in lists of
//! waiters, and names its packet and its core. Nothing here parks, cancels or runs a task.

pub(crate) mod block;
pub(crate) mod callback;
pub(crate) mod cancel_mask;
pub(crate) mod clock;
pub(crate) mod context;
pub(crate) mod exception_context;
pub(crate) mod group;
pub(crate) mod id;
pub(crate) mod packet;
pub(crate) mod run_queue;
pub(crate) mod task_stack;
pub(crate) mod wait_list;
pub(crate) mod wake;
