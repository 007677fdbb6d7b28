//! The definitions that the other rooms share: control block, packet, run queue, wait list, and what they point at.
//!
//! These files import each other because the types point at each other: a block is in a run queue and in lists of
//! waiters, and names its packet and its core. Nothing here parks, cancels or runs a task.

pub(crate) mod block;
pub(crate) mod callback;
pub(crate) mod cancel_frame;
pub(crate) mod clock;
pub(crate) mod context;
pub(crate) mod exception_context;
pub(crate) mod group;
pub(crate) mod id;
pub(crate) mod packet;
pub(crate) mod run_queue;
pub(crate) mod task_link;
pub(crate) mod task_stack;
pub(crate) mod wait_list;
pub(crate) mod wake;

pub(crate) use block::{
    Awaiting, CANCEL_FORWARDED, COMPLETED, DETACHED, ERROR_RETRIEVED, Extras, FORCE_UNWIND,
    HAD_RUN, HAS_RUN, MUST_CANCEL, MUST_NOT_ABANDON, NOTIFIED, ParentScope, RUNNABLE, SCHEDULED,
    TASK_CANCEL, TASK_RETURNED, TaskBlock, TaskPtr,
};
pub(crate) use callback::{Callback, Function};
pub(crate) use cancel_frame::{CancelFrame, Ended, FrameKind};
pub(crate) use clock::{Clock, NEVER, Nanoseconds};
pub(crate) use context::{
    Core, CoreRef, Entered, Handler, Owner, Parts, TaskContext, current, without_task,
};
pub(crate) use exception_context::ExceptionContext;
pub(crate) use group::{Group, Nodes, Outcome, Until};
pub(crate) use id::{CallbackId, TaskId, default_name, next_sequence, next_task_id};
pub(crate) use packet::{AnyPacket, Packet, Place};
pub(crate) use run_queue::{RunQueue, Runnable, Turn};
pub(crate) use task_link::TaskLink;
pub(crate) use task_stack::{TAKING_BYTES, TaskStack, with_room};
pub(crate) use wait_list::{InsertAt, Node, WaitList, Waiter};
pub(crate) use wake::unpark;
