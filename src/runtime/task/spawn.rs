//! Making tasks of a loop, and putting them into its run queue.

#![allow(unsafe_code)]

use std::io;
use std::panic::Location;
use std::ptr::NonNull;

use super::{Destination, Task, dispatch_now, run};
use crate::coroutine::{Hosted, OpenFrame};
use crate::error::TaskError;
use crate::runtime::core::{AnyPacket, Core, Packet, RUNNABLE, TaskBlock, TaskPtr, next_task_id};
use crate::runtime::observe::unread_error_with_text;

/// Settings of a new task.
pub(crate) struct SpawnOptions {
    pub(crate) name: Option<String>,
    pub(crate) stack_size_bytes: Option<usize>,
    pub(crate) site: &'static Location<'static>,
}

impl SpawnOptions {
    pub(crate) fn new(site: &'static Location<'static>) -> Self {
        Self {
            name: None,
            stack_size_bytes: None,
            site,
        }
    }
}

/// Makes a task that is in no queue, so that it does not run yet. `unread` returns the error to report for a value that
/// is dropped without a handle.
///
/// # Safety
/// What the body and its result borrow lives until the task is done.
///
/// # Errors
/// If there is no stack, or the loop is closed.
#[inline]
pub(crate) unsafe fn prepare<T, F, L>(
    core: &Core,
    options: SpawnOptions,
    body: F,
    unread: L,
) -> io::Result<(TaskPtr, Packet<T>)>
where
    F: FnOnce() -> Result<T, TaskError>,
    L: FnOnce(&T) -> Option<TaskError>,
{
    let packet = Packet::<T>::new();
    // SAFETY: the task's block has a share until the outcome is stored. The rest is the caller's.
    let task = unsafe { prepare_for(core, options, body, packet.erase(), packet.place(), unread)? };
    Ok((task, packet))
}

/// The maximum size of values that may be moved several times. Without optimization, each move uses the
/// value's size on the stack.
pub(crate) const MAX_MOVED: usize = 512;

/// As [`prepare`], for a value with any destination.
///
/// # Safety
/// As [`prepare`]; objects that the destination borrows live as long as the task.
///
/// # Errors
/// As [`prepare`].
#[inline]
pub(crate) unsafe fn prepare_for<T, F, D, L>(
    core: &Core,
    options: SpawnOptions,
    body: F,
    packet: AnyPacket,
    destination: D,
    unread: L,
) -> io::Result<TaskPtr>
where
    F: FnOnce() -> Result<T, TaskError>,
    D: Destination<T>,
    L: FnOnce(&T) -> Option<TaskError>,
{
    // SAFETY: forwarded to the caller.
    unsafe {
        if const { size_of::<F>() > MAX_MOVED } {
            let body = Box::new(body);
            let whole = move |block| run(TaskPtr(block), body, destination, unread);
            build(core, options, packet, whole)
        } else {
            let whole = move |block| run(TaskPtr(block), body, destination, unread);
            build(core, options, packet, whole)
        }
    }
}

/// Makes a task of everything that runs on its stack.
///
/// # Safety
/// What `whole` borrows lives until the task is done.
#[inline]
unsafe fn build(
    core: &Core,
    options: SpawnOptions,
    packet: AnyPacket,
    whole: impl FnOnce(NonNull<TaskBlock>),
) -> io::Result<TaskPtr> {
    if core.is_closed.get() {
        return Err(io::Error::other("event loop is closed"));
    }
    let id = next_task_id();
    let name = options.name.map(|name| Box::new(name.into_boxed_str()));
    let label = name
        .as_ref()
        .map(|name| std::ptr::from_ref(name.as_bytes()));
    let stack_size_bytes = options.stack_size_bytes.unwrap_or(core.default_stack_size);
    let begun = packet.clone();
    let built = |parked| TaskBlock::new(NonNull::from(core), id, name, packet, parked);
    // SAFETY: the name moves into the block and, at the task's end, into the packet, in the same box; it
    // is freed there, when no frame is left that could overflow the stack. The rest is the caller's.
    let (block, _) =
        unsafe { Hosted::build(stack_size_bytes, label, id.0, options.site, built, whole)? };
    let task = TaskPtr(block);
    task.clear_all();
    begun.link().begin(block);
    // SAFETY: the block stays until `store_outcome` or `abandoned` has taken it off the list.
    unsafe { core.adopt(task) };
    Ok(task)
}

/// Makes a task that begins in the next iteration.
///
/// # Panics
/// If there is no stack, or the loop is closed.
#[track_caller]
#[inline]
pub(crate) fn spawn_on<T, F>(core: &Core, options: SpawnOptions, body: F) -> Task<T>
where
    T: 'static,
    F: FnOnce() -> Result<T, TaskError> + 'static,
{
    expect_task(try_spawn_on(core, options, body))
}

/// Returns the task that was made.
///
/// # Panics
/// If it was not made.
#[track_caller]
#[inline]
pub(crate) fn expect_task<T>(made: io::Result<T>) -> T {
    match made {
        Ok(task) => task,
        Err(error) => panic!("selvedge: no task: {error}"),
    }
}

/// Makes a task that begins in the next iteration.
///
/// # Errors
/// If there is no stack, or the loop is closed.
#[inline]
pub(crate) fn try_spawn_on<T, F>(core: &Core, options: SpawnOptions, body: F) -> io::Result<Task<T>>
where
    T: 'static,
    F: FnOnce() -> Result<T, TaskError> + 'static,
{
    // SAFETY: body and result are 'static.
    let (task, packet) = unsafe { prepare(core, options, body, unread_error_with_text)? };
    task.set(RUNNABLE);
    core.run_queue.push_task(task, task.parked.get());
    Ok(Task::new(packet, core.weak()))
}

/// Makes a task and runs it at once up to its first suspension.
///
/// # Errors
/// If there is no stack, or the loop is closed.
pub(crate) fn spawn_eagerly<T, F>(
    core: &Core,
    options: SpawnOptions,
    body: F,
) -> io::Result<Task<T>>
where
    T: 'static,
    F: FnOnce() -> Result<T, TaskError> + 'static,
{
    // The new task runs on top of this stack, and must leave the stack first.
    let _open = OpenFrame::open();
    // SAFETY: body and result are 'static.
    let (task, packet) = unsafe { prepare(core, options, body, unread_error_with_text)? };
    let handle = Task::new(packet, core.weak());
    task.set(RUNNABLE);
    dispatch_now(core, task);
    Ok(handle)
}
