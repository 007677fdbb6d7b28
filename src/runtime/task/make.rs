//! Making tasks that a loop owns, and putting them into its queue.

#![allow(unsafe_code)]

use std::io;

use super::dispatch::dispatch_now;
use super::handle::Task;
use super::spawn::{SpawnOptions, prepare};
use crate::error::TaskError;
use crate::runtime::core::block::SCHEDULED;
use crate::runtime::core::context::Core;

/// Makes a task that begins in the next iteration.
///
/// # Panics
/// If there is no stack to be had.
#[track_caller]
#[inline]
pub(crate) fn spawn_on<T, F>(core: &Core, options: SpawnOptions, body: F) -> Task<T>
where
    T: 'static,
    F: FnOnce() -> Result<T, TaskError> + 'static,
{
    match try_spawn_on(core, options, body) {
        Ok(task) => task,
        Err(error) => panic!("selvedge: no task: {error}"),
    }
}

/// Makes a task that begins in the next iteration.
///
/// # Errors
/// If there is no stack to be had.
#[inline]
pub(crate) fn try_spawn_on<T, F>(core: &Core, options: SpawnOptions, body: F) -> io::Result<Task<T>>
where
    T: 'static,
    F: FnOnce() -> Result<T, TaskError> + 'static,
{
    // SAFETY: body and result are 'static.
    let (task, packet) = unsafe { prepare(core, options, body)? };
    task.set(SCHEDULED);
    core.run_queue.push_task(task, task.parked.get());
    Ok(Task::new(packet, core.weak()))
}

/// Makes a task and runs its first step now.
///
/// # Errors
/// If there is no stack to be had.
pub(crate) fn spawn_eagerly<T, F>(
    core: &Core,
    options: SpawnOptions,
    body: F,
) -> io::Result<Task<T>>
where
    T: 'static,
    F: FnOnce() -> Result<T, TaskError> + 'static,
{
    // SAFETY: body and result are 'static.
    let (task, packet) = unsafe { prepare(core, options, body)? };
    let handle = Task::new(packet, core.weak());
    task.set(SCHEDULED);
    dispatch_now(core, task);
    Ok(handle)
}
