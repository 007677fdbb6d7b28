//! Making tasks, and how one ends: what runs on a task's stack first and last.

#![allow(unsafe_code)]

use std::io;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::ptr::NonNull;
use std::rc::Weak;

use super::cancel;
use super::children::Children;
use super::context::{Core, next_task_id};
use super::group::Fate;
use super::packet::Packet;
use super::report::ExceptionContext;
use super::task::{
    BORROWS, DETACHED, DOOMED, Extras, MUST_CANCEL, OVER, TaskBlock, TaskPtr, UNREPORTED,
};
use crate::arch::Word;
use crate::coroutine::{Ending, Hosted};
use crate::error::TaskError;
use crate::sys::signal::write_stderr;

/// How a task is to be made.
pub(crate) struct Recipe {
    pub(crate) name: Option<String>,
    pub(crate) stack_size: Option<usize>,
    pub(crate) site: &'static Location<'static>,
}

impl Recipe {
    pub(crate) fn new(site: &'static Location<'static>) -> Self {
        Self {
            name: None,
            stack_size: None,
            site,
        }
    }
}

/// Makes a task, which does not run yet and is in no queue.
///
/// # Safety
/// What the body and its result borrow lives until the task is done.
///
/// # Errors
/// If there is no stack to be had.
#[inline]
pub(crate) unsafe fn prepare<T, F>(
    core: &Core,
    recipe: Recipe,
    body: F,
) -> io::Result<(TaskPtr, Packet<T>)>
where
    F: FnOnce() -> Result<T, TaskError>,
{
    // SAFETY: forwarded to the caller.
    unsafe { prepare_keeping(core, recipe, body, |value| value) }
}

/// As [`prepare`], for a task whose value is kept elsewhere: `keep` puts it there, at the task's end,
/// and what it answers goes into the packet. It may not run code of the user's.
///
/// # Safety
/// As [`prepare`]; what `keep` borrows lives as long.
///
/// # Errors
/// As [`prepare`].
#[inline]
pub(crate) unsafe fn prepare_keeping<T, U, F, K>(
    core: &Core,
    recipe: Recipe,
    body: F,
    keep: K,
) -> io::Result<(TaskPtr, Packet<U>)>
where
    F: FnOnce() -> Result<T, TaskError>,
    K: FnOnce(T) -> U,
{
    if core.is_closed.get() {
        return Err(io::Error::other("event loop is closed"));
    }
    let id = next_task_id();
    let name = recipe.name.map(|name| Box::new(name.into_boxed_str()));
    let label = name
        .as_ref()
        .map(|name| std::ptr::from_ref(name.as_bytes()));
    let stack_size = recipe.stack_size.unwrap_or(core.default_stack_size);
    let packet = Packet::<U>::new();
    let any = packet.erase();
    let built = |parked| TaskBlock::new(NonNull::from(core), id, name, any, parked);
    // SAFETY: the name moves into the block and, at the end, into the packet, in its box; whoever
    // frees it there does so when the stack has nothing left to overflow. The rest is the caller's.
    let (block, _) = unsafe {
        Hosted::build(stack_size, label, recipe.site, built, move |block| {
            run(TaskPtr(block), body, keep);
        })?
    };
    let task = TaskPtr(block);
    task.clear_all();
    packet.link().begin(block);
    // SAFETY: the block stays until `end` or `abandoned` has taken it off the list.
    unsafe { core.adopt(task) };
    Ok((task, packet))
}

/// What runs on a task's stack.
fn run<T, U, F, K>(task: TaskPtr, body: F, keep: K)
where
    F: FnOnce() -> Result<T, TaskError>,
    K: FnOnce(T) -> U,
{
    let outcome = if task.has(MUST_CANCEL | DOOMED) {
        // Cancelled before its first step: the body never runs. Its captures may wait as they go.
        task.clear(MUST_CANCEL);
        drop_or_fail(task, body).and_then(|()| Err(TaskError::cancelled(task.message())))
    } else {
        match catch_unwind(AssertUnwindSafe(body)) {
            Ok(result) if task.has(MUST_CANCEL) => {
                task.clear(MUST_CANCEL);
                drop_or_fail(task, result).and_then(|()| Err(TaskError::cancelled(task.message())))
            }
            Ok(result) => result,
            Err(payload) if cancel::is_cancel(&payload, task) => {
                Err(TaskError::cancelled(task.message()))
            }
            Err(payload) => Err(TaskError::panic(payload)),
        }
    };
    let outcome = match outcome {
        // Nobody wants the value. It goes while the task can still wait in its destructor.
        Ok(value) if task.has(DETACHED) => match drop_or_fail(task, value) {
            Ok(()) => None,
            Err(error) => Some(Err(error)),
        },
        outcome => Some(outcome.map(keep)),
    };
    finish(task, outcome);
}

/// Drops a value of the task's; what that unwinds with is an error.
fn drop_or_fail<T>(task: TaskPtr, value: T) -> Result<(), TaskError> {
    catch_unwind(AssertUnwindSafe(|| drop(value))).map_err(|payload| {
        if cancel::is_cancel(&payload, task) {
            TaskError::cancelled(task.message())
        } else {
            TaskError::panic(payload)
        }
    })
}

/// Marks the task as over and tells whoever waits. No code of the user's runs from here on, save
/// the exception handler.
fn finish<T>(task: TaskPtr, outcome: Option<Result<T, TaskError>>) {
    // Most tasks succeed, and are nobody's children.
    let is_plain = task.scope.get().is_none() && !matches!(outcome, Some(Err(_)));
    if !is_plain {
        return finish_with_aftermath(task, outcome);
    }
    // SAFETY: the task's loop is alive: it is what runs the task.
    let core = unsafe { task.core.as_ref() };
    close(core, task, outcome);
    tell(core, task, Fate::Returned);
}

#[cold]
#[inline(never)]
fn finish_with_aftermath<T>(task: TaskPtr, outcome: Option<Result<T, TaskError>>) {
    // SAFETY: as in `finish`.
    let core = unsafe { task.core.as_ref() };
    let aftermath = Aftermath::of(task, outcome.as_ref());
    // Whoever is told of it can't wait here any more.
    let _hidden = core.hide_task();
    close(core, task, outcome);
    tell(core, task, aftermath.fate);
    aftermath.tell(core, task);
}

/// Takes the task off the list, and puts what it leaves into the packet.
#[inline(always)]
fn close<T>(core: &Core, task: TaskPtr, outcome: Option<Result<T, TaskError>>) {
    task.set(OVER);
    core.forget(task);
    let Some(packet) = task.packet.take() else {
        return;
    };
    // SAFETY: the packet was made with the type of the body's result.
    let packet = unsafe { packet.typed::<T>() };
    let name = task.name.take();
    if name.is_some() {
        // SAFETY: this is the task's own stack.
        unsafe { Hosted::forget_name(task.0) };
    }
    packet.link().finish(task.id, name);
    if let Some(outcome) = outcome {
        packet.put(outcome);
    }
    // Seldom the last share: what frees it need not be here.
    drop(packet.into_any());
}

/// What is to be told of a task that has failed, or that is a scope's child, beyond that it is over.
struct Aftermath {
    fate: Fate,
    /// Its scope, and its error for it.
    ended: Option<(NonNull<Children>, Option<TaskError>)>,
    /// The name and the error of a task whose handle is gone: nobody will fetch it, unless its scope does.
    unretrieved: Option<(String, TaskError)>,
}

impl Aftermath {
    fn of<T>(task: TaskPtr, outcome: Option<&Result<T, TaskError>>) -> Self {
        let scope = task.scope.take();
        let error = outcome.and_then(|outcome| outcome.as_ref().err());
        let is_lost = scope.is_none() && task.has(DETACHED) && !task.has(UNREPORTED);
        let lost = error.filter(|error| is_lost && !error.is_cancelled());
        Self {
            fate: error.map_or(Fate::Returned, Fate::of_error),
            ended: scope.map(|scope| (scope, error.cloned())),
            unretrieved: lost.map(|error| (task.name(), error.clone())),
        }
    }

    fn tell(self, core: &Core, task: TaskPtr) {
        if let Some((scope, error)) = self.ended {
            // SAFETY: the scope's frame is not left before this child is over, which it tells here.
            unsafe { scope.as_ref() }.ended(task.id, error);
        }
        if let Some((name, error)) = self.unretrieved {
            report_unretrieved(core, name, error);
        }
    }
}

/// Tells whoever waits that the task is over, in the order in which they came.
#[inline]
fn tell(core: &Core, task: TaskPtr, fate: Fate) {
    if let Some(extras) = task.extras.take() {
        call_back(core, task, fate, extras);
    }
    task.waiters.tell_all(fate);
}

#[cold]
#[inline(never)]
#[allow(
    clippy::boxed_local,
    reason = "moving it would cost every task a larger frame"
)]
fn call_back(core: &Core, task: TaskPtr, fate: Fate, extras: Box<Extras>) {
    for (id, callback) in extras.callbacks {
        task.waiters.tell_before(id.0, fate);
        core.run_queue.push_callback(callback);
    }
}

/// Tells of an error that nobody will fetch.
pub(crate) fn report_unretrieved(core: &Core, name: String, error: TaskError) {
    let message = if core.is_ending_run.get() {
        "unhandled exception during run() shutdown"
    } else {
        "Task exception was never retrieved"
    };
    core.report(
        &ExceptionContext::new(message)
            .with_exception(error)
            .with_subject("task", name),
    );
}

/// Ends a task that came back by its end, with a word.
#[inline]
pub(crate) fn end(core: &Core, task: TaskPtr, word: Word) {
    // SAFETY: the word came from this task.
    match unsafe { Hosted::<TaskBlock>::ending(task.0, word) } {
        Ending::Completed => release(task),
        Ending::Abandoned => abandoned(core, task),
    }
}

/// Gives the stack of a task that is over back.
#[inline]
fn release(task: TaskPtr) {
    debug_assert!(task.has(OVER) && !task.link.is_linked() && task.waiters.is_empty());
    debug_assert!(task.packet.take().is_none() && task.extras.take().is_none());
    debug_assert!(task.name.take().is_none());
    // SAFETY: the task is off the list, out of the queue, has no waiters, and its packet has
    // forgotten it: nobody names it any more. There is nothing left in the block to drop.
    unsafe { Hosted::<TaskBlock>::release(task.0) };
}

/// Ends a task of which frames were left for ever. Its stack and its block stay.
#[cold]
pub(crate) fn abandoned(core: &Core, task: TaskPtr) {
    core.set_current(None);
    if task.has(BORROWS) {
        write_stderr(&[
            b"\nselvedge: the main task can't be ended, and it may borrow from the caller of `run`, \
              which can't be returned to; aborting\n",
        ]);
        std::process::abort();
    }
    task.set(OVER);
    core.forget(task);
    let owner = core.owner.borrow().as_ref().and_then(Weak::upgrade);
    if let Some(owner) = owner {
        owner.leave_behind(task);
    }
    // What it has spawned in its scopes goes on, with nobody to wait for it.
    for child in core.tasks() {
        if task.is_host_of(child) {
            cancel::request(child, None);
        }
    }
    let name = task.name();
    let error = TaskError::misuse(format!(
        "selvedge: the task {name} was abandoned: something that it had started can't be ended, so \
         that its stack is leaked as it is"
    ));
    if let Some(packet) = task.packet.take() {
        packet
            .link()
            .finish(task.id, Some(Box::new(name.clone().into_boxed_str())));
        packet.fail(error.clone());
    }
    tell(core, task, Fate::Failed);
    if let Some(scope) = task.scope.take() {
        // SAFETY: as in `finish`.
        unsafe { scope.as_ref() }.lost(error.clone());
    }
    core.report(
        &ExceptionContext::new("Task was abandoned")
            .with_exception(error)
            .with_subject("task", name),
    );
}
