//! How a task ends: what the task does last on its own stack, and what the loop does afterwards.

#![allow(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use crate::arch::Word;
use crate::coroutine::{Ending, Hosted};
use crate::error::TaskError;
use crate::runtime::cancel::request;
use crate::runtime::core::{
    AnyPacket, COMPLETED, Core, DETACHED, ERROR_RETRIEVED, ExceptionContext, Extras, FORCE_UNWIND,
    MUST_CANCEL, MUST_NOT_ABANDON, Outcome, ParentScope, Place, TaskBlock, TaskPtr, cancel_frame,
};
use crate::runtime::observe::report_unretrieved;
use crate::runtime::wait::delivery;
use crate::sys::signal::write_stderr;

/// The place where a task stores its value.
pub(crate) trait Destination<T> {
    /// Calls the body, and stores its value.
    fn store(&self, body: impl FnOnce() -> Result<T, TaskError>) -> Result<(), TaskError>;

    /// Calls a function with the stored value.
    fn look<R>(&self, f: impl FnOnce(&T) -> Option<R>) -> Option<R>;

    /// Drops the stored value.
    fn discard(&mut self);
}

impl<T> Destination<T> for Place<T> {
    #[inline]
    fn store(&self, body: impl FnOnce() -> Result<T, TaskError>) -> Result<(), TaskError> {
        Self::store(self, body)
    }

    fn look<R>(&self, f: impl FnOnce(&T) -> Option<R>) -> Option<R> {
        self.stored().and_then(f)
    }

    fn discard(&mut self) {
        Self::discard(self);
    }
}

/// Everything that runs on a task's stack: the body, and the task's completion. `unread` returns the error to report
/// for a value that is dropped without a handle.
pub(crate) fn run<T, F, D, L>(task: TaskPtr, body: F, mut destination: D, unread: L)
where
    F: FnOnce() -> Result<T, TaskError>,
    D: Destination<T>,
    L: FnOnce(&T) -> Option<TaskError>,
{
    let result = if task.has(MUST_CANCEL | FORCE_UNWIND) {
        // Cancelled before its first step: the body never runs. The destructors of its captures may wait.
        cancel_frame::withdraw(task);
        catch(task, || drop(body)).and_then(|()| Err(TaskError::cancelled(task.message())))
    } else {
        match catch(task, || destination.store(body)) {
            // The request was not delivered, so the error does not come from the request.
            Ok(Err(error)) if task.has(MUST_CANCEL) && !cancel_frame::is_returned(task) => {
                cancel_frame::withdraw(task);
                Err(error)
            }
            Ok(result) if task.has(MUST_CANCEL) => {
                cancel_frame::withdraw(task);
                let dropped = match result {
                    Ok(()) => catch(task, || destination.discard()),
                    Err(error) => catch(task, || drop(error)),
                };
                dropped.and_then(|()| Err(TaskError::cancelled(task.message())))
            }
            Ok(result) => result,
            Err(error) => Err(error),
        }
    };
    let outcome = match result {
        // No handle is left for the value. It is dropped here, where its destructor can still wait.
        Ok(()) if task.has(DETACHED) => {
            if let Some(error) = destination.look(unread) {
                report_unread(task, error);
            }
            match catch(task, || destination.discard()) {
                Ok(()) => None,
                Err(error) => Some(Err(error)),
            }
        }
        result => Some(result),
    };
    complete(task, outcome);
}

/// Reports an `Err` that a task has returned as its value, without a handle that could read it.
#[cold]
fn report_unread(task: TaskPtr, error: TaskError) {
    if !task.has(ERROR_RETRIEVED) {
        // SAFETY: the task's loop is alive, because it runs the task.
        report_unretrieved(Some(unsafe { task.core.as_ref() }), task.name(), error);
    }
}

/// Calls code of the task. A panic or a cancel in the code becomes the error.
fn catch<R>(task: TaskPtr, f: impl FnOnce() -> R) -> Result<R, TaskError> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| {
        if delivery::is_cancel(&payload, task) {
            TaskError::cancelled(task.message())
        } else {
            TaskError::panic_of(Some(task.name()), payload)
        }
    })
}

/// Marks the task as completed, stores its outcome and notifies those that wait for the task. From here
/// on no user code runs but the exception handler.
fn complete(task: TaskPtr, outcome: Option<Result<(), TaskError>>) {
    // Most tasks succeed, and belong to no scope.
    let is_plain = task.scope.get().is_none() && !matches!(outcome, Some(Err(_)));
    if !is_plain {
        return complete_with_report(task, outcome);
    }
    // SAFETY: the task's loop is alive, because it runs the task.
    let core = unsafe { task.core.as_ref() };
    let packet = store_outcome(core, task, outcome);
    notify_waiters(core, task, Outcome::Returned);
    // This is the last step, because it drops an error that no code retrieves. This is seldom the last share, so the
    // code that frees the packet need not be inlined here.
    drop(packet);
}

#[cold]
#[inline(never)]
fn complete_with_report(task: TaskPtr, outcome: Option<Result<(), TaskError>>) {
    // SAFETY: as in `complete`.
    let core = unsafe { task.core.as_ref() };
    let report = EndReport::of(task, outcome.as_ref());
    // The code that is notified may not wait: the task has completed.
    let _hidden = core.hide_task();
    let packet = store_outcome(core, task, outcome);
    notify_waiters(core, task, report.outcome);
    report.deliver(core, task);
    // As in `complete`.
    drop(packet);
}

/// Removes the task from the loop's list, and moves the task's name and outcome into the packet. Returns the task's
/// share.
#[inline(always)]
fn store_outcome(
    core: &Core,
    task: TaskPtr,
    outcome: Option<Result<(), TaskError>>,
) -> Option<AnyPacket> {
    task.set(COMPLETED);
    core.forget(task);
    let packet = task.packet.take()?;
    let name = task.name.take();
    if name.is_some() {
        // SAFETY: this is the task's own stack.
        unsafe { Hosted::forget_name(task.0) };
    }
    packet.link().finish(task.id, name, task.n_cancels.get());
    match outcome {
        Some(Ok(())) => packet.set_returned(),
        Some(Err(error)) => packet.fail(error),
        None => {}
    }
    Some(packet)
}

/// What the end of a task that has failed, or that is a scope's child, has to be reported to besides its
/// waiters.
struct EndReport {
    outcome: Outcome,
    /// The task's scope, and the error that the scope gets.
    ended: Option<(NonNull<dyn ParentScope>, Option<TaskError>)>,
    /// Name and error of a task whose handle was dropped and that belongs to no scope: the error can't be
    /// retrieved any more.
    unretrieved: Option<(String, TaskError)>,
}

impl EndReport {
    fn of(task: TaskPtr, outcome: Option<&Result<(), TaskError>>) -> Self {
        let scope = task.scope.get();
        let error = outcome.and_then(|outcome| outcome.as_ref().err());
        let is_unretrieved = scope.is_none() && task.has(DETACHED) && !task.has(ERROR_RETRIEVED);
        let unretrieved = error.filter(|error| is_unretrieved && !error.is_cancelled());
        Self {
            outcome: error.map_or(Outcome::Returned, Outcome::of_error),
            ended: scope.map(|scope| (scope, error.cloned())),
            unretrieved: unretrieved.map(|error| (task.name(), error.clone())),
        }
    }

    fn deliver(self, core: &Core, task: TaskPtr) {
        if let Some((scope, error)) = self.ended {
            // SAFETY: the scope's frame is not left before this child has reported its end, as it does here.
            unsafe { scope.as_ref() }.child_ended(task.id, error);
            // This must happen now, because it runs user code, which may abandon this task: then `abandoned`
            // notifies the scope.
            task.scope.set(None);
        }
        if let Some((name, error)) = self.unretrieved {
            report_unretrieved(Some(core), name, error);
        }
    }
}

/// Schedules the done callbacks and wakes the waiting tasks, in the order in which they were added.
#[inline]
fn notify_waiters(core: &Core, task: TaskPtr, outcome: Outcome) {
    if let Some(extras) = task.extras.take() {
        schedule_callbacks(core, task, outcome, extras);
    }
    task.waiters.notify_all(outcome);
}

#[cold]
#[inline(never)]
#[allow(
    clippy::boxed_local,
    reason = "moving it would cost every task a larger frame"
)]
fn schedule_callbacks(core: &Core, task: TaskPtr, outcome: Outcome, extras: Box<Extras>) {
    for (id, callback) in extras.callbacks {
        task.waiters.notify_before(id.0, outcome);
        core.run_queue.push_callback(callback);
    }
}

/// Cleans up after a task whose stack was left for the last time; `word` says how.
#[inline]
pub(crate) fn clean_up(core: &Core, task: TaskPtr, word: Word) {
    // SAFETY: the word came from this task.
    match unsafe { Hosted::<TaskBlock>::ending(task.0, word) } {
        Ending::Completed => free_stack(task),
        Ending::Abandoned => abandoned(core, task),
    }
}

/// Returns the stack of a completed task to its pool, and with it the task's block.
#[inline]
fn free_stack(task: TaskPtr) {
    debug_assert!(task.has(COMPLETED) && !task.link.is_linked() && task.waiters.is_empty());
    debug_assert!(task.packet.take().is_none() && task.extras.take().is_none());
    debug_assert!(task.name.take().is_none() && task.frames.get().is_none());
    // SAFETY: the task is off the list, out of the queue, has no waiters, and its packet has forgotten
    // it, so that no reference to it is left. The block has nothing left to drop.
    unsafe { Hosted::<TaskBlock>::release(task.0) };
}

/// Completes a task whose frames were abandoned. Its stack and its block are leaked.
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
    // The tasks that it has spawned in scopes continue without a host that waits for them: they are cancelled.
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
        packet.link().finish(
            task.id,
            Some(Box::new(name.clone().into_boxed_str())),
            task.n_cancels.get(),
        );
        packet.fail(error.clone());
    }
    notify_waiters(core, task, Outcome::Failed);
    if let Some(scope) = task.scope.take() {
        // SAFETY: as in `EndReport::deliver`.
        unsafe { scope.as_ref() }.child_abandoned(error.clone());
    }
    core.report(
        &ExceptionContext::new("Task was abandoned")
            .with_exception(error)
            .with_subject("task", name),
    );
}
