//! How a task ends: what runs on the task's stack last, and what the loop does then.

#![allow(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use crate::arch::Word;
use crate::coroutine::{Ending, Hosted};
use crate::error::TaskError;
use crate::runtime::cancel::request;
use crate::runtime::core::block::{
    COMPLETED, DETACHED, ERROR_RETRIEVED, Extras, FORCE_UNWIND, MUST_CANCEL, MUST_NOT_ABANDON,
    ParentScope, TaskBlock, TaskPtr,
};
use crate::runtime::core::context::Core;
use crate::runtime::core::exception_context::ExceptionContext;
use crate::runtime::core::group::Outcome;
use crate::runtime::observe::report::report_unretrieved;
use crate::runtime::wait::unwind;
use crate::sys::signal::write_stderr;

/// What runs on a task's stack.
pub(crate) fn run<T, U, F, K>(task: TaskPtr, body: F, keep: K)
where
    F: FnOnce() -> Result<T, TaskError>,
    K: FnOnce(T) -> U,
{
    let outcome = if task.has(MUST_CANCEL | FORCE_UNWIND) {
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
            Err(payload) if unwind::is_cancel(&payload, task) => {
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
        if unwind::is_cancel(&payload, task) {
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
        return finish_and_report(task, outcome);
    }
    // SAFETY: the task's loop is alive: it is what runs the task.
    let core = unsafe { task.core.as_ref() };
    close(core, task, outcome);
    tell(core, task, Outcome::Returned);
}

#[cold]
#[inline(never)]
fn finish_and_report<T>(task: TaskPtr, outcome: Option<Result<T, TaskError>>) {
    // SAFETY: as in `finish`.
    let core = unsafe { task.core.as_ref() };
    let report = EndReport::of(task, outcome.as_ref());
    // Whoever is told of it can't wait here any more.
    let _hidden = core.hide_task();
    close(core, task, outcome);
    tell(core, task, report.outcome);
    report.tell(core, task);
}

/// Takes the task off the list, and puts what it leaves into the packet.
#[inline(always)]
fn close<T>(core: &Core, task: TaskPtr, outcome: Option<Result<T, TaskError>>) {
    task.set(COMPLETED);
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
struct EndReport {
    outcome: Outcome,
    /// Its scope, and its error for it.
    ended: Option<(NonNull<dyn ParentScope>, Option<TaskError>)>,
    /// The name and the error of a task whose handle is gone: nobody will fetch it, unless its scope does.
    unretrieved: Option<(String, TaskError)>,
}

impl EndReport {
    fn of<T>(task: TaskPtr, outcome: Option<&Result<T, TaskError>>) -> Self {
        let scope = task.scope.take();
        let error = outcome.and_then(|outcome| outcome.as_ref().err());
        let is_lost = scope.is_none() && task.has(DETACHED) && !task.has(ERROR_RETRIEVED);
        let lost = error.filter(|error| is_lost && !error.is_cancelled());
        Self {
            outcome: error.map_or(Outcome::Returned, Outcome::of_error),
            ended: scope.map(|scope| (scope, error.cloned())),
            unretrieved: lost.map(|error| (task.name(), error.clone())),
        }
    }

    fn tell(self, core: &Core, task: TaskPtr) {
        if let Some((scope, error)) = self.ended {
            // SAFETY: the scope's frame is not left before this child is over, which it tells here.
            unsafe { scope.as_ref() }.child_ended(task.id, error);
        }
        if let Some((name, error)) = self.unretrieved {
            report_unretrieved(core, name, error);
        }
    }
}

/// Tells whoever waits that the task is over, in the order in which they came.
#[inline]
fn tell(core: &Core, task: TaskPtr, outcome: Outcome) {
    if let Some(extras) = task.extras.take() {
        call_back(core, task, outcome, extras);
    }
    task.waiters.tell_all(outcome);
}

#[cold]
#[inline(never)]
#[allow(
    clippy::boxed_local,
    reason = "moving it would cost every task a larger frame"
)]
fn call_back(core: &Core, task: TaskPtr, outcome: Outcome, extras: Box<Extras>) {
    for (id, callback) in extras.callbacks {
        task.waiters.tell_before(id.0, outcome);
        core.run_queue.push_callback(callback);
    }
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
    debug_assert!(task.has(COMPLETED) && !task.link.is_linked() && task.waiters.is_empty());
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
    if task.has(MUST_NOT_ABANDON) {
        write_stderr(&[
            b"\nselvedge: the main task can't be ended, and it may borrow from the caller of `run`, \
              which can't be returned to; aborting\n",
        ]);
        std::process::abort();
    }
    task.set(COMPLETED);
    core.forget(task);
    if let Some(owner) = core.parts().owner.upgrade() {
        owner.unregister_abandoned(task);
    }
    // What it has spawned in its scopes goes on, with nobody to wait for it.
    for child in core.tasks() {
        if task.is_host_of(child) {
            request::cancel(child, None);
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
    tell(core, task, Outcome::Failed);
    if let Some(scope) = task.scope.take() {
        // SAFETY: as in `finish`.
        unsafe { scope.as_ref() }.child_abandoned(error.clone());
    }
    core.report(
        &ExceptionContext::new("Task was abandoned")
            .with_exception(error)
            .with_subject("task", name),
    );
}
